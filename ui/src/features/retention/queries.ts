/** What the Retention page asks the server for. */
import { keepPreviousData, useQuery } from '@tanstack/vue-query'
import { computed } from 'vue'
import { api, unwrap } from '@/api/client'

/** The server looks at every day that is stored. */
const REFRESH_MS = 60_000

/** Rules, sizes of the days, and what a forecast needs. */
export function useRetention() {
  return useQuery({
    queryKey: ['retention'],
    queryFn: ({ signal }) => unwrap(api.GET('/api/v1/metrics/retention', { signal })),
    refetchInterval: REFRESH_MS,
  })
}

/** How much the series of a selector are; nothing is asked for an empty one. */
export function useEstimate(selector: () => string) {
  return useQuery({
    queryKey: ['retention', 'estimate', computed(selector)],
    enabled: () => selector() !== '',
    retry: false,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      unwrap(api.POST('/api/v1/metrics/estimate', { body: { match: [selector()] }, signal })),
  })
}
