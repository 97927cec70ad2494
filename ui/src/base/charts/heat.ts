/**
 * Histograms over time as cells: which bucket holds how much at which instant. Reads classic
 * buckets (cumulative series with an `le` label) and native histograms. Pure.
 */
import type { MatrixSeries, NativeHistogram } from '@/api/prometheus'
import { gridTimes, labelText, numberOf, type Frame, type Grid } from './frame'

/** What one bucket holds at one instant. */
export interface HeatCell {
  /** Index of the instant. */
  column: number
  /** Bounds of the values that count; infinite at the ends. */
  lower: number
  upper: number
  count: number
}

export interface Heat {
  /** Instants in seconds, `stepS` apart. */
  times: number[]
  stepS: number
  cells: HeatCell[]
  /** All bounds, ascending. */
  bounds: number[]
  /** Sum of the counts at each instant. */
  totals: number[]
  /** Least and greatest count above zero; both 0 when there is none. */
  least: number
  greatest: number
}

/** Histograms that belong together: equal in all labels but `le`. */
export interface HeatGroup {
  key: string
  series: MatrixSeries[]
}

/** Native histograms may have very many buckets; more cells than this are not drawn. */
const CELLS_MAX = 200_000

/** True when an answer is made of buckets, so that a heat map of it makes sense. */
export function holdsBuckets(series: readonly MatrixSeries[]): boolean {
  if (series.length === 0) return false
  return series.every((one) => isNative(one) || isClassic(one))
}

function isNative(series: MatrixSeries): boolean {
  return series.histograms !== undefined && series.histograms.length > 0
}

function isClassic(series: MatrixSeries): boolean {
  return series.metric.le !== undefined && !Number.isNaN(numberOf(series.metric.le))
}

/** One group per histogram, in the order of the answer. */
export function heatGroups(series: readonly MatrixSeries[]): HeatGroup[] {
  const groups = new Map<string, MatrixSeries[]>()
  for (const one of series) {
    const rest = Object.fromEntries(
      Object.entries(one.metric).filter(([name]) => name !== 'le' && name !== '__name__'),
    )
    const key = labelText(rest)
    groups.set(key, [...(groups.get(key) ?? []), one])
  }
  return [...groups].map(([key, members]) => ({ key, series: members }))
}

/** True when counts of all groups may be added up: the buckets have the same bounds. */
export function sameBounds(groups: readonly HeatGroup[]): boolean {
  const bounds = groups.map(({ series }) =>
    series.some(isNative)
      ? 'native'
      : series
          .map((one) => one.metric.le)
          .sort()
          .join(),
  )
  return new Set(bounds).size === 1
}

/** The cells of one histogram, or of several with the same bounds added up. */
export function heatOf(series: readonly MatrixSeries[], grid: Grid): Heat {
  const times = gridTimes(grid)
  const native = series.filter(isNative)
  const cells =
    native.length > 0 ? nativeCells(native, grid, times) : classicCells(series, grid, times)
  return finished(times, grid.stepS, cells)
}

function columnOf(seconds: number, grid: Grid, count: number): number {
  const column = Math.round((seconds - grid.startMs / 1000) / grid.stepS)
  return column >= 0 && column < count ? column : -1
}

/** Each bucket counts all below it as well: what it holds alone is the step to the one below. */
function classicCells(series: readonly MatrixSeries[], grid: Grid, times: number[]): HeatCell[] {
  const sums = new Map<number, (number | null)[]>()
  for (const { metric, values } of series.filter(isClassic)) {
    const bound = numberOf(metric.le ?? '')
    const sum = sums.get(bound) ?? new Array<number | null>(times.length).fill(null)
    for (const [seconds, text] of values) {
      const column = columnOf(seconds, grid, times.length)
      const value = numberOf(text)
      if (column >= 0 && Number.isFinite(value)) sum[column] = (sum[column] ?? 0) + value
    }
    sums.set(bound, sum)
  }
  const bounds = [...sums.keys()].sort((a, b) => a - b)
  const [first = 0] = bounds
  return times.flatMap((_, column) => {
    let below = 0
    let lower = first > 0 ? 0 : -Infinity
    return bounds.flatMap((upper) => {
      const sum = sums.get(upper)?.[column] ?? null
      if (sum === null) return []
      // Scrapes are not atomic, so that a bucket may seem to hold less than the one below.
      const cell = { column, lower, upper, count: Math.max(0, sum - below) }
      below = Math.max(below, sum)
      lower = upper
      return [cell]
    })
  })
}

