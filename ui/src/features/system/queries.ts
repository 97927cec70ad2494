/** Requests about the appliance: its state, its own metrics, its API document. */
import { keepPreviousData, useQuery } from '@tanstack/vue-query'
import { computed } from 'vue'
import { api, fetchJson, unwrap, type Schemas } from '@/api/client'
import { queryRange } from '@/api/prometheus'
import { alignSeries, type Frame } from '@/base/charts/frame'
import { stepSeconds } from '@/shell/timeGrammar'
import { useTimeRange } from '@/shell/timeRange'
import type { OpenApiDocument } from './openapi'
import { withWindow, type SelfChart } from './selfCharts'

export type System = Schemas['System']

const SYSTEM_REFRESH_MS = 10_000
const POINTS = 240
const STEP_MIN_S = 5

export function useSystem() {
  return useQuery({
    queryKey: ['system', 'state'],
    queryFn: ({ signal }) => unwrap(api.GET('/api/v1/system', { signal })),
    refetchInterval: SYSTEM_REFRESH_MS,
  })
}

/** One chart of self-metrics over the page's time range. */
export function useSelfChart(chart: SelfChart) {
  const time = useTimeRange()
  return useQuery({
    queryKey: ['system', 'chart', chart.key, computed(() => time.window)],
    queryFn: async ({ signal }): Promise<Frame> => {
      const stepS = stepSeconds(time.window, POINTS, STEP_MIN_S)
      const onStep = (ms: number) => Math.floor(ms / 1_000 / stepS) * stepS * 1_000
      const grid = { startMs: onStep(time.window.startMs), endMs: onStep(time.window.endMs), stepS }
      const frames = await Promise.all(
        chart.queries.map(async ({ expr, by, line }) => {
          const answer = await queryRange(withWindow(expr, stepS), grid, signal)
          const frame = alignSeries(answer.data.result, grid, (labels) => (by && labels[by]) || '')
          const named = line ? { key: line, colourKey: line, name: line } : {}
          return { ...frame, series: frame.series.map((series) => ({ ...series, ...named })) }
        }),
      )
      return {
        times: frames[0]?.times ?? [],
        series: frames.flatMap((frame) => frame.series),
      }
    },
    placeholderData: keepPreviousData,
    gcTime: 15_000,
  })
}

/** The API document that the appliance serves. */
export function useOpenApi() {
  return useQuery({
    queryKey: ['system', 'openapi'],
    queryFn: ({ signal }) => fetchJson<OpenApiDocument>('/api/openapi.json', { signal }),
    staleTime: Infinity,
  })
}
