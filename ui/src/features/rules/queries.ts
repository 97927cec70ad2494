/** Requests about recording rules. */
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, type Ref } from 'vue'
import { api, unwrap, type Schemas } from '@/api/client'
import { queryInstant, type Answer, type QueryResult } from '@/api/prometheus'

export type GroupStatus = Schemas['RecordingGroupStatus']
export type RuleStatus = Schemas['RecordingRuleStatus']
export type RuleFile = Schemas['RuleFileStatus']
export type RecordingGroup = Schemas['RecordingGroup']
export type GroupWrite = Schemas['RecordingGroupWrite']
export type RuleProblem = Schemas['RuleProblem']
export type CheckReport = Schemas['RuleCheckReport']
export type ImportReport = Schemas['RuleImportReport']

/** Where the groups of the API are as a file. */
export const EXPORT_URL = '/api/v1/recording-groups/export'

const STATUS_REFRESH_MS = 10_000
/** While a group waits for its first evaluation. */
const FIRST_EVALUATION_MS = 2_000

/** How every group and file fares, kept current. */
export function useRuleStatus() {
  return useQuery({
    queryKey: ['rules', 'status'],
    queryFn: ({ signal }) => unwrap(api.GET('/api/v1/recording-status', { signal })),
    refetchInterval: ({ state }) =>
      state.data?.items.some(({ enabled, health }) => enabled && health === 'unknown')
        ? FIRST_EVALUATION_MS
        : STATUS_REFRESH_MS,
    placeholderData: keepPreviousData,
  })
}

export function useGroup(id: Ref<string | undefined>) {
  return useQuery({
    queryKey: ['rules', 'group', id],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET('/api/v1/recording-groups/{id}', {
          params: { path: { id: id.value ?? '' } },
          signal,
        }),
      ),
    enabled: computed(() => id.value !== undefined),
    // A form is filled from it once; a refetch must not run over what was typed.
    staleTime: Infinity,
    gcTime: 0,
  })
}

/** One group of the API as a rules file. */
export function useGroupYaml(name: Ref<string | undefined>) {
  return useQuery({
    queryKey: ['rules', 'yaml', name],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET('/api/v1/recording-groups/export', {
          params: { query: { name: name.value } },
          parseAs: 'text',
          signal,
        }),
      ),
    enabled: computed(() => name.value !== undefined),
  })
}

/** What a check of an expression found and, when it is right, its present value. */
export interface Trial {
  report: CheckReport
  answer?: Answer<QueryResult>
  tookMs: number
}

/** Checks an expression and evaluates it once; nothing is stored. */
export function useTrial() {
  return useMutation({
    mutationFn: async (expr: string): Promise<Trial> => {
      const begun = performance.now()
      const report = await unwrap(api.POST('/api/v1/recording-groups/check', { body: { expr } }))
      if (report.problems.length > 0) return { report, tookMs: performance.now() - begun }
      const asked = performance.now()
      const answer = await queryInstant(expr)
      return { report, answer, tookMs: performance.now() - asked }
    },
  })
}

/** Sends a rules file; with `dryRun` the server only says what it would do. */
export function useImport() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: ({ yaml, dryRun }: { yaml: string; dryRun: boolean }) =>
      unwrap(
        api.POST('/api/v1/recording-groups/import', {
          params: { query: { dry_run: dryRun } },
          body: yaml,
          bodySerializer: (text: string) => text,
          headers: { 'Content-Type': 'application/yaml' },
        }),
      ),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['rules'] }),
  })
}

/** What changes groups; the lists are fetched again afterwards. */
export function useGroupActions() {
  const queries = useQueryClient()
  const refresh = () => queries.invalidateQueries({ queryKey: ['rules'] })

  return {
    async create(body: GroupWrite): Promise<RecordingGroup> {
      const created = await unwrap(api.POST('/api/v1/recording-groups', { body }))
      await refresh()
      return created
    },
    /** `rev` is the version that was read; a later change by somebody else is a conflict. */
    async update(id: string, body: GroupWrite, rev?: number): Promise<RecordingGroup> {
      const header = rev === undefined ? {} : { 'If-Match': `"${rev}"` }
      const params = { path: { id }, header }
      const updated = await unwrap(api.PATCH('/api/v1/recording-groups/{id}', { params, body }))
      await refresh()
      return updated
    },
    async remove(id: string): Promise<void> {
      await unwrap(api.DELETE('/api/v1/recording-groups/{id}', { params: { path: { id } } }))
      await refresh()
    },
  }
}
