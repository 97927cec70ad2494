import { describe, expect, it } from 'vitest'
import { rowsInSight, scrollTo } from './virtualRows'

const list = { count: 10_000, rowHeight: 50 }

describe('rows in sight', () => {
  it('are few, whatever the list is', () => {
    const rows = rowsInSight(list, { top: 250_000, height: 500 })
    expect(rows[0]).toBe(4_994)
    expect(rows.at(-1)).toBe(5_015)
    expect(rows).toHaveLength(22)
  })
  it('stay within the list', () => {
    expect(rowsInSight({ count: 3, rowHeight: 50 }, { top: 0, height: 500 })).toEqual([0, 1, 2])
    expect(rowsInSight({ count: 0, rowHeight: 50 }, { top: 90, height: 500 }, 0)).toEqual([])
    // The list became short while it was scrolled far down.
    expect(rowsInSight({ count: 3, rowHeight: 50 }, { top: 90_000, height: 500 })).toEqual([])
  })
  it('hold the row that has the focus, in order', () => {
    expect(rowsInSight(list, { top: 250_000, height: 500 }, 7)[0]).toBe(7)
    expect(rowsInSight(list, { top: 0, height: 500 }, 9_999).at(-1)).toBe(9_999)
    expect(rowsInSight(list, { top: 0, height: 500 }, 3)).toHaveLength(16)
    expect(rowsInSight(list, { top: 0, height: 500 }, 10_000)).toHaveLength(16)
  })
})

it('scrolls as little as needed', () => {
  const scroll = { top: 1_000, height: 500 }
  expect(scrollTo(25, 50, scroll)).toBe(1_000)
  expect(scrollTo(3, 50, scroll)).toBe(150)
  expect(scrollTo(30, 50, scroll)).toBe(1_050)
})
