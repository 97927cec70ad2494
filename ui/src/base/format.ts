/** Numbers, sizes, durations and times as people read them. `-` stands for no value. */

/** Shown where there is no value; never 0. */
export const NO_VALUE = '-'

type Maybe = number | null | undefined

const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
const DECIMAL = ['', 'k', 'M', 'G', 'T', 'P']

/** `1.5 GiB`: three significant digits, powers of 1024. */
export function formatBytes(bytes: Maybe): string {
  if (!isValue(bytes)) return NO_VALUE
  return scale(bytes, 1024, BINARY, ' ')
}

/** `1.5 MiB/s`. */
export function formatBytesPerSecond(rate: Maybe): string {
  return isValue(rate) ? `${formatBytes(rate)}/s` : NO_VALUE
}

/** `12.3k`: three significant digits, powers of 1000. */
export function formatCount(value: Maybe): string {
  if (!isValue(value)) return NO_VALUE
  return scale(value, 1000, DECIMAL, '')
}

/** `12,345`: every digit, grouped. */
export function formatInteger(value: Maybe): string {
  return isValue(value) ? Math.round(value).toLocaleString('en-US') : NO_VALUE
}

/** `45.2%` of a ratio between 0 and 1. */
export function formatRatio(ratio: Maybe, digits = 1): string {
  return isValue(ratio) ? `${(ratio * 100).toFixed(digits)}%` : NO_VALUE
}

/** A bare number with up to four significant digits. */
export function formatNumber(value: Maybe): string {
  if (value === Infinity) return '+Inf'
  if (value === -Infinity) return '-Inf'
  if (!isValue(value)) return NO_VALUE
  const size = Math.abs(value)
  if (size !== 0 && (size < 0.001 || size >= 1e15)) return value.toExponential(2)
  return String(Number(value.toPrecision(size >= 1000 ? 6 : 4)))
}

/** Unit words of a duration, from the text files. */
export interface DurationWords {
  d: string
  h: string
  min: string
  s: string
  ms: string
}

export const DURATION_WORDS: DurationWords = { d: 'd', h: 'h', min: 'min', s: 's', ms: 'ms' }

/** `2 h 5 min`, `3 d 4 h`, `1.25 s`, `40 ms`: at most two units. */
export function formatDuration(seconds: Maybe, words: DurationWords = DURATION_WORDS): string {
  if (!isValue(seconds)) return NO_VALUE
  const sign = seconds < 0 ? '-' : ''
  const size = Math.abs(seconds)
  if (size === 0) return `0 ${words.s}`
  if (size < 0.9995) return `${sign}${rounded(size * 1000)} ${words.ms}`
  if (size < 59.5) return `${sign}${rounded(size)} ${words.s}`
  return sign + twoUnits(Math.round(size), words)
}

/** Milliseconds as a duration. */
export function formatMilliseconds(ms: Maybe, words: DurationWords = DURATION_WORDS): string {
  return formatDuration(isValue(ms) ? ms / 1000 : undefined, words)
}

/** `2026-11-23 08:00:05` in local time. */
export function formatTime(ms: Maybe): string {
  if (!isValue(ms)) return NO_VALUE
  const date = new Date(ms)
  if (Number.isNaN(date.getTime())) return NO_VALUE
  const two = (value: number) => String(value).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

/** Local time with its offset, for a tooltip: `2026-11-23 08:00:05 +08:00`. */
export function formatTimeWithOffset(ms: Maybe): string {
  const time = formatTime(ms)
  if (time === NO_VALUE) return time
  const minutes = -new Date(ms as number).getTimezoneOffset()
  const size = Math.abs(minutes)
  const two = (value: number) => String(value).padStart(2, '0')
  return `${time} ${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`
}

function isValue(value: Maybe): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function scale(value: number, base: number, units: string[], gap: string): string {
  let size = Math.abs(value)
  let unit = 0
  while (rounded(size) >= base && unit < units.length - 1) {
    size /= base
    unit += 1
  }
  const digits = unit === 0 && Number.isInteger(size) ? size : rounded(size)
  return `${value < 0 ? '-' : ''}${digits}${gap}${units[unit]}`.trimEnd()
}

/** Three significant digits, but never fewer than the whole number. */
function rounded(value: number): number {
  return value >= 1000 ? Math.round(value) : Number(value.toPrecision(3))
}

function twoUnits(seconds: number, words: DurationWords): string {
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), words.d],
    [Math.floor(seconds / 3_600) % 24, words.h],
    [Math.floor(seconds / 60) % 60, words.min],
    [seconds % 60, words.s],
  ]
  const first = parts.findIndex(([count]) => count > 0)
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${count} ${word}`)
    .join(' ')
}
