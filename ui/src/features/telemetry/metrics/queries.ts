/** What only the parts of the Metrics page ask the server for. */
import { keepPreviousData, useQuery } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'
import { api, unwrap } from '@/api/client'
import {
  formatQuery,
  labelValues,
  queryExemplars,
  queryInstant,
  queryRange,
  sampleValue,
  type QueryResult,
} from '@/api/prometheus'
import type { Grid } from '@/base/charts/frame'
import { useTimeRange } from '@/shell/timeRange'
import { sendersOf, sendersQuery, type Sender } from '../catalogue'
import { useKept } from '../kept'

const NAMES_FRESH_MS = 60_000
/** Answers of earlier windows are of no use; keeping them would only fill memory. */
const WINDOW_GC_MS = 15_000

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

/** Who sends a metric that is stored under these names. */
export function useSenders(members: MaybeRefOrGetter<readonly string[]>) {
  return useQuery({
    queryKey: ['metric-senders', computed(() => toValue(members))],
    staleTime: NAMES_FRESH_MS,
    retry: false,
    queryFn: async ({ signal }): Promise<Sender[]> => {
      const { data } = await queryInstant(sendersQuery(toValue(members)), undefined, signal)
      if (data.resultType !== 'vector') return []
      return sendersOf(
        data.result.map(({ metric, value }) => ({
          job: metric.job ?? '',
          instance: metric.instance ?? '',
          series: sampleValue(value[1]),
        })),
      )
    },
  })
}

/** What one query of the Metrics page asks for. */
export interface MetricsAsk {
  expression: string
  /** Whether over the range or at one instant. */
  mode: 'chart' | 'table'
  grid: Grid
  /** How much earlier the same is asked for once more, in milliseconds; 0 for not at all. */
  compareMs: number
  /** Instant of the table in milliseconds. */
  atMs: number
}

/** An answer with what it took to get it. */
export interface MetricsAnswer {
  ask: MetricsAsk
  result: QueryResult
  /** The same of the earlier period, with the times of then. */
  earlier?: QueryResult
  /** Why there is no answer of the earlier period. */
  earlierError?: unknown
  /** What is probably wrong, and what may be worth knowing, in the words of the server. */
  warnings: string[]
  infos: string[]
  tookMs: number
}

/** Runs one query of the Metrics page. */
export async function runMetricsQuery(
  ask: MetricsAsk,
  signal: AbortSignal,
): Promise<MetricsAnswer> {
  const started = performance.now()
  if (ask.mode === 'table') {
    const { data, warnings, infos } = await queryInstant(ask.expression, ask.atMs, signal)
    const tookMs = performance.now() - started
    return { ask, result: data, warnings, infos, tookMs }
  }
  const before =
    ask.compareMs > 0 ? queryRange(ask.expression, earlierGrid(ask), signal) : undefined
  const [now, then] = await Promise.allSettled([
    queryRange(ask.expression, ask.grid, signal),
    before,
  ])
  if (now.status === 'rejected') throw now.reason
  return {
    ask,
    result: now.value.data,
    earlier: then.status === 'fulfilled' ? then.value?.data : undefined,
    // The present is worth showing without the past.
    earlierError: then.status === 'rejected' ? then.reason : undefined,
    warnings: now.value.warnings,
    infos: now.value.infos,
    tookMs: performance.now() - started,
  }
}

/** The grid of a question as far back as it compares. */
function earlierGrid({ grid, compareMs }: MetricsAsk): Grid {
  const { startMs, endMs, stepS } = grid
  return { startMs: startMs - compareMs, endMs: endMs - compareMs, stepS }
}

/** Runs a query of the Metrics page whenever what it asks for changes. */
export function useMetricsQuery(ask: MaybeRefOrGetter<MetricsAsk>) {
  const query = useQuery({
    queryKey: ['metrics', computed(() => toValue(ask))],
    enabled: () => toValue(ask).expression.trim() !== '',
    gcTime: WINDOW_GC_MS,
    retry: false,
    queryFn: ({ signal }) => runMetricsQuery(toValue(ask), signal),
  })
  return { ...query, kept: useKept(query, () => toValue(ask).expression + toValue(ask).mode) }
}

/** Of how many queries exemplars are asked for at once. */
const EXEMPLAR_QUERIES_MAX = 6

/** Exemplars of the series that expressions read in the shown range; none for an empty list. */
export function useExemplars(expressions: MaybeRefOrGetter<readonly string[]>) {
  const time = useTimeRange()
  const query = useQuery({
    queryKey: ['exemplars', computed(() => toValue(expressions)), () => time.window],
    enabled: () => toValue(expressions).length > 0,
    gcTime: WINDOW_GC_MS,
    retry: false,
    queryFn: async ({ signal }) => {
      const asked = toValue(expressions).slice(0, EXEMPLAR_QUERIES_MAX)
      const answers = asked.map((expression) => queryExemplars(expression, time.window, signal))
      return (await Promise.all(answers)).flat()
    },
  })
  return { ...query, kept: useKept(query, () => JSON.stringify(toValue(expressions))) }
}

/** What an expression costs over a grid. The refresh of the page does not measure again. */
export function useAnalysis(expression: () => string, grid: () => Grid) {
  const time = useTimeRange()
  return useQuery({
    queryKey: ['analysis', computed(expression), () => grid().stepS, () => time.range],
    staleTime: NAMES_FRESH_MS,
    retry: false,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => {
      const { startMs, endMs, stepS } = grid()
      const asked = {
        query: expression(),
        start: String(startMs / 1000),
        end: String(endMs / 1000),
        step: String(stepS),
      }
      return unwrap(api.GET('/api/v1/metrics/analyze', { params: { query: asked }, signal }))
    },
  })
}
