import { describe, expect, it } from 'vitest'
import { describeRange, type RangeWords } from './describeRange'

const words: RangeWords = {
  last: (count, unit) => `last ${count}${unit}`,
  named: (name) => `<${name}>`,
}
const at = (hour: number, minute = 0, second = 0) =>
  String(new Date(2026, 10, 23, hour, minute, second).getTime())

describe('describeRange', () => {
  it('uses the words of presets and named ranges', () => {
    expect(describeRange({ from: 'now-6h', to: 'now' }, words)).toBe('last 6h')
    expect(describeRange({ from: 'now/w', to: 'now' }, words)).toBe('<this_week>')
  })
  it('names the day once when both ends are on it', () => {
    expect(describeRange({ from: at(8), to: at(9, 30) }, words)).toBe('2026-11-23 08:00 – 09:30')
    expect(describeRange({ from: at(8, 0, 5), to: at(9) }, words)).toBe(
      '2026-11-23 08:00:05 – 09:00',
    )
  })
  it('keeps other relative ends as they are written', () => {
    expect(describeRange({ from: 'now-3h', to: 'now-1h' }, words)).toBe('now-3h – now-1h')
    expect(describeRange({ from: at(8), to: 'now' }, words)).toBe('2026-11-23 08:00 – now')
  })
})
