/** What the Cardinality page asks the server for. */
import { keepPreviousData, useQuery } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'
import { api, unwrap } from '@/api/client'
import {
  labelNames,
  queryInstant,
  sampleValue,
  tsdbStatus,
  type Counted,
  type QueryResult,
} from '@/api/prometheus'
import { METRIC_NAME } from '@/base/selector'
import {
  breakdownQuery,
  labelsQuery,
  labelsToCount,
  selectorOf,
  type Condition,
} from './cardinality'

/** Items of each list of the overview. */
export const ITEMS_MAX = 2_000
/** The server walks over all label pairs for an answer. */
const REFRESH_MS = 60_000

/** Totals and the longest lists of all series in memory. */
export function useTsdbStatus() {
  return useQuery({
    queryKey: ['cardinality', 'status'],
    queryFn: ({ signal }) => tsdbStatus(ITEMS_MAX, signal),
    refetchInterval: REFRESH_MS,
  })
}

/** Active series by metric or by sender, with how many of them are new, and the limits. */
export function useCensus(by: 'metric' | 'source') {
  return useQuery({
    queryKey: ['cardinality', 'census', by],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET('/api/v1/metrics/cardinality', {
          params: { query: { by, limit: ITEMS_MAX } },
          signal,
        }),
      ),
    refetchInterval: REFRESH_MS,
  })
}

/** How many series satisfy the conditions, and how many values each of their labels has. */
export function useSelection(
  where: MaybeRefOrGetter<readonly Condition[]>,
  overall: MaybeRefOrGetter<readonly Counted[]>,
) {
  return useQuery({
    queryKey: ['cardinality', 'selection', computed(() => toValue(where))],
    enabled: () => toValue(where).length > 0,
    refetchInterval: REFRESH_MS,
    retry: false,
    queryFn: async ({ signal }) => {
      const conditions = toValue(where)
      const selector = selectorOf(conditions)
      const [names, total] = await Promise.all([
        labelNames([selector], signal),
        queryInstant(`count(${selector})`, undefined, signal),
      ])
      const asked = labelsToCount(names, conditions, toValue(overall))
      const labels = await countLabels(asked, conditions, signal)
      return {
        series: vector(total.data)[0]?.value ?? 0,
        labels: labels.sort((a, b) => rank(a) - rank(b) || b.value - a.value),
      }
    },
  })
}

/** The metric's name stands last: the labels tell a metric's series apart. */
function rank({ name }: Counted): number {
  return name === METRIC_NAME ? 1 : 0
}

async function countLabels(
  names: readonly string[],
  where: readonly Condition[],
  signal: AbortSignal,
): Promise<Counted[]> {
  if (names.length === 0) return []
  const answer = await queryInstant(labelsQuery(names, where), undefined, signal)
  return vector(answer.data).map(({ metric, value }) => ({ name: metric.label ?? '', value }))
}

/** The values of one label within the selection, those with most series first. */
export function useBreakdown(
  where: MaybeRefOrGetter<readonly Condition[]>,
  by: MaybeRefOrGetter<string | undefined>,
) {
  return useQuery({
    queryKey: ['cardinality', 'breakdown', computed(() => [toValue(where), toValue(by)])],
    enabled: () => toValue(where).length > 0 && Boolean(toValue(by)),
    refetchInterval: REFRESH_MS,
    retry: false,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }): Promise<{ by: string; values: Counted[] }> => {
      const label = toValue(by) ?? ''
      const answer = await queryInstant(breakdownQuery(label, toValue(where)), undefined, signal)
      const values = vector(answer.data).map(({ metric, value }) => ({
        name: metric[label] ?? '',
        value,
      }))
      return { by: label, values }
    },
  })
}

function vector(result: QueryResult): { metric: Record<string, string>; value: number }[] {
  if (result.resultType !== 'vector') return []
  return result.result.map(({ metric, value }) => ({ metric, value: sampleValue(value[1]) }))
}
