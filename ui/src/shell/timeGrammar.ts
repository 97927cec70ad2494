/** The grammar of time ranges: `now-1h`, `2h`, `2026-11-23 08:00`, `today`. Pure, no clock. */

/** A range as written in the URL: each end is `now…` or milliseconds since the epoch. */
export interface TimeRange {
  from: string
  to: string
}

/** A range as instants, in milliseconds. */
export interface TimeSpan {
  startMs: number
  endMs: number
}

const UNIT_MS: Record<string, number> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/** Ranges offered as presets, shortest first. */
export const PRESETS = [
  'now-5m',
  'now-15m',
  'now-30m',
  'now-1h',
  'now-3h',
  'now-6h',
  'now-12h',
  'now-1d',
  'now-2d',
  'now-7d',
  'now-30d',
] as const

/** Shorter is refused: a chart needs at least a few samples. */
export const SPAN_MIN_MS = 1_000

const DURATION = /^(?:\d+[smhdwMy])+$/
const RELATIVE = /^now(?<offsets>(?:[+-]\d+[smhdwMy])*)(?:\/(?<snap>[mhdwMy]))?$/

/** Milliseconds of `90s`, `2h30m`, `1d`; undefined when it is not a duration. */
export function parseDuration(text: string): number | undefined {
  if (!DURATION.test(text) || /[My]/.test(text)) return undefined
  let total = 0
  for (const [, count, unit] of text.matchAll(/(\d+)([smhdw])/g)) {
    total += Number(count) * (UNIT_MS[unit as string] ?? 0)
  }
  return total > 0 ? total : undefined
}

/**
 * The instant that one end of a range means. `end` says whether snapping (`now/d`) goes to the
 * first or to the last moment of the unit. Undefined when the text is not understood.
 */
export function resolveInstant(text: string, nowMs: number, end = false): number | undefined {
  if (/^-?\d{9,16}$/.test(text)) return Number(text)
  const relative = RELATIVE.exec(text)
  if (relative) {
    const date = new Date(nowMs)
    const offsets = (relative.groups?.offsets ?? '').matchAll(/([+-])(\d+)([smhdwMy])/g)
    for (const [, sign, count, unit] of offsets) {
      shift(date, (sign === '-' ? -1 : 1) * Number(count), unit as string)
    }
    if (relative.groups?.snap) snap(date, relative.groups.snap, end)
    return Number.isFinite(date.getTime()) ? date.getTime() : undefined
  }
  return parseLocalDate(text, end)
}

/** Both ends of a range; undefined when one is not understood or they are the wrong way round. */
export function resolveRange(range: TimeRange, nowMs: number): TimeSpan | undefined {
  const startMs = resolveInstant(range.from, nowMs)
  const endMs = resolveInstant(range.to, nowMs, true)
  if (startMs === undefined || endMs === undefined) return undefined
  return endMs - startMs >= SPAN_MIN_MS ? { startMs, endMs } : undefined
}

/**
 * What a person typed as one line: `2h`, `now-6h`, `now-6h to now-1h`, `today`, `yesterday`,
 * `2026-11-23 08:00`, `2026-11-23 08:00 to 2026-11-23 09:30`, `2026-11-23`.
 */
export function parseTyped(text: string, nowMs: number): TimeRange | undefined {
  const input = text.trim().toLowerCase()
  const named = NAMED[input]
  if (named) return named
  const parts = text.trim().split(/\s+(?:to|~|–|—|-|\.\.|\u81f3|\u5230)\s+/i)
  if (parts.length > 2) return undefined
  const [first = '', second] = parts
  const from = normalizeEnd(first)
  if (from === undefined) return undefined
  if (second === undefined && /^\d{4}-\d{1,2}-\d{1,2}$/.test(first)) return day(first)
  const to = second === undefined ? 'now' : normalizeEnd(second, true)
  if (to === undefined) return undefined
  const range = { from, to }
  return resolveRange(range, nowMs) ? range : undefined
}

/** Ranges with a name, as typed and as offered. */
export const NAMED: Record<string, TimeRange> = {
  today: { from: 'now/d', to: 'now' },
  yesterday: { from: 'now-1d/d', to: 'now-1d/d' },
  'this week': { from: 'now/w', to: 'now' },
}

