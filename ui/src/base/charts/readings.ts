/** What the chart says at one instant: rows of the tooltip, the sentence for screen readers. */
import { formatTime } from '../format'
import { changeText, comparedSeries, isComparison, type ComparedSeries } from './compare'
import type { ChartSeries, Frame } from './frame'
import { formatValue, type Unit } from './units'

export interface Reading {
  key: string
  name: string
  value: number
  text: string
  /** The value of the earlier period and how much the present one differs from it. */
  earlier?: { text: string; change: string }
}

/** Values at one instant, greatest first, without gaps and hidden series. */
export function readingsAt(
  frame: Frame,
  index: number,
  unit: Unit,
  hidden: ReadonlySet<string>,
): Reading[] {
  const shown = frame.series.filter((series) => !hidden.has(series.key))
  const readings = isComparison(frame)
    ? comparedSeries({ ...frame, series: shown }, index).flatMap((one) =>
        comparedReading(one, unit),
      )
    : shown.flatMap((series) => readingOf(series, index, unit))
  return readings.sort((a, b) => compare(a.value, b.value))
}

function readingOf(series: ChartSeries, index: number, unit: Unit): Reading[] {
  const value = series.values[index] ?? null
  if (value === null) return []
  return [{ key: series.key, name: series.name, value, text: formatValue(value, unit) }]
}

function comparedReading({ series, here }: ComparedSeries, unit: Unit): Reading[] {
  const { now, then, change } = here
  const value = now ?? then
  if (value === null) return []
  const earlier = { text: formatValue(then, unit), change: changeText(change) }
  return [{ key: series.key, name: series.name, value, text: formatValue(now, unit), earlier }]
}

function compare(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
  return b - a
}

/** `2026-11-23 08:00:05: user 12%, system 3%`, for a live region. */
export function spoken(timeS: number, readings: readonly Reading[], most = 6): string {
  const values = readings.slice(0, most).map(({ name, text, earlier }) => {
    return earlier ? `${name} ${text} (${earlier.text}, ${earlier.change})` : `${name} ${text}`
  })
  return `${formatTime(timeS * 1000)}: ${values.join(', ')}`
}
