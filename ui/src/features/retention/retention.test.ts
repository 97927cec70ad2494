import { describe, expect, it } from 'vitest'
import {
  BARS_MAX,
  DAY_MS,
  dayBars,
  daysOf,
  forecastOf,
  HORIZON_DAYS,
  horizonMs,
  oldestMs,
  type RetentionReport,
} from './retention'

const NOW = Date.parse('2026-11-27T12:00:00Z')
const ago = (days: number) => new Date(NOW - days * DAY_MS).toISOString()
const GB = 1e9

const report: RetentionReport = {
  rules: [{ keep_s: 90 * 86_400, active_series: 100, bytes_estimate: 0, oldest_at: ago(10) }],
  thinned: [],
  spans: [],
  bytes: 10 * GB,
  bytes_per_day: GB,
  disk_free_bytes: 500 * GB,
  disk_total_bytes: 1_000 * GB,
}

describe('forecast', () => {
  it('grows until as much goes as comes', () => {
    const forecast = forecastOf(report, NOW)
    expect(forecast?.steadyBytes).toBe(90 * GB)
    expect(forecast?.steadyAtMs).toBe(NOW + 80 * DAY_MS)
    expect(forecast?.fullAtMs).toBeUndefined()
    expect(forecast?.points[0]).toEqual([NOW, 10 * GB])
    expect(forecast?.points[5]?.[1]).toBe(15 * GB)
    expect(forecast?.points[300]?.[1]).toBe(90 * GB)
  })

  it('tells the day on which the disk is full', () => {
    const forecast = forecastOf({ ...report, disk_free_bytes: 20 * GB }, NOW)
    expect(forecast?.fullAtMs).toBe(NOW + 20 * DAY_MS)
    expect(forecast?.points.at(-1)?.[1]).toBe(30 * GB)
  })

  it('stops at the bound of the size before the disk is full', () => {
    const forecast = forecastOf({ ...report, bytes_max: 25 * GB, disk_free_bytes: 20 * GB }, NOW)
    expect(forecast?.cappedAtMs).toBe(NOW + 15 * DAY_MS)
    expect(forecast?.fullAtMs).toBeUndefined()
    expect(forecast?.steadyBytes).toBe(25 * GB)
  })

  it('never ends when samples are kept for ever', () => {
    const rules = [{ active_series: 1, bytes_estimate: 0, oldest_at: ago(10) }]
    const forecast = forecastOf({ ...report, rules }, NOW)
    expect(forecast?.steadyBytes).toBeUndefined()
    expect(forecast?.fullAtMs).toBe(NOW + 500 * DAY_MS)
  })

  it('divides what a day takes among the rules', () => {
    const rules = [
      {
        match: '{a="b"}',
        keep_s: 5 * 86_400,
        active_series: 25,
        bytes_estimate: 0,
        oldest_at: ago(5),
      },
      { keep_s: 20 * 86_400, active_series: 75, bytes_estimate: 0, oldest_at: ago(10) },
    ]
    const forecast = forecastOf({ ...report, rules }, NOW)
    // Of the first as much goes as comes; of the second ten days of three quarters come.
    expect(forecast?.steadyBytes).toBe(17.5 * GB)
    expect(forecast?.steadyAtMs).toBe(NOW + 10 * DAY_MS)
  })

  it('counts the rows that stay of samples', () => {
    const row = { resolution_s: 300, bytes: GB, oldest_at: ago(40) }
    const steady = (thinned: RetentionReport['thinned'], change: Partial<RetentionReport> = {}) =>
      forecastOf({ ...report, ...change, thinned }, NOW)?.steadyBytes
    // The file of rows begins before the samples, of which none went: ten days make 1 GB.
    const spans = [{ start: ago(10), end: ago(9), bytes: 1, series: 1 }]
    expect(steady([{ ...row, keep_s: 110 * 86_400 }], { spans })).toBe((90 + 10) * GB)
    // Samples are gone: forty days make 1 GB.
    const old = [{ start: ago(90), end: ago(89), bytes: 1, series: 1 }]
    const kept = { ...row, keep_s: 80 * 86_400, oldest_at: ago(120) }
    expect(steady([kept], { spans: old })).toBe(90 * GB)
    expect(steady([{ ...kept, keep_s: 240 * 86_400 }], { spans: old })).toBe((90 + 1) * GB)
    expect(steady([{ ...row, keep_s: null }])).toBeUndefined()
    expect(steady([{ ...row, keep_s: 0 }])).toBe(90 * GB)
    const fresh = { ...row, oldest_at: ago(0.5), keep_s: 86_400 * 400 }
    expect(steady([fresh, { ...fresh, bytes: 0, oldest_at: null }])).toBe(90 * GB)
    const forecast = forecastOf({ ...report, thinned: [{ ...row, keep_s: 80 * 86_400 }] }, NOW)
    expect(forecast?.bytesPerDay).toBe(GB + GB / 40)
  })

  it('is not made of nothing', () => {
    expect(forecastOf({ ...report, bytes_per_day: null }, NOW)).toBeUndefined()
    const idle = forecastOf({ ...report, bytes_per_day: 0 }, NOW)
    expect(idle?.points.at(-1)?.[1]).toBe(10 * GB)
    expect(idle?.fullAtMs).toBeUndefined()
  })

  it('is shown as far as something happens', () => {
    const until = (change: Partial<RetentionReport>) =>
      (horizonMs(forecastOf({ ...report, ...change }, NOW)!, NOW) - NOW) / DAY_MS
    expect(until({})).toBeCloseTo(92)
    expect(until({ disk_free_bytes: 50 * GB })).toBeCloseTo(57.5)
    expect(until({ bytes_max: 11 * GB })).toBe(30)
    const forever = [{ active_series: 1, bytes_estimate: 0, oldest_at: ago(1) }]
    expect(until({ rules: forever, disk_free_bytes: 1e15 })).toBeCloseTo(103.5)
    expect(until({ rules: forever, disk_free_bytes: 700 * GB })).toBe(HORIZON_DAYS)
    const years = [{ keep_s: 1_095 * 86_400, active_series: 1, bytes_estimate: 0 }]
    expect(until({ rules: years, disk_free_bytes: 1e15 })).toBe(HORIZON_DAYS)
  })
})

describe('days', () => {
  const span = (day: number, bytes: number) => ({
    start: ago(day),
    end: ago(day - 1),
    bytes,
    series: 3,
    samples: null,
  })
  it('are bars by the largest, the newest ones', () => {
    const bars = dayBars([span(3, 50), span(2, 100)])
    expect(bars.map((bar) => bar.share)).toEqual([0.5, 1])
    expect(bars[0]?.endMs).toBe(bars[1]?.startMs)
    const many = Array.from({ length: 400 }, (_, at) => span(400 - at, at))
    expect(dayBars(many)).toHaveLength(BARS_MAX)
    expect(dayBars([span(1, 0)])[0]?.share).toBe(0)
    expect(dayBars([])).toEqual([])
  })
  it('begin somewhere', () => {
    expect(oldestMs({ ...report, spans: [span(7, 1)] })).toBe(NOW - 7 * DAY_MS)
    expect(oldestMs(report)).toBeUndefined()
    expect(daysOf(86_400 * 1.5)).toBe(1.5)
  })
})
