/** Values as they are drawn: piled up when stacked, below zero when mirrored. */
import type { ChartSeries, Frame } from './frame'

/** A column per series, in the form the plot takes: `[times, ...columns]`. */
export type Columns = [number[], ...(number | null)[][]]

/** Pairs of series (1-based, upper first) between which an area is filled. */
export type Bands = [number, number][]

/** What to draw for a frame. Hidden series keep their column, empty, so that indices stay. */
export function drawnColumns(
  frame: Frame,
  stacked: boolean,
  hidden: ReadonlySet<string>,
): { columns: Columns; bands: Bands } {
  if (!stacked) {
    return {
      columns: [frame.times, ...frame.series.map((series) => plain(series, hidden))],
      bands: [],
    }
  }
  return pile(frame, hidden)
}

function plain(series: ChartSeries, hidden: ReadonlySet<string>): (number | null)[] {
  if (hidden.has(series.key)) return series.values.map(() => null)
  const sign = series.mirrored ? -1 : 1
  return series.values.map((value) => (finite(value) ? sign * value : null))
}

/**
 * The first series of the frame lies at the bottom of the pile. A series without a value adds
 * nothing there; only where none has one does the pile have a gap.
 */
function pile(frame: Frame, hidden: ReadonlySet<string>): { columns: Columns; bands: Bands } {
  const shown = frame.series.filter((one) => !hidden.has(one.key) && !one.earlierOf)
  const present = frame.times.map((_, at) => shown.some((one) => finite(one.values[at] ?? null)))
  const floor = new Array<number>(frame.times.length).fill(0)
  const bands: Bands = []
  let below = 0
  const columns = frame.series.map((series, index) => {
    if (hidden.has(series.key)) return series.values.map(() => null)
    // What was earlier is a line over the pile, no part of it.
    if (series.earlierOf) return plain(series, hidden)
    const heights = series.values.map((value, at) => {
      if (!present[at]) return null
      const height = (floor[at] ?? 0) + (finite(value) ? value : 0)
      floor[at] = height
      return height
    })
    if (below > 0) bands.push([index + 1, below])
    below = index + 1
    return heights
  })
  return { columns: [frame.times, ...columns], bands }
}

function finite(value: number | null): value is number {
  return value !== null && Number.isFinite(value)
}

/** Range of the value axis: from zero when asked, with air above, never without height. */
export function valueRange(
  min: number | null,
  max: number | null,
  options: { fromZero?: boolean; atLeast?: number; ceiling?: number },
): [number, number] {
  let low = finite(min) ? min : 0
  let high = finite(max) ? max : 0
  if (options.fromZero) {
    low = Math.min(low, 0)
    high = Math.max(high, 0)
  }
  if (options.atLeast !== undefined) high = Math.max(high, options.atLeast)
  if (options.ceiling !== undefined && high <= options.ceiling) {
    return [Math.min(low, 0), options.ceiling]
  }
  if (high === low) {
    const pad = high === 0 ? 1 : Math.abs(high) * 0.1
    return low >= 0 && low - pad < 0 ? [0, high + pad] : [low - (low === 0 ? 0 : pad), high + pad]
  }
  const pad = (high - low) * 0.06
  const keepsZero = options.fromZero || (low >= 0 && low - pad * 3 < 0)
  const bottom = low >= 0 && keepsZero ? 0 : low - (low === 0 ? 0 : pad)
  const top = high <= 0 && options.fromZero ? 0 : high + pad
  return [bottom, top]
}
