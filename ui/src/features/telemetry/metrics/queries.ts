/** What only the parts of the Metrics page ask the server for. */
import { keepPreviousData, useQuery } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'
import { formatQuery, labelValues, queryInstant, sampleValue } from '@/api/prometheus'
import { useTimeRange } from '@/shell/timeRange'
import { sendersQuery } from '../catalogue'

const NAMES_FRESH_MS = 60_000

/** The expression laid out; an `ApiError` that tells the place when it is wrong. */
export function formatExpression(expression: string): Promise<string> {
  return formatQuery(expression)
}

/** Names of all metrics that have samples in the shown range. */
export function useMetricNames() {
  const time = useTimeRange()
  return useQuery({
    queryKey: ['metric-names', computed(() => time.range)],
    staleTime: NAMES_FRESH_MS,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => labelValues('__name__', [], signal, time.window),
  })
}

/** A job and how many series of a metric it sends at present. */
export interface Sender {
  job: string
  series: number
}

/** Who sends a metric that is stored under these names. */
export function useSenders(members: MaybeRefOrGetter<readonly string[]>) {
  return useQuery({
    queryKey: ['metric-senders', computed(() => toValue(members))],
    staleTime: NAMES_FRESH_MS,
    retry: false,
    queryFn: async ({ signal }): Promise<Sender[]> => {
      const { data } = await queryInstant(sendersQuery(toValue(members)), undefined, signal)
      if (data.resultType !== 'vector') return []
      return data.result.map(({ metric, value }) => ({
        job: metric.job ?? '',
        series: sampleValue(value[1]),
      }))
    },
  })
}
