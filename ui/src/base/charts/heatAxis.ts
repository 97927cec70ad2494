/** The value axis of a heat map: where a bound lies between 0 (bottom) and 1 (top). Pure. */

/** Each bucket as high as the others, or bounds by their value or its logarithm. */
export type HeatScale = 'even' | 'log' | 'linear'

export interface HeatAxis {
  /** Place of any value. */
  place: (value: number) => number
  /** The value at a place. */
  value: (place: number) => number
  /** Bounds with their places, ascending. */
  marks: { bound: number; place: number }[]
}

/** Height of a bucket that has no other end: the scale cannot tell. */
const EDGE_MAX = 0.1
/** Bounds that far apart read better on a logarithmic axis. */
const WIDE = 50

/** The scale that suits the bounds. */
export function fittingScale(bounds: readonly number[]): HeatScale {
  const positive = bounds.filter((bound) => bound > 0 && Number.isFinite(bound))
  const [least = 1] = positive
  const greatest = positive.at(-1) ?? 1
  return positive.length > 2 && greatest / least >= WIDE ? 'log' : 'linear'
}

/** The axis for ascending bounds. */
export function heatAxis(bounds: readonly number[], scale: HeatScale): HeatAxis {
  const marks = scale === 'even' ? evenMarks(bounds) : scaledMarks(bounds, scale)
  const measure = scale === 'log' ? Math.log : (value: number) => value
  return {
    marks,
    place: (value) => interpolate(marks, value, measure),
    value: (place) => valueAt(marks, place, scale === 'log'),
  }
}

function evenMarks(bounds: readonly number[]): HeatAxis['marks'] {
  const last = Math.max(bounds.length - 1, 1)
  return bounds.map((bound, index) => ({ bound, place: index / last }))
}

/** Bounds that the scale can measure lie by value; those beyond, at even distance outside. */
function scaledMarks(bounds: readonly number[], scale: 'log' | 'linear'): HeatAxis['marks'] {
  const measurable = (bound: number) => Number.isFinite(bound) && (scale === 'linear' || bound > 0)
  const inner = bounds.filter(measurable)
  const low = inner[0]
  const high = inner.at(-1)
  if (low === undefined || high === undefined || low === high) return evenMarks(bounds)
  const below = bounds.filter((bound) => !measurable(bound) && bound < low).length
  const above = bounds.length - inner.length - below
  const edge = Math.min(EDGE_MAX, 1 / (bounds.length + 1))
  const measure = scale === 'log' ? Math.log : (value: number) => value
  const bottom = below * edge
  const height = 1 - (below + above) * edge
  const span = measure(high) - measure(low)
  return bounds.map((bound, index) => {
    if (index < below) return { bound, place: index * edge }
    if (!measurable(bound)) return { bound, place: 1 - (bounds.length - 1 - index) * edge }
    return { bound, place: bottom + (height * (measure(bound) - measure(low))) / span }
  })
}

function interpolate(
  marks: HeatAxis['marks'],
  value: number,
  measure: (value: number) => number,
): number {
  const upper = marks.findIndex((mark) => mark.bound >= value)
  const above = marks[upper]
  if (upper < 0 || !above) return marks.length > 0 ? 1 : 0
  const below = marks[upper - 1]
  if (!below || above.bound === value) return above.place
  const [low, high] = [measure(below.bound), measure(above.bound)]
  // In a bucket without measurable ends, anything lies in its middle.
  const finite = Number.isFinite(low) && Number.isFinite(high)
  const share = finite ? (measure(value) - low) / (high - low) : 0.5
  return below.place + (above.place - below.place) * share
}

function valueAt(marks: HeatAxis['marks'], place: number, log: boolean): number {
  const upper = marks.findIndex((mark) => mark.place >= place)
  const above = marks[Math.max(upper, 0)]
  const below = marks[Math.max(upper, 0) - 1]
  if (!above || !below) return above?.bound ?? Number.NaN
  const share = (place - below.place) / (above.place - below.place)
  const measurable = Number.isFinite(below.bound) && Number.isFinite(above.bound)
  if (measurable && log && below.bound > 0) {
    return below.bound * (above.bound / below.bound) ** share
  }
  if (measurable) return below.bound + (above.bound - below.bound) * share
  // Anything inside counts as well as anything else.
  return Number.isFinite(above.bound) ? above.bound : Number.MAX_VALUE
}

/** Marks far enough apart to be read; the topmost and the lowest finite ones stay. */
export function readableMarks(
  marks: HeatAxis['marks'],
  heightPx: number,
  gapPx = 18,
): HeatAxis['marks'] {
  const kept: HeatAxis['marks'] = []
  for (const mark of marks) {
    const last = kept.at(-1)
    if (!last || (mark.place - last.place) * heightPx >= gapPx) kept.push(mark)
  }
  return kept
}

/** `0.1 s – 0.25 s`, `> 10 s`, `≤ 0.005 s`. */
export function rangeText(lower: number, upper: number, format: (value: number) => string): string {
  if (!Number.isFinite(lower)) return `≤ ${format(upper)}`
  if (!Number.isFinite(upper)) return `> ${format(lower)}`
  return `${format(lower)} – ${format(upper)}`
}
