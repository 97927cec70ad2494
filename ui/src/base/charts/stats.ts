/** What the legend says about each series, and in which order. */
import type { ChartSeries } from './frame'

/** Figures over the shown range; null when the series has no value there. */
export interface SeriesStats {
  last: number | null
  min: number | null
  max: number | null
  avg: number | null
}

export type StatsColumn = 'name' | keyof SeriesStats
export interface StatsSort {
  column: StatsColumn
  descending: boolean
}

/** Last, least, greatest and mean value. Gaps, NaN and infinities count for none of the three. */
export function seriesStats(values: readonly (number | null)[]): SeriesStats {
  let last: number | null = null
  let min = Infinity
  let max = -Infinity
  let sum = 0
  let count = 0
  for (const value of values) {
    if (value === null) continue
    last = value
    if (!Number.isFinite(value)) continue
    min = Math.min(min, value)
    max = Math.max(max, value)
    sum += value
    count += 1
  }
  if (count === 0) return { last, min: null, max: null, avg: null }
  return { last, min, max, avg: sum / count }
}

/** One row of the legend. */
export interface LegendRow {
  series: ChartSeries
  stats: SeriesStats
  /** Position in the frame, which stays when the rows are sorted. */
  index: number
}

/** Rows in the wanted order; without one, the order of the frame. Rows without value go last. */
export function legendRows(series: readonly ChartSeries[], sort?: StatsSort): LegendRow[] {
  const rows = series.map((one, index) => ({
    series: one,
    stats: seriesStats(one.values),
    index,
  }))
  if (!sort) return rows
  const { column, descending } = sort
  const sign = descending ? -1 : 1
  return rows.sort((a, b) => {
    if (column === 'name') {
      return sign * a.series.name.localeCompare(b.series.name, undefined, { numeric: true })
    }
    const left = a.stats[column]
    const right = b.stats[column]
    if (left === null || right === null) return Number(left === null) - Number(right === null)
    return sign * (left - right) || a.index - b.index
  })
}

/** The next order when a column's head is clicked: figures start with the greatest. */
export function nextSort(column: StatsColumn, present?: StatsSort): StatsSort | undefined {
  const first = column !== 'name'
  if (present?.column !== column) return { column, descending: first }
  if (present.descending === first) return { column, descending: !first }
  return undefined
}

/**
 * What is hidden after a click on a series. A plain click isolates it, and shows all again when
 * it stood alone; a click with a modifier key only switches this one.
 */
export function nextHidden(
  keys: readonly string[],
  hidden: ReadonlySet<string>,
  key: string,
  toggleOnly: boolean,
): Set<string> {
  if (toggleOnly) {
    const next = new Set(hidden)
    if (!next.delete(key)) next.add(key)
    return next.size >= keys.length ? new Set() : next
  }
  const others = keys.filter((other) => other !== key)
  const alone = !hidden.has(key) && others.every((other) => hidden.has(other))
  return alone ? new Set() : new Set(others)
}
