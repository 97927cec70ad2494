/** What the builder asks the server for: which labels and values there are. */
import { keepPreviousData, useQuery } from '@tanstack/vue-query'
import { computed, ref, type ComputedRef } from 'vue'
import { labelNames, labelValues } from '@/api/prometheus'
import type { Suggestion } from '@/base/combo'
import { labelRef, METRIC_NAME, quote } from '@/base/selector'
import { useTimeRange } from '@/shell/timeRange'
import { literal } from '../promql'

const FRESH_MS = 60_000
/** More values are not fetched; what is typed then narrows them down at the server. */
const VALUES_MAX = 1_000

export interface Offer {
  suggestions: ComputedRef<Suggestion[]>
  waiting: ComputedRef<boolean>
  /** Fetches, from the first call on. */
  open: () => void
}

/** Labels of the series that a selector picks; of all series when it is empty. */
export function useLabelNames(selector: () => string): Offer {
  const time = useTimeRange()
  const wanted = ref(false)
  const query = useQuery({
    queryKey: ['builder-labels', computed(selector), computed(() => time.range)],
    enabled: () => wanted.value,
    staleTime: FRESH_MS,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      labelNames(selector() === '' ? [] : [selector()], signal, { ...time.window }),
  })
  return {
    suggestions: computed(() =>
      (query.data.value ?? []).flatMap((value) => (value === METRIC_NAME ? [] : [{ value }])),
    ),
    waiting: computed(() => query.isFetching.value && !query.data.value),
    open: () => (wanted.value = true),
  }
}

/** Values of a label on the series that a selector picks; `typed` matters when there are many. */
export function useLabelValues(
  label: () => string,
  selector: () => string,
  typed: () => string,
): Offer {
  const time = useTimeRange()
  const wanted = ref(false)
  const ask = (match: string[], signal: AbortSignal) =>
    labelValues(label(), match, signal, { ...time.window }, VALUES_MAX)
  const first = useQuery({
    queryKey: ['builder-values', computed(label), computed(selector), computed(() => time.range)],
    enabled: () => wanted.value && label() !== '',
    staleTime: FRESH_MS,
    queryFn: ({ signal }) => ask(selector() === '' ? [] : [selector()], signal),
  })
  const cut = computed(() => (first.data.value?.length ?? 0) >= VALUES_MAX)
  const narrowed = useQuery({
    queryKey: ['builder-values', computed(label), computed(selector), computed(typed)],
    enabled: () => cut.value && typed() !== '',
    staleTime: FRESH_MS,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => ask([narrow(selector(), label(), typed())], signal),
  })
  return {
    suggestions: computed(() => {
      const found = cut.value && typed() !== '' ? narrowed.data.value : first.data.value
      return (found ?? []).map((value) => ({ value }))
    }),
    waiting: computed(() => first.isFetching.value && !first.data.value),
    open: () => (wanted.value = true),
  }
}

/** The selector with one condition more: the label's value holds the text. */
function narrow(selector: string, label: string, typed: string): string {
  const condition = `${labelRef(label)}=~${quote(`(?i).*${literal(typed)}.*`)}`
  if (selector.endsWith('}')) return `${selector.slice(0, -1)}, ${condition}}`
  return `${selector}{${condition}}`
}
