/** The data of one chart: a grid of instants and, per series, one value or null at each. */

/** One line of a chart. */
export interface ChartSeries {
  /** Identifies the series across refreshes; colours and isolation hang on it. */
  key: string
  /** What the legend says. */
  name: string
  labels?: Record<string, string>
  /** Series with the same colour key get the same colour; the key when absent. */
  colourKey?: string
  /** One per instant of the frame; null is a gap and stays one. */
  values: (number | null)[]
  /** Drawn below the zero line (the other direction of a traffic chart); shown as positive. */
  mirrored?: boolean
  /** Key of the series that this one shows in an earlier period: dashed and paler beside it. */
  earlierOf?: string
}

/** Instants in seconds, ascending, and the series over them. */
export interface Frame {
  times: number[]
  series: ChartSeries[]
}

export const EMPTY_FRAME: Frame = { times: [], series: [] }

/** A grid: first and last instant in milliseconds, both on a multiple of the step. */
export interface Grid {
  startMs: number
  endMs: number
  stepS: number
}

/** One series as the query API sends it. */
export interface RawSeries {
  metric: Record<string, string>
  values: [number, string][]
}

/** Names a series: by default the label set in the usual notation. */
export type Naming = (labels: Record<string, string>) => string

/** The instants of a grid in seconds. */
export function gridTimes(grid: Grid): number[] {
  const count = Math.floor((grid.endMs - grid.startMs) / 1000 / grid.stepS + 1e-6) + 1
  const start = grid.startMs / 1000
  return Array.from({ length: Math.max(count, 0) }, (_, index) => start + index * grid.stepS)
}

/** Puts the samples of an answer on the grid; instants without a sample become null. */
export function alignSeries(
  raw: readonly RawSeries[],
  grid: Grid,
  naming: Naming = labelText,
): Frame {
  const times = gridTimes(grid)
  const start = grid.startMs / 1000
  const series = raw.map(({ metric, values }) => {
    const aligned = new Array<number | null>(times.length).fill(null)
    for (const [seconds, text] of values) {
      const index = Math.round((seconds - start) / grid.stepS)
      if (index >= 0 && index < aligned.length) aligned[index] = numberOf(text)
    }
    return { key: labelText(metric), name: naming(metric), labels: metric, values: aligned }
  })
  return { times, series }
}

/** Sample text as a number: the API writes `NaN`, `+Inf` and `-Inf` for the special values. */
export function numberOf(text: string): number {
  if (text === '+Inf' || text === 'Inf') return Infinity
  if (text === '-Inf') return -Infinity
  return Number(text)
}

/** A label set in the notation of the query language: `up{instance="a",job="b"}`. */
export function labelText(labels: Record<string, string>): string {
  const name = labels.__name__ ?? ''
  const pairs = Object.keys(labels)
    .filter((label) => label !== '__name__')
    .sort()
    .map((label) => `${label}=${JSON.stringify(labels[label])}`)
  return pairs.length > 0 || name === '' ? `${name}{${pairs.join(', ')}}` : name
}

/** The labels in which the series differ: what a short legend needs to show. */
export function distinctLabels(sets: readonly Record<string, string>[]): string[] {
  const names = new Set(sets.flatMap((labels) => Object.keys(labels)))
  return [...names].filter((name) => new Set(sets.map((labels) => labels[name])).size > 1).sort()
}

/** Frames on the same grid as one; keys get the prefix of their frame so that none collide. */
export function mergeFrames(frames: readonly Frame[]): Frame {
  const [first] = frames
  if (!first) return EMPTY_FRAME
  return {
    times: first.times,
    series: frames.flatMap((frame, index) =>
      frames.length === 1
        ? frame.series
        : frame.series.map((series) => ({ ...series, key: `${index} ${series.key}` })),
    ),
  }
}

/** True when no series has a value anywhere. */
export function isEmptyFrame(frame: Frame): boolean {
  return frame.series.every((series) => series.values.every((value) => value === null))
}

/** Indices of values with a gap on both sides: a line alone would not show them. */
export function isolatedPoints(values: readonly (number | null | undefined)[]): number[] {
  const alone: number[] = []
  for (let index = 0; index < values.length; index += 1) {
    const here = values[index] ?? null
    const before = values[index - 1] ?? null
    const after = values[index + 1] ?? null
    if (here !== null && before === null && after === null) alone.push(index)
  }
  return alone
}

/** Index of the instant nearest to `seconds`; -1 for an empty grid. */
export function nearestIndex(times: readonly number[], seconds: number): number {
  let low = 0
  let high = times.length - 1
  if (high < 0) return -1
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if ((times[middle] ?? 0) <= seconds) low = middle
    else high = middle
  }
  const below = Math.abs((times[low] ?? 0) - seconds)
  const above = Math.abs((times[high] ?? 0) - seconds)
  return above < below ? high : low
}
