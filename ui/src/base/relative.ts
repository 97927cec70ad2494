/** Picks the unit for a time difference, as `Intl.RelativeTimeFormat` takes it. */
const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['second', 60],
  ['minute', 60],
  ['hour', 24],
  ['day', 30],
  ['month', 12],
  ['year', Infinity],
]

/** Splits a difference in milliseconds (negative = past) into a whole count of one unit. */
export function relativeParts(differenceMs: number): {
  value: number
  unit: Intl.RelativeTimeFormatUnit
} {
  let size = differenceMs / 1_000
  for (const [unit, length] of STEPS) {
    // Rounds towards zero: 119 seconds ago is one minute ago.
    if (Math.abs(size) < length) return { value: Math.trunc(size) + 0, unit }
    size /= length
  }
  return { value: Math.trunc(size), unit: 'year' }
}
