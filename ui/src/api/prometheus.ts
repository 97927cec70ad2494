/** The Prometheus query API of the appliance, as far as the pages read it. */
import { fetchJson } from './client'
import type { SyntaxNode } from './syntax'

export type { SyntaxNode } from './syntax'

/**
 * One bucket of a native histogram: which of its bounds belong to it (0: the upper, 1: the lower,
 * 2: none, 3: both), lower bound, upper bound, count.
 */
export type NativeBucket = [rule: number, lower: string, upper: string, count: string]

/** A native histogram as the API sends it; without `buckets` when it is empty. */
export interface NativeHistogram {
  count: string
  sum: string
  buckets?: NativeBucket[]
}

/** One series of an answer: a `[seconds, text]` pair, `NaN` beside a histogram. */
export interface VectorSeries {
  metric: Record<string, string>
  value: [number, string]
  histogram?: [number, NativeHistogram]
}
export interface MatrixSeries {
  metric: Record<string, string>
  /** Empty when all samples are histograms. */
  values: [number, string][]
  histograms?: [number, NativeHistogram][]
}

export type QueryResult =
  | { resultType: 'vector'; result: VectorSeries[] }
  | { resultType: 'matrix'; result: MatrixSeries[] }
  | { resultType: 'scalar' | 'string'; result: [number, string] }

/** The exemplars of one series; times in seconds. */
export interface ExemplarSeries {
  seriesLabels: Record<string, string>
  exemplars: { labels: Record<string, string>; value: string; timestamp: number }[]
}

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

/** Two instants in milliseconds. */
interface Span {
  startMs: number
  endMs: number
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
export async function queryInstant(
  query: string,
  atMs?: number,
  signal?: AbortSignal,
): Promise<Answer<QueryResult>> {
  const time = atMs === undefined ? undefined : atMs / 1000
  const answer = await get<QueryResult>('/query', { query, time }, signal)
  if (answer.data.resultType === 'vector') {
    // The API leaves the number out where a sample is a histogram.
    for (const one of answer.data.result) one.value ??= [one.histogram?.[0] ?? 0, 'NaN']
  } else if (answer.data.resultType === 'matrix') {
    for (const one of answer.data.result) one.values ??= []
  }
  return answer
}

/** Evaluates an expression over `[startMs, endMs]` at every `stepS` seconds. */
export async function queryRange(
  query: string,
  range: { startMs: number; endMs: number; stepS: number },
  signal?: AbortSignal,
): Promise<Answer<{ resultType: 'matrix'; result: MatrixSeries[] }>> {
  const answer = await get<{ resultType: 'matrix'; result: MatrixSeries[] }>(
    '/query_range',
    { query, start: range.startMs / 1000, end: range.endMs / 1000, step: range.stepS },
    signal,
  )
  for (const one of answer.data.result) one.values ??= []
  return answer
}

/** Names of all labels, or of those on series that match, in a time range when one is given. */
export async function labelNames(
  match: string[] = [],
  signal?: AbortSignal,
  range?: Span,
): Promise<string[]> {
  return (await get<string[]>('/labels', matchers(match, range), signal)).data
}

/** As `labelNames` for the values of one label; the first `limit` of them. */
export async function labelValues(
  name: string,
  match: string[] = [],
  signal?: AbortSignal,
  range?: Span,
  limit?: number,
): Promise<string[]> {
  const path = `/label/${encodeURIComponent(name)}/values`
  const parameters = matchers(match, range)
  if (limit !== undefined) parameters.set('limit', String(limit))
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

/** The syntax tree of an expression; an `ApiError` that tells the place when it is wrong. */
export async function parseQuery(query: string, signal?: AbortSignal): Promise<SyntaxNode> {
  return (await get<SyntaxNode>('/parse_query', { query }, signal)).data
}

/** Exemplars of the series that an expression reads, between two instants. */
export async function queryExemplars(
  query: string,
  span: { startMs: number; endMs: number },
  signal?: AbortSignal,
): Promise<ExemplarSeries[]> {
  const asked = { query, start: span.startMs / 1000, end: span.endMs / 1000 }
  return (await get<ExemplarSeries[]>('/query_exemplars', asked, signal)).data
}

/** Sample text as a number: the API writes `NaN`, `+Inf` and `-Inf` for the special values. */
export function sampleValue(text: string): number {
  if (text === '+Inf' || text === 'Inf') return Infinity
  if (text === '-Inf') return -Infinity
  return Number(text)
}

function matchers(match: string[], range?: Span): URLSearchParams {
  const parameters = new URLSearchParams(match.map((expression) => ['match[]', expression]))
  if (range) {
    parameters.set('start', String(range.startMs / 1000))
    parameters.set('end', String(range.endMs / 1000))
  }
  return parameters
}
