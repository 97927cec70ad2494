/** Which instants a chart asks for: from the shown range and the width of the chart. Pure. */
import type { Grid } from '@/base/charts/frame'
import { stepSeconds, type TimeSpan } from '@/shell/timeGrammar'

/** The server refuses more points per series. */
export const POINTS_MAX = 11_000

/** Pixels per point: closer points cannot be told apart. */
const PIXELS_PER_POINT = 2.5

/** Points that a chart of this width can show. */
export function pointsFor(widthPx: number): number {
  return Math.max(60, Math.round(widthPx / PIXELS_PER_POINT))
}

/**
 * A grid on multiples of its step, so that a refresh asks for the same instants again and the
 * curve does not tremble. The step is never shorter than samples come.
 */
export function gridFor(span: TimeSpan, points: number, intervalS = 1): Grid {
  const minS = Math.max(1, Math.ceil(intervalS), Math.ceil(seconds(span) / POINTS_MAX))
  return gridOfStep(span, stepSeconds(span, points, minS))
}

/** In so short a range every sample has a point of its own soon after it came. */
const FINE_S = 300

/** The step that a grid of this range must not go below, for samples that far apart. */
export function leastStep(span: TimeSpan, intervalS: number): number {
  return seconds(span) <= FINE_S ? intervalS / 3 : intervalS
}

/** A grid with a step chosen by hand; widened when it would give too many points. */
export function gridOfStep(span: TimeSpan, wantedS: number): Grid {
  const leastS = seconds(span) / (POINTS_MAX - 1)
  const stepS = Math.max(wantedS, leastS > wantedS ? Math.ceil(leastS) : 0)
  const stepMs = stepS * 1000
  return {
    startMs: Math.floor(span.startMs / stepMs) * stepMs,
    endMs: Math.floor(span.endMs / stepMs) * stepMs,
    stepS,
  }
}

/** How far a rate looks back: four samples, and never less than one step and one sample. */
export function rateWindow(stepS: number, intervalS: number): number {
  return Math.ceil(Math.max(4 * intervalS, stepS + intervalS))
}

/** The usual distance between samples, from their instants in seconds; undefined with too few. */
export function sampleInterval(times: readonly number[]): number | undefined {
  const gaps = times
    .slice(1)
    .map((time, index) => time - (times[index] ?? time))
    .filter((gap) => gap > 0)
    .sort((a, b) => a - b)
  const middle = gaps[Math.floor(gaps.length / 2)]
  return middle === undefined ? undefined : Math.max(1, Math.round(middle))
}

function seconds(span: TimeSpan): number {
  return (span.endMs - span.startMs) / 1000
}
