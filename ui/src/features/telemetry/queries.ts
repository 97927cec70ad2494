/** Everything the telemetry pages ask the server for. */
import { keepPreviousData, useQuery } from '@tanstack/vue-query'
import { computed, toValue, type ComputedRef, type MaybeRefOrGetter } from 'vue'
import { api, unwrap, type Schemas } from '@/api/client'
import {
  labelValues,
  metricMetadata,
  queryInstant,
  queryRange,
  sampleValue,
  type QueryResult,
} from '@/api/prometheus'
import {
  alignSeries,
  type Frame,
  type Grid,
  type Naming,
  type RawSeries,
} from '@/base/charts/frame'
import { useTimeRange } from '@/shell/timeRange'
import { gridFor, leastStep, rateWindow, sampleInterval } from './grid'
import { useKept } from './kept'
import { panelFrame, type Words } from './panelFrames'
import type { Panel } from './panels'
import { fill, matchers, type HostLabels } from './promql'

export type Host = Schemas['Host']
export type System = Schemas['System']
export type TargetStatus = Schemas['TargetStatus']

/** Answers of earlier windows are of no use; keeping them would only fill memory. */
const WINDOW_GC_MS = 15_000
/** Distance of samples that is assumed until they say otherwise. */
export const INTERVAL_S = 15
/** Hosts per request, the most that the server gives at once. */
const HOSTS_PAGE = 500
/** Beyond this many the list says that there are more and asks for a search. */
export const HOSTS_MAX = 2_000

/** How often lists and states are asked for; they show the present whatever range is chosen. */
const LIST_REFRESH_MS = 10_000

/** State of the appliance itself. */
export function useSystem() {
  return useQuery({
    queryKey: ['system'],
    queryFn: ({ signal }) => unwrap(api.GET('/api/v1/system', { signal })),
    refetchInterval: LIST_REFRESH_MS,
  })
}

/** Every scrape target with its health. */
export function useTargetStatus() {
  return useQuery({
    queryKey: ['target-status'],
    queryFn: async ({ signal }) =>
      (await unwrap(api.GET('/api/v1/target-status', { signal }))).items,
    refetchInterval: LIST_REFRESH_MS,
  })
}

/** Hosts by name whose name contains `search`, fetched page after page up to a limit. */
export function useHosts(search: MaybeRefOrGetter<string>) {
  return useQuery({
    queryKey: ['hosts', computed(() => toValue(search))],
    queryFn: async ({ signal }) => {
      const items: Host[] = []
      let cursor: string | undefined
      do {
        const query = { limit: HOSTS_PAGE, cursor, search: toValue(search) || undefined }
        const answer = await unwrap(api.GET('/api/v1/hosts', { params: { query }, signal }))
        items.push(...answer.items)
        cursor = answer.next ?? undefined
      } while (cursor && items.length < HOSTS_MAX)
      return { items, more: cursor !== undefined }
    },
    placeholderData: keepPreviousData,
    refetchInterval: LIST_REFRESH_MS,
  })
}

/** One host; an `ApiError` with status 404 when the server does not know the name. */
export function useHost(instance: MaybeRefOrGetter<string>) {
  return useQuery({
    queryKey: ['host', computed(() => toValue(instance))],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET('/api/v1/hosts/{instance}', {
          params: { path: { instance: toValue(instance) } },
          signal,
        }),
      ),
    refetchInterval: LIST_REFRESH_MS,
  })
}

/** Names of the metrics that a host has in the shown range, and how far its samples lie apart. */
export function useHostMetrics(labels: MaybeRefOrGetter<HostLabels | undefined>) {
  const time = useTimeRange()
  return useQuery({
    queryKey: ['host-metrics', computed(() => toValue(labels)), computed(() => time.range)],
    enabled: () => toValue(labels) !== undefined,
    queryFn: async ({ signal }) => {
      const selector = `{${matchers(toValue(labels) ?? {})}}`
      const { startMs, endMs } = time.window
      const [names, intervalS] = await Promise.all([
        labelValues('__name__', [selector], signal, { startMs, endMs }),
        hostInterval(toValue(labels) ?? {}, endMs, signal),
      ])
      return { names: new Set(names), intervalS: intervalS ?? INTERVAL_S }
    },
    placeholderData: keepPreviousData,
    // New exporters and devices show up within a minute; the charts themselves refresh faster.
    refetchInterval: (query) => ((query.state.data?.names.size ?? 0) > 0 ? 60_000 : 5_000),
  })
}

async function hostInterval(
  labels: HostLabels,
  endMs: number,
  signal: AbortSignal,
): Promise<number | undefined> {
  const answer = await queryInstant(`node_load1{${matchers(labels)}}[5m]`, endMs, signal)
  const [first] = answer.data.resultType === 'matrix' ? answer.data.result : []
  return sampleInterval(first?.values.map(([seconds]) => seconds) ?? [])
}

