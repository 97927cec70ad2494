import { describe, expect, it } from 'vitest'
import * as format from './format'

describe('formatters', () => {
  it('never show 0 for no value', () => {
    for (const value of [null, undefined, NaN]) {
      expect(format.formatBytes(value)).toBe('-')
      expect(format.formatRatio(value)).toBe('-')
      expect(format.formatDuration(value)).toBe('-')
      expect(format.formatTime(value)).toBe('-')
      expect(format.formatCount(value)).toBe('-')
      expect(format.formatBytesPerSecond(value)).toBe('-')
    }
  })
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [1536, '1.5 KiB'],
    [1_048_575, '1 MiB'],
    [-2048, '-2 KiB'],
    [5.5 * 2 ** 50, '5.5 PiB'],
    [2 ** 61, '2048 PiB'],
  ])('bytes %d', (value, text) => expect(format.formatBytes(value)).toBe(text))
  it.each([
    [999, '999'],
    [12_345, '12.3k'],
    [999_999, '1M'],
    [0.1234, '0.123'],
  ])('counts %d', (value, text) => expect(format.formatCount(value)).toBe(text))
  it.each([
    [0, '0 s'],
    [0.0004, '0.4 ms'],
    [0.25, '250 ms'],
    [1.25, '1.25 s'],
    [59.6, '1 min'],
    [7500, '2 h 5 min'],
    [3 * 86_400 + 4 * 3600 + 59, '3 d 4 h'],
    [86_400, '1 d'],
    [86_460, '1 d'],
    [-90, '-1 min 30 s'],
  ])('durations %d', (value, text) => expect(format.formatDuration(value)).toBe(text))
  it.each([
    [0, '0'],
    [0.00012, '1.20e-4'],
    [12.34567, '12.35'],
    [123_456_789, '123457000'],
    [Infinity, '+Inf'],
    [-Infinity, '-Inf'],
    [NaN, '-'],
  ])('numbers %d', (value, text) => expect(format.formatNumber(value)).toBe(text))
  it('writes times in ISO order with the offset', () => {
    const ms = new Date(2026, 10, 3, 8, 0, 5).getTime()
    expect(format.formatTime(ms)).toBe('2026-11-03 08:00:05')
    expect(format.formatTimeWithOffset(ms)).toMatch(/^2026-11-03 08:00:05 [+-]\d{2}:\d{2}$/)
  })
  it('groups digits and writes ratios', () => {
    expect(format.formatInteger(1_234_567.4)).toBe('1,234,567')
    expect(format.formatRatio(0.4567)).toBe('45.7%')
    expect(format.formatMilliseconds(1_250)).toBe('1.25 s')
  })
})
