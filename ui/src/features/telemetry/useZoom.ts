/** Zooming by dragging on a chart, and the way back. */
import { useTimeRange } from '@/shell/timeRange'
import { absoluteRange, type TimeRange, type TimeSpan } from '@/shell/timeGrammar'

/** Narrower spans hold no sample. */
const SPAN_LEAST_MS = 10_000

/** The range before the first drag and the one after the last; shared by all charts. */
let before: TimeRange | undefined
let zoomed: TimeRange | undefined

/** Handlers for the charts of a page. */
export function useZoom(): { zoom: (span: TimeSpan) => void; reset: () => void } {
  const time = useTimeRange()

  /** A range chosen otherwise since the last drag begins anew. */
  function forgetWhenLeft(): void {
    if (time.range.from !== zoomed?.from || time.range.to !== zoomed.to) before = undefined
  }

  function zoom(span: TimeSpan): void {
    forgetWhenLeft()
    before ??= { ...time.range }
    const missing = Math.max(0, SPAN_LEAST_MS - (span.endMs - span.startMs)) / 2
    const wide = { startMs: span.startMs - missing, endMs: span.endMs + missing }
    zoomed = absoluteRange(wide)
    time.zoom(wide)
  }

  /** Back to where the first drag began; without one, twice the span. */
  function reset(): void {
    forgetWhenLeft()
    if (before) time.set(before)
    else time.zoomOut()
    before = undefined
    zoomed = undefined
  }
  return { zoom, reset }
}
