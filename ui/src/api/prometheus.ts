/** The Prometheus query API of the appliance, as far as the pages read it. */
import { fetchJson } from './client'

/** One series of an answer; values are `[seconds, text]` pairs as the API sends them. */
export interface VectorSeries {
  metric: Record<string, string>
  value: [number, string]
}
export interface MatrixSeries {
  metric: Record<string, string>
  values: [number, string][]
}

export type QueryResult =
  | { resultType: 'vector'; result: VectorSeries[] }
  | { resultType: 'matrix'; result: MatrixSeries[] }
  | { resultType: 'scalar' | 'string'; result: [number, string] }

interface Envelope<T> {
  status: 'success' | 'error'
  data: T
  warnings?: string[]
  infos?: string[]
}

/** An answer with the remarks of the evaluation. */
export interface Answer<T> {
  data: T
  warnings: string[]
  infos: string[]
}

const BASE = '/prometheus/api/v1'

async function get<T>(
  path: string,
  parameters: Record<string, string | number | undefined> | URLSearchParams,
  signal?: AbortSignal,
): Promise<Answer<T>> {
  const query =
    parameters instanceof URLSearchParams
      ? parameters
      : new URLSearchParams(
          Object.entries(parameters).flatMap(([key, value]) =>
            value === undefined ? [] : [[key, String(value)]],
          ),
        )
  const text = query.toString()
  const envelope = await fetchJson<Envelope<T>>(`${BASE}${path}${text ? `?${text}` : ''}`, {
    signal,
  })
  return {
    data: envelope.data,
    warnings: envelope.warnings ?? [],
    infos: envelope.infos ?? [],
  }
}

/** Evaluates an expression at one instant (milliseconds; now when absent). */
export function queryInstant(
  query: string,
  atMs?: number,
  signal?: AbortSignal,
): Promise<Answer<QueryResult>> {
  return get('/query', { query, time: atMs === undefined ? undefined : atMs / 1000 }, signal)
}

/** Evaluates an expression over `[startMs, endMs]` at every `stepS` seconds. */
export function queryRange(
  query: string,
  range: { startMs: number; endMs: number; stepS: number },
  signal?: AbortSignal,
): Promise<Answer<{ resultType: 'matrix'; result: MatrixSeries[] }>> {
  return get(
    '/query_range',
    { query, start: range.startMs / 1000, end: range.endMs / 1000, step: range.stepS },
    signal,
  )
}

/** Names of all labels, or of those on series that match. */
export async function labelNames(match: string[] = [], signal?: AbortSignal): Promise<string[]> {
  return (await get<string[]>('/labels', matchers(match), signal)).data
}

/** Values of one label, or those on series that match, in a time range when one is given. */
export async function labelValues(
  name: string,
  match: string[] = [],
  signal?: AbortSignal,
  range?: { startMs: number; endMs: number },
): Promise<string[]> {
  const path = `/label/${encodeURIComponent(name)}/values`
  const parameters = matchers(match)
  if (range) {
    parameters.set('start', String(range.startMs / 1000))
    parameters.set('end', String(range.endMs / 1000))
  }
  return (await get<string[]>(path, parameters, signal)).data
}

/** Type, help and unit per metric name. */
export async function metricMetadata(
  signal?: AbortSignal,
): Promise<Record<string, { type: string; help: string; unit: string }[]>> {
  return (
    await get<Record<string, { type: string; help: string; unit: string }[]>>(
      '/metadata',
      {},
      signal,
    )
  ).data
}

/** A name and how many there are of it. */
export interface Counted {
  name: string
  value: number
}

/** Where the series in memory come from; each list begins with the most. */
export interface TsdbStatus {
  headStats: { numSeries: number; numLabelPairs: number; minTime: number; maxTime: number }
  seriesCountByMetricName: Counted[]
  labelValueCountByLabelName: Counted[]
  memoryInBytesByLabelName: Counted[]
  /** Names have the form `label=value`. */
  seriesCountByLabelValuePair: Counted[]
}

/** Totals of the series in memory, and the first `limit` (at most 10,000) of each list. */
export async function tsdbStatus(limit: number, signal?: AbortSignal): Promise<TsdbStatus> {
  return (await get<TsdbStatus>('/status/tsdb', { limit }, signal)).data
}

/** An expression laid out over lines; an `ApiError` that tells the place when it is wrong. */
export async function formatQuery(query: string, signal?: AbortSignal): Promise<string> {
  return (await get<string>('/format_query', { query }, signal)).data
}

/** Sample text as a number: the API writes `NaN`, `+Inf` and `-Inf` for the special values. */
export function sampleValue(text: string): number {
  if (text === '+Inf' || text === 'Inf') return Infinity
  if (text === '-Inf') return -Infinity
  return Number(text)
}

function matchers(match: string[]): URLSearchParams {
  return new URLSearchParams(match.map((expression) => ['match[]', expression]))
}
