/** What the fields of the builder offer. Pure. */
import type { Suggestion } from '@/base/combo'
import type { Metadata } from '../metricsAnswer'
import { newAggregate, newCall } from './functions'
import type { Built } from './model'
import { writeBuilt } from './write'

/** Suffixes that samples carry and descriptions do not. */
const PART = /_(?:bucket|sum|count|total)$/

/** What is said about a metric, also under the name that it has without its suffix. */
export function describe(name: string, metadata: Metadata) {
  return metadata[name]?.[0] ?? metadata[name.replace(PART, '')]?.[0]
}

/** Every metric with what is said about it. */
export function metricSuggestions(names: readonly string[], metadata: Metadata): Suggestion[] {
  return names.map((value) => {
    const said = describe(value, metadata)
    return { value, hint: said?.help || undefined, badge: said?.type || undefined }
  })
}

/** The selector of a query without one of its conditions, for asking what else would fit. */
export function selectorWithout(built: Built, index: number): string {
  const filters = built.filters.filter((_, at) => at !== index)
  return writeBuilt({ ...built, filters, offset: '', steps: [] })
}

export type Advice = 'rate' | 'quantile'

/** What a query of this metric most likely still needs; undefined when it is fine as it is. */
export function adviceFor(built: Built, metadata: Metadata): Advice | undefined {
  if (built.metric === '' || built.steps.length > 0) return undefined
  const type = describe(built.metric, metadata)?.type ?? ''
  if (built.metric.endsWith('_bucket')) return 'quantile'
  if (type === 'histogram' && !PART.test(built.metric)) return 'quantile'
  const counts = type === 'counter' || /_(?:total|sum|count)$/.test(built.metric)
  return counts ? 'rate' : undefined
}

/** Follows the advice. */
export function advised(built: Built, advice: Advice): Built {
  const steps = [...built.steps, newCall('rate')]
  if (advice === 'rate') return { ...built, steps }
  const classic = built.metric.endsWith('_bucket')
  const sum = classic
    ? { ...newAggregate('sum'), mode: 'by' as const, labels: ['le'] }
    : newAggregate('sum')
  return { ...built, steps: [...steps, sum, newCall('histogram_quantile')] }
}
