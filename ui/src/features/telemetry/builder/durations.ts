/** Durations in the notation of the query language: `5m`, `1h30m`, `500ms`. Pure. */

const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
]
const SIZES: Readonly<Record<string, number>> = {
  ...Object.fromEntries(UNITS),
  w: 604_800_000,
  y: 31_536_000_000,
}
const DURATION = /^(?:\d+(?:ms|[smhdwy]))+$/

/** Milliseconds of a duration, negative with a minus before it; undefined when it is none. */
export function durationMs(text: string): number | undefined {
  const sign = text.startsWith('-') ? -1 : 1
  const size = text.replace(/^[+-]/, '')
  if (!DURATION.test(size)) return undefined
  let total = 0
  for (const [, count, unit] of size.matchAll(/(\d+)(ms|[smhdwy])/g)) {
    total += Number(count) * (SIZES[unit as string] ?? 0)
  }
  return sign * total
}

/** The shortest way to write so many milliseconds. */
export function durationOf(ms: number): string {
  const parts: string[] = []
  let rest = Math.abs(Math.round(ms))
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size)
    if (count > 0) parts.push(`${count}${unit}`)
    rest -= count * size
  }
  return `${ms < 0 ? '-' : ''}${parts.join('') || '0s'}`
}
