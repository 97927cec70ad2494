/** Requests about scrape targets. */
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, type Ref } from 'vue'
import { api, unwrap, type Schemas } from '@/api/client'

export type TargetStatus = Schemas['TargetStatus']
export type Target = Schemas['Target']
export type TargetWrite = Schemas['TargetWrite']
export type ProbeRequest = Schemas['ProbeRequest']
export type ProbeReport = Schemas['ProbeReport']

const STATUS_REFRESH_MS = 10_000
/** While a target waits for its first scrape. */
const FIRST_SCRAPE_MS = 2_000
const JOBS_MAX = 500

/** How every target fares, kept current. */
export function useTargetStatus() {
  return useQuery({
    queryKey: ['targets', 'status'],
    queryFn: ({ signal }) => unwrap(api.GET('/api/v1/target-status', { signal })),
    refetchInterval: ({ state }) =>
      state.data?.items.some(({ health }) => health === 'unknown')
        ? FIRST_SCRAPE_MS
        : STATUS_REFRESH_MS,
    placeholderData: keepPreviousData,
  })
}

/** The scrape jobs that were made here, not those of the configuration. */
export function useJobs() {
  return useQuery({
    queryKey: ['targets', 'jobs'],
    queryFn: ({ signal }) =>
      unwrap(api.GET('/api/v1/targets', { params: { query: { limit: JOBS_MAX } }, signal })),
  })
}

export function useJob(id: Ref<string | undefined>) {
  return useQuery({
    queryKey: ['targets', 'job', id],
    queryFn: ({ signal }) =>
      unwrap(api.GET('/api/v1/targets/{id}', { params: { path: { id: id.value ?? '' } }, signal })),
    enabled: computed(() => id.value !== undefined),
    // A form is filled from it once; a refetch must not run over what was typed.
    staleTime: Infinity,
    gcTime: 0,
  })
}

/** Tries a target step by step. */
export function useProbe() {
  return useMutation({
    mutationFn: (body: ProbeRequest) => unwrap(api.POST('/api/v1/target-probe', { body })),
  })
}

/** What changes jobs; the lists are fetched again afterwards. */
export function useJobActions() {
  const queries = useQueryClient()
  const refresh = () => queries.invalidateQueries({ queryKey: ['targets'] })

  return {
    async create(body: TargetWrite): Promise<Target> {
      const created = await unwrap(api.POST('/api/v1/targets', { body }))
      await refresh()
      return created
    },
    /** `rev` is the version that was read; a later change by somebody else is a conflict. */
    async update(id: string, rev: number, body: TargetWrite): Promise<Target> {
      const params = { path: { id }, header: { 'If-Match': `"${rev}"` } }
      const updated = await unwrap(api.PATCH('/api/v1/targets/{id}', { params, body }))
      await refresh()
      return updated
    },
    async remove(id: string): Promise<void> {
      await unwrap(api.DELETE('/api/v1/targets/{id}', { params: { path: { id } } }))
      await refresh()
    },
  }
}
