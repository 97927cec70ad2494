/** The frame's only request: hosts for the palette. */
import { useQuery } from '@tanstack/vue-query'
import type { Ref } from 'vue'
import { api, unwrap } from '@/api/client'

const HOSTS_SHOWN = 8

/** Hosts whose name contains the text; asks nothing for an empty text. */
export function useHostSearch(text: Ref<string>, enabled: () => boolean) {
  return useQuery({
    queryKey: ['shell', 'host-search', text],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET('/api/v1/hosts', {
          params: { query: { search: text.value, limit: HOSTS_SHOWN } },
          signal,
        }),
      ),
    enabled,
    retry: false,
  })
}
