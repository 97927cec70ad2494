/** Exemplars of the shown queries as dots and as rows of a list. Pure. */
import { sampleValue, type ExemplarSeries } from '@/api/prometheus'
import { DOTS_MAX, thinned, type Dot } from '@/base/charts/dots'
import { labelText } from '@/base/charts/frame'
import { formatValue, unitOfMetric, type Unit } from '@/base/charts/units'
import { formatTime } from '@/base/format'

/** One exemplar: a value that was measured, and what it was measured on. */
export interface Exemplar {
  id: string
  timeS: number
  value: number
  unit: Unit
  labels: Record<string, string>
  /** Label set of the series that it was counted in. */
  series: string
  /** Id of the trace, when the exemplar carries one. */
  trace?: string
}

/** Names under which senders put the id of a trace. */
const TRACE_LABELS = ['trace_id', 'traceID', 'traceId', 'TraceID']

/** The exemplars to show, by time; `left` were too many. */
export function exemplarsOf(answers: readonly ExemplarSeries[]): {
  shown: Exemplar[]
  left: number
} {
  const all = answers.flatMap((one) => exemplarsIn(one))
  // A series that two queries read brings each exemplar twice.
  const unique = [...new Map(all.map((one) => [one.id, one])).values()]
  const shown = thinned(unique, DOTS_MAX)
  return { shown, left: unique.length - shown.length }
}

function exemplarsIn({ seriesLabels, exemplars }: ExemplarSeries): Exemplar[] {
  const series = labelText(seriesLabels)
  const unit = unitOfMetric((seriesLabels.__name__ ?? '').replace(/_bucket$/, ''))
  return exemplars.flatMap(({ labels, value, timestamp }) => {
    const number = sampleValue(value)
    if (!Number.isFinite(number)) return []
    const trace = TRACE_LABELS.map((name) => labels[name]).find((id) => id)
    const id = `${series} ${timestamp} ${labelText(labels)}`
    return [{ id, timeS: timestamp, value: number, unit, labels, series, trace }]
  })
}

/** What the tooltip of a dot says: one line each for value and time, labels, series. */
export function dotOf({ id, timeS, value, unit, labels, series }: Exemplar): Dot {
  const text = [
    `${formatValue(value, unit)}  ${formatTime(timeS * 1000)}`,
    ...Object.entries(labels).map(([name, label]) => `${name}: ${label}`),
    series,
  ].join('\n')
  return { id, timeS, value, text }
}