/** The oldest sample of the last hour, in milliseconds; undefined until it is known. */
export function useFirstSample(
  labels: MaybeRefOrGetter<HostLabels | undefined>,
  wanted: () => boolean,
): ComputedRef<number | undefined> {
  const query = useQuery({
    queryKey: ['first-sample', computed(() => toValue(labels))],
    enabled: () => toValue(labels) !== undefined && wanted(),
    staleTime: Infinity,
    gcTime: 0,
    queryFn: async ({ signal }) => {
      const endMs = Date.now()
      const hour = { startMs: endMs - 3_600_000, endMs, stepS: 60 }
      const expression = `node_load1{${matchers(toValue(labels) ?? {})}}`
      const [series] = await rangeSeries(expression, hour, signal)
      const seconds = series?.values[0]?.[0]
      return seconds === undefined ? endMs : seconds * 1000
    },
  })
  return computed(() => query.data.value)
}

/** What one chart of a host asks for. */
export interface PanelAsk {
  panel: Panel
  labels: HostLabels
  intervalS: number
  points: number
  /** False while the chart is out of sight. */
  visible: boolean
  names?: string
}

/** The data of one chart of a host over the shown range. */
export function usePanel(ask: MaybeRefOrGetter<PanelAsk>, words: Words) {
  const time = useTimeRange()
  const grid = computed(() => {
    const { points, intervalS } = toValue(ask)
    return gridFor(time.window, points, leastStep(time.window, intervalS))
  })
  const expressions = computed(() => {
    const { panel, labels, intervalS, names } = toValue(ask)
    const windowS = rateWindow(grid.value.stepS, intervalS)
    const blanks = { host: matchers(labels), windowS, names }
    return panel.queries.map((query) => fill(query.expr, blanks))
  })
  const query = useQuery({
    queryKey: ['panel', expressions, grid],
    enabled: () => toValue(ask).visible,
    gcTime: WINDOW_GC_MS,
    queryFn: async ({ signal }) => ({
      grid: grid.value,
      answers: await Promise.all(
        expressions.value.map((expression) => rangeSeries(expression, grid.value, signal)),
      ),
    }),
  })
  const identity = () => JSON.stringify([toValue(ask).panel.id, toValue(ask).labels])
  const kept = useKept(query, identity)
  const frame = computed<Frame | undefined>(() =>
    kept.data.value
      ? panelFrame(toValue(ask).panel, kept.data.value.answers, kept.data.value.grid, words)
      : undefined,
  )
  return { ...kept, frame, grid, expressions, refetch: query.refetch }
}

/** One expression over the shown range as a frame, for the small charts of Home. */
export function useRangeFrame(
  expression: MaybeRefOrGetter<string>,
  points: number,
  naming?: Naming,
) {
  const time = useTimeRange()
  const grid = computed(() => gridFor(time.window, points, INTERVAL_S / 3))
  const query = useQuery({
    queryKey: ['range', computed(() => toValue(expression)), grid],
    enabled: () => toValue(expression) !== '',
    gcTime: WINDOW_GC_MS,
    queryFn: async ({ signal }) => ({
      grid: grid.value,
      series: await rangeSeries(toValue(expression), grid.value, signal),
    }),
  })
  const kept = useKept(query, () => toValue(expression))
  const frame = computed<Frame | undefined>(() =>
    kept.data.value ? alignSeries(kept.data.value.series, kept.data.value.grid, naming) : undefined,
  )
  return { ...kept, frame, refetch: query.refetch }
}

async function rangeSeries(
  expression: string,
  grid: Grid,
  signal: AbortSignal,
): Promise<RawSeries[]> {
  return (await queryRange(expression, grid, signal)).data.result
}

/** One value of an instant vector. */
export interface Reading {
  labels: Record<string, string>
  value: number
}

/** Instant values of several expressions at the end of the shown range. */
export function useReadings(expressions: MaybeRefOrGetter<readonly string[]>) {
  const time = useTimeRange()
  const query = useQuery({
    queryKey: ['readings', computed(() => toValue(expressions)), computed(() => time.window.endMs)],
    gcTime: WINDOW_GC_MS,
    enabled: () => toValue(expressions).length > 0,
    queryFn: ({ signal }) =>
      Promise.all(
        toValue(expressions).map(async (expression) =>
          readings((await queryInstant(expression, time.window.endMs, signal)).data),
        ),
      ),
  })
  const kept = useKept(query, () => JSON.stringify(toValue(expressions)))
  return { ...kept, refetch: query.refetch }
}

function readings(result: QueryResult): Reading[] {
  if (result.resultType !== 'vector') return []
  return result.result.map(({ metric, value }) => ({
    labels: metric,
    value: sampleValue(value[1]),
  }))
}

/** Help and type of every metric; changes rarely. */
export function useMetadata() {
  return useQuery({
    queryKey: ['metadata'],
    staleTime: 300_000,
    gcTime: 600_000,
    queryFn: ({ signal }) => metricMetadata(signal),
  })
}
