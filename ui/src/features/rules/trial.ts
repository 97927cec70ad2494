/** The rows of an answer as text. Pure. */
import type { QueryResult } from '@/api/prometheus'
import { quote } from '@/base/selector'

/** Series of a trial that are shown. */
export const SHOWN_MAX = 5

export interface TrialRow {
  labels: string
  value: string
}

export function trialRows(data: QueryResult): TrialRow[] {
  if (data.resultType === 'matrix') return []
  if (data.resultType !== 'vector') return [{ labels: '{}', value: data.result[1] }]
  return data.result.map(({ metric, value }) => ({
    labels: labelText(metric),
    // A native histogram has no number.
    value: value?.[1] ?? '',
  }))
}

/** The labels as they stand in a selector, without the name: the rule gives another one. */
function labelText(metric: Record<string, string>): string {
  const pairs = Object.entries(metric).filter(([name]) => name !== '__name__')
  return `{${pairs.map(([name, value]) => `${name}=${quote(value)}`).join(', ')}}`
}