function nativeCells(series: readonly MatrixSeries[], grid: Grid, times: number[]): HeatCell[] {
  const cells = new Map<string, HeatCell>()
  for (const [seconds, histogram] of series.flatMap((one) => one.histograms ?? [])) {
    const column = columnOf(seconds, grid, times.length)
    if (column >= 0) addBuckets(cells, column, histogram)
  }
  return [...cells.values()].sort((a, b) => a.column - b.column || a.lower - b.lower)
}

function addBuckets(
  cells: Map<string, HeatCell>,
  column: number,
  { buckets = [] }: NativeHistogram,
): void {
  for (const [, low, high, text] of buckets) {
    const key = `${column} ${low} ${high}`
    const cell = cells.get(key) ?? { column, lower: numberOf(low), upper: numberOf(high), count: 0 }
    cell.count += Number(text)
    if (cells.size < CELLS_MAX) cells.set(key, cell)
  }
}

function finished(times: number[], stepS: number, cells: HeatCell[]): Heat {
  const totals = new Array<number>(times.length).fill(0)
  const bounds = new Set<number>()
  let least = Infinity
  let greatest = 0
  for (const { column, lower, upper, count } of cells) {
    bounds.add(lower).add(upper)
    totals[column] = (totals[column] ?? 0) + count
    if (count <= 0) continue
    least = Math.min(least, count)
    greatest = Math.max(greatest, count)
  }
  return {
    times,
    stepS,
    cells,
    bounds: [...bounds].sort((a, b) => a - b),
    totals,
    least: Number.isFinite(least) ? least : 0,
    greatest,
  }
}

/** Colours of cells, from little to much. */
export const HEAT_LEVELS = 8
/** Counts smaller than the greatest by this factor look all alike. */
const DEPTH = 10_000

/** Colour level of a count from 1 to 8 on a logarithmic scale; 0 for nothing at all. */
export function heatLevel(count: number, { least, greatest }: Heat): number {
  if (!(count > 0)) return 0
  const low = Math.max(least, greatest / DEPTH)
  if (low >= greatest) return HEAT_LEVELS
  const share = Math.log(count / low) / Math.log(greatest / low)
  return Math.min(HEAT_LEVELS, Math.max(1, 1 + Math.floor(share * HEAT_LEVELS)))
}

/** The cell at an instant that counts a value; undefined between buckets. */
export function cellAt(heat: Heat, column: number, value: number): HeatCell | undefined {
  return heat.cells.find(
    (cell) => cell.column === column && value > cell.lower && value <= cell.upper,
  )
}

/** Counts by bucket as columns of a table. */
export function heatFrame(heat: Heat, name: (lower: number, upper: number) => string): Frame {
  const columns = new Map<string, { lower: number; values: (number | null)[]; name: string }>()
  for (const { column, lower, upper, count } of heat.cells) {
    const key = `${lower} ${upper}`
    const fresh = () => ({
      lower,
      name: name(lower, upper),
      values: new Array<number | null>(heat.times.length).fill(null),
    })
    const entry = columns.get(key) ?? fresh()
    entry.values[column] = count
    columns.set(key, entry)
  }
  const sorted = [...columns].sort(([, a], [, b]) => a.lower - b.lower)
  const series = sorted.map(([key, entry]) => ({ key, name: entry.name, values: entry.values }))
  return { times: heat.times, series }
}
