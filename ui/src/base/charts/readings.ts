/** What the chart says at one instant: rows of the tooltip, the sentence for screen readers. */
import { formatTime } from '../format'
import type { ChartSeries, Frame } from './frame'
import { formatValue, type Unit } from './units'

export interface Reading {
  key: string
  name: string
  value: number
  text: string
}

/** Values at one instant, greatest first, without gaps and hidden series. */
export function readingsAt(
  frame: Frame,
  index: number,
  unit: Unit,
  hidden: ReadonlySet<string>,
): Reading[] {
  return frame.series
    .filter((series) => !hidden.has(series.key))
    .flatMap((series) => readingOf(series, index, unit))
    .sort((a, b) => compare(a.value, b.value))
}

function readingOf(series: ChartSeries, index: number, unit: Unit): Reading[] {
  const value = series.values[index] ?? null
  if (value === null) return []
  return [{ key: series.key, name: series.name, value, text: formatValue(value, unit) }]
}

function compare(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
  return b - a
}

/** `2026-11-23 08:00:05: user 12%, system 3%`, for a live region. */
export function spoken(timeS: number, readings: readonly Reading[], most = 6): string {
  const values = readings.slice(0, most).map((reading) => `${reading.name} ${reading.text}`)
  return `${formatTime(timeS * 1000)}: ${values.join(', ')}`
}