/** True when the range moves with the clock, so that refreshing it makes sense. */
export function isRelative(range: TimeRange): boolean {
  return range.to.startsWith('now')
}

/** A span as a range of two instants. */
export function absoluteRange(span: TimeSpan): TimeRange {
  return { from: String(Math.round(span.startMs)), to: String(Math.round(span.endMs)) }
}

/** The span moved by half its length, as the arrow keys do; never beyond now. */
export function shiftSpan(span: TimeSpan, direction: -1 | 1, nowMs: number): TimeSpan {
  const length = span.endMs - span.startMs
  const endMs = Math.min(span.endMs + (direction * length) / 2, Math.max(nowMs, span.startMs))
  return { startMs: endMs - length, endMs }
}

/** The span at double length around its middle; never beyond now. */
export function widenSpan(span: TimeSpan, nowMs: number): TimeSpan {
  const length = (span.endMs - span.startMs) * 2
  const endMs = Math.min(span.endMs + length / 4, Math.max(nowMs, span.endMs))
  return { startMs: endMs - length, endMs }
}

/** A step that gives about `points` points and is a round number of seconds. */
export function stepSeconds(span: TimeSpan, points: number, minS = 1): number {
  const wanted = (span.endMs - span.startMs) / 1_000 / Math.max(points, 1)
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 43_200]
  const fitting = steps.find((step) => step >= wanted && step >= minS)
  return fitting ?? Math.ceil(wanted / 86_400) * 86_400
}

function normalizeEnd(text: string, end = false): string | undefined {
  const lower = text.toLowerCase()
  if (parseDuration(text) !== undefined) return `now-${[...text.matchAll(/\d+[a-z]/g)].join('-')}`
  if (/^-(?:\d+[smhdwMy])+$/.test(text)) return `now${text}`
  if (RELATIVE.test(text) || RELATIVE.test(lower)) return RELATIVE.test(text) ? text : lower
  const instant = parseLocalDate(text, end)
  return instant === undefined ? undefined : String(instant)
}

function day(text: string): TimeRange | undefined {
  const startMs = parseLocalDate(text, false)
  const endMs = parseLocalDate(text, true)
  if (startMs === undefined || endMs === undefined) return undefined
  return absoluteRange({ startMs, endMs })
}

const DATE =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d{1,3})?)?(Z|[+-]\d{2}:?\d{2})?)?$/

function parseLocalDate(text: string, end: boolean): number | undefined {
  const parts = DATE.exec(text.trim())
  if (!parts) return undefined
  const [, year, month, date, hour, minute, second, zone] = parts
  if (zone) {
    const ms = Date.parse(text.trim().replace(' ', 'T'))
    return Number.isNaN(ms) ? undefined : ms
  }
  const whole = hour === undefined && end
  const clock = whole ? [23, 59, 59, 999] : [+(hour ?? 0), +(minute ?? 0), +(second ?? 0), 0]
  const [h = 0, m = 0, s = 0, ms = 0] = clock
  const made = new Date(Number(year), Number(month) - 1, Number(date), h, m, s, ms)
  // `Date` rolls 2026-02-31 over to March; a range must not.
  const faithful = made.getMonth() === Number(month) - 1 && made.getDate() === Number(date)
  return faithful && h < 24 && m < 60 && s < 60 ? made.getTime() : undefined
}

function shift(date: Date, count: number, unit: string): void {
  if (unit === 'M') date.setMonth(date.getMonth() + count)
  else if (unit === 'y') date.setFullYear(date.getFullYear() + count)
  else if (unit === 'd' || unit === 'w')
    date.setDate(date.getDate() + count * (unit === 'w' ? 7 : 1))
  else date.setTime(date.getTime() + count * (UNIT_MS[unit] ?? 0))
}

function snap(date: Date, unit: string, end: boolean): void {
  if (unit === 'm') date.setSeconds(0, 0)
  else if (unit === 'h') date.setMinutes(0, 0, 0)
  else date.setHours(0, 0, 0, 0)
  // Weeks begin on Monday.
  if (unit === 'w') date.setDate(date.getDate() - ((date.getDay() + 6) % 7))
  if (unit === 'M' || unit === 'y') date.setDate(1)
  if (unit === 'y') date.setMonth(0)
  if (end) {
    shift(date, 1, unit)
    date.setTime(date.getTime() - 1)
  }
}
