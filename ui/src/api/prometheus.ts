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

/** Sample text as a number: the API writes `NaN`, `+Inf` and `-Inf` for the special values. */
export function sampleValue(text: string): number {
  if (text === '+Inf' || text === 'Inf') return Infinity
  if (text === '-Inf') return -Infinity
  return Number(text)
}

function matchers(match: string[]): URLSearchParams {
  return new URLSearchParams(match.map((expression) => ['match[]', expression]))
}
