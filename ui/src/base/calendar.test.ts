import { describe, expect, it } from 'vitest'
import { monthSheet } from './calendar'

describe('monthSheet', () => {
  it('begins on the Monday on or before the first', () => {
    const sheet = monthSheet(2026, 10)
    expect(sheet[0]?.[0]).toMatchObject({ day: 26, inMonth: false })
    expect(sheet[0]?.[6]).toMatchObject({ day: 1, inMonth: true })
    expect(new Date(sheet[0]?.[0]?.startMs ?? 0).getDay()).toBe(1)
  })
  it('has each day of the month once, without gaps', () => {
    const days = monthSheet(2028, 1).flat()
    expect(days.filter(({ inMonth }) => inMonth).map(({ day }) => day)).toEqual(
      Array.from({ length: 29 }, (_, index) => index + 1),
    )
    for (const [index, day] of days.entries()) {
      expect(day.endMs + 1).toBe(days[index + 1]?.startMs ?? day.endMs + 1)
    }
  })
})
