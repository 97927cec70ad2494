/** A period beside an earlier one: both values of a series and how much they differ. Pure. */
import type { ChartSeries, Frame } from './frame'

/** A figure of now and then. */
export interface Pair {
  now: number | null
  then: number | null
  /** Relative difference, as 0.25 for a quarter more; null when there is none to speak of. */
  change: number | null
}

/** One series of both periods. */
export interface ComparedSeries {
  /** The series of now; that of then when it is gone. */
  series: ChartSeries
  /** At the instant asked for. */
  here: Pair
  /** Mean over what is shown, of instants that both periods have. */
  mean: Pair
}

/** True when the frame holds an earlier period. */
export function isComparison(frame: Frame): boolean {
  return frame.series.some((series) => series.earlierOf !== undefined)
}

/** Each series of now with that of then; those that are gone stand last. */
export function comparedSeries(frame: Frame, index: number | null): ComparedSeries[] {
  const then = new Map(
    frame.series.flatMap((one) => (one.earlierOf === undefined ? [] : [[one.earlierOf, one]])),
  )
  const present = frame.series.filter((one) => one.earlierOf === undefined)
  const keys = new Set(present.map((one) => one.key))
  const gone = [...then].flatMap(([key, one]) => (keys.has(key) ? [] : [one]))
  return [
    ...present.map((one) => compared(one, one, then.get(one.key), index)),
    ...gone.map((one) => compared(one, undefined, one, index)),
  ]
}

function compared(
  series: ChartSeries,
  now: ChartSeries | undefined,
  then: ChartSeries | undefined,
  index: number | null,
): ComparedSeries {
  const at = index ?? lastIndex((now ?? then)?.values ?? [])
  const here = pair(now?.values[at] ?? null, then?.values[at] ?? null)
  return { series, here, mean: means(now?.values ?? [], then?.values ?? []) }
}

function lastIndex(values: readonly (number | null)[]): number {
  let last = values.length - 1
  while (last >= 0 && values[last] === null) last -= 1
  return last
}

/** A growing day beside a whole one: only instants of both count, if there are any. */
function means(now: readonly (number | null)[], then: readonly (number | null)[]): Pair {
  const both = now.flatMap((value, at) => {
    const other = then[at] ?? null
    return finite(value) && finite(other) ? [[value, other] as const] : []
  })
  if (both.length === 0) return pair(mean(now.filter(finite)), mean(then.filter(finite)))
  return pair(mean(both.map(([value]) => value)), mean(both.map(([, other]) => other)))
}

function mean(values: readonly number[]): number | null {
  if (values.length === 0) return null
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

export function pair(now: number | null, then: number | null): Pair {
  return { now, then, change: changeOf(now, then) }
}

function changeOf(now: number | null, then: number | null): number | null {
  if (!finite(now) || !finite(then)) return null
  if (now === then) return 0
  return then === 0 ? null : (now - then) / Math.abs(then)
}

function finite(value: number | null): value is number {
  return value !== null && Number.isFinite(value)
}

/** `+12.3%`, `-4%`, `±0%`; `×25` from tenfold on; `-` when there is none. */
export function changeText(change: number | null): string {
  if (change === null) return '-'
  const percent = change * 100
  if (Math.abs(percent) < 0.05) return '±0%'
  if (change >= 9) return `×${Number((change + 1).toPrecision(2))}`
  const size = Math.abs(percent)
  const digits = size >= 10 ? size.toFixed(0) : size.toFixed(1).replace(/\.0$/, '')
  return `${percent < 0 ? '-' : '+'}${digits}%`
}
