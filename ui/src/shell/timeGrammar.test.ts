import { describe, expect, it } from 'vitest'
import {
  absoluteRange,
  isRelative,
  NAMED,
  parseDuration,
  parseTyped,
  PRESETS,
  resolveInstant,
  resolveRange,
  shiftSpan,
  stepSeconds,
  widenSpan,
} from './timeGrammar'

/** A Tuesday afternoon, local time. */
const NOW = new Date(2026, 10, 24, 15, 30, 45, 500).getTime()
const HOUR = 3_600_000
const local = (...parts: [number, number, number, number?, number?, number?, number?]) =>
  new Date(...(parts as [number, number, number])).getTime()

describe('durations', () => {
  it('adds up units', () => {
    expect(parseDuration('90s')).toBe(90_000)
    expect(parseDuration('2h30m')).toBe(2.5 * HOUR)
    expect(parseDuration('1w1d')).toBe(8 * 24 * HOUR)
  })
  it('refuses what is none', () => {
    for (const text of ['', 'h', '2', '2x', '-2h', '2h ', '0s', '1M', '1y']) {
      expect(parseDuration(text), text).toBeUndefined()
    }
  })
})

describe('one end', () => {
  it('reads relative instants', () => {
    expect(resolveInstant('now', NOW)).toBe(NOW)
    expect(resolveInstant('now-1h', NOW)).toBe(NOW - HOUR)
    expect(resolveInstant('now-1h+30m', NOW)).toBe(NOW - HOUR / 2)
  })
  it('snaps to the beginning and to the end of a unit', () => {
    expect(resolveInstant('now/d', NOW)).toBe(local(2026, 10, 24))
    expect(resolveInstant('now/d', NOW, true)).toBe(local(2026, 10, 25) - 1)
    expect(resolveInstant('now/h', NOW)).toBe(local(2026, 10, 24, 15))
    expect(resolveInstant('now-1d/d', NOW)).toBe(local(2026, 10, 23))
  })
  it('begins weeks on Monday, also when asked on a Sunday', () => {
    expect(resolveInstant('now/w', NOW)).toBe(local(2026, 10, 23))
    expect(resolveInstant('now/w', local(2026, 10, 29, 12))).toBe(local(2026, 10, 23))
  })
  it('counts months and years by the calendar', () => {
    expect(resolveInstant('now/M', NOW)).toBe(local(2026, 10, 1))
    expect(resolveInstant('now/y', NOW)).toBe(local(2026, 0, 1))
    expect(resolveInstant('now-1y', NOW)).toBe(local(2025, 10, 24, 15, 30, 45, 500))
  })
  it('reads milliseconds, local dates and dates with a zone', () => {
    expect(resolveInstant('1795399200000', NOW)).toBe(1_795_399_200_000)
    expect(resolveInstant('2026-11-23 08:00', NOW)).toBe(local(2026, 10, 23, 8))
    expect(resolveInstant('2026-11-23T08:00:09', NOW)).toBe(local(2026, 10, 23, 8, 0, 9))
    expect(resolveInstant('2026-11-23T08:00:00Z', NOW)).toBe(Date.UTC(2026, 10, 23, 8))
    expect(resolveInstant('2026-11-23T08:00:00+08:00', NOW)).toBe(Date.UTC(2026, 10, 23, 0))
    expect(resolveInstant('2026-11-23', NOW, true)).toBe(local(2026, 10, 24) - 1)
  })
  it('refuses dates that do not exist and other text', () => {
    for (const text of ['2026-02-31', '2026-13-01', '2026-11-23 24:10', 'nowish', 'now-', '12']) {
      expect(resolveInstant(text, NOW), text).toBeUndefined()
    }
  })
})

describe('ranges', () => {
  it('refuses the wrong way round and nothing at all', () => {
    expect(resolveRange({ from: 'now', to: 'now-1h' }, NOW)).toBeUndefined()
    expect(resolveRange({ from: 'now', to: 'now' }, NOW)).toBeUndefined()
  })
  it('understands every preset and every named range', () => {
    for (const from of PRESETS) expect(resolveRange({ from, to: 'now' }, NOW), from).toBeDefined()
    for (const range of Object.values(NAMED)) expect(resolveRange(range, NOW)).toBeDefined()
  })
  it('survives being written as instants', () => {
    const span = { startMs: NOW - HOUR, endMs: NOW }
    expect(resolveRange(absoluteRange(span), NOW)).toEqual(span)
  })
  it('moves with the clock only when its end does', () => {
    expect(isRelative({ from: 'now-1h', to: 'now' })).toBe(true)
    expect(isRelative({ from: 'now-1h', to: '1795399200000' })).toBe(false)
  })
})

describe('typed text', () => {
  it('takes a duration as the time until now', () => {
    expect(parseTyped('2h', NOW)).toEqual({ from: 'now-2h', to: 'now' })
    expect(parseTyped('1d12h', NOW)).toEqual({ from: 'now-1d-12h', to: 'now' })
    expect(parseTyped('-90m', NOW)).toEqual({ from: 'now-90m', to: 'now' })
  })
  it('takes one date as that day and one instant as until now', () => {
    expect(parseTyped('2026-11-23', NOW)).toEqual(
      absoluteRange({ startMs: local(2026, 10, 23), endMs: local(2026, 10, 24) - 1 }),
    )
    expect(parseTyped('2026-11-23 08:00', NOW)).toEqual({
      from: String(local(2026, 10, 23, 8)),
      to: 'now',
    })
  })
  it('takes two ends with several words between', () => {
    const expected = { from: 'now-6h', to: 'now-1h' }
    for (const word of ['to', '~', '-', '..', '\u5230']) {
      expect(parseTyped(`now-6h ${word} now-1h`, NOW), word).toEqual(expected)
    }
  })
  it('knows names and ignores case and spaces around', () => {
    expect(parseTyped(' Yesterday ', NOW)).toEqual(NAMED.yesterday)
    expect(parseTyped('NOW-1h', NOW)).toEqual({ from: 'now-1h', to: 'now' })
  })
  it('refuses nonsense, a third end and the wrong order', () => {
    for (const text of ['', 'soon', 'now-1h to', 'a to b to c', 'now to now-1h', '1795']) {
      expect(parseTyped(text, NOW), text).toBeUndefined()
    }
  })
})

describe('moving a span', () => {
  const span = { startMs: NOW - 3 * HOUR, endMs: NOW - HOUR }
  it('shifts by half and never beyond now', () => {
    expect(shiftSpan(span, -1, NOW)).toEqual({ startMs: NOW - 4 * HOUR, endMs: NOW - 2 * HOUR })
    expect(shiftSpan({ startMs: NOW - 2 * HOUR, endMs: NOW }, 1, NOW).endMs).toBe(NOW)
  })
  it('doubles around the middle', () => {
    const wide = widenSpan(span, NOW)
    expect(wide.endMs - wide.startMs).toBe(4 * HOUR)
    expect(wide.endMs).toBe(NOW)
  })
  it('picks round steps', () => {
    expect(stepSeconds({ startMs: 0, endMs: HOUR }, 240)).toBe(15)
    expect(stepSeconds({ startMs: 0, endMs: 60_000 }, 240, 5)).toBe(5)
    expect(stepSeconds({ startMs: 0, endMs: 400 * 24 * HOUR }, 100)).toBe(4 * 86_400)
  })
})
