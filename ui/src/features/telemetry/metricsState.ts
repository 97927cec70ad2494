/** The state of the Metrics page and its form in the URL. Pure. */
import type { LocationQuery, LocationQueryRaw, LocationQueryValue } from 'vue-router'
import { parseDuration } from '@/shell/timeGrammar'

export type MetricsMode = 'chart' | 'table'
export type MetricsKind = 'line' | 'area' | 'stacked'

/** One row of the page. */
export interface MetricsQuery {
  expression: string
  /** Not drawn and not asked for. */
  off: boolean
}

export interface MetricsState {
  queries: MetricsQuery[]
  mode: MetricsMode
  kind: MetricsKind
  /** Seconds, or 0 for one that fits the width. */
  stepS: number
}

/** More rows are refused: each one is a request per refresh. */
export const QUERIES_MAX = 12
/** Longer expressions do not fit into a URL that every proxy takes. */
const EXPRESSION_MAX = 4_000

/** Steps offered by hand, in the notation of durations. */
export const STEP_CHOICES = ['5s', '15s', '30s', '1m', '5m', '15m', '1h', '6h', '1d'] as const

/** Reads the state from the URL; without one, a single empty row. */
export function stateOf(query: LocationQuery): MetricsState {
  const expressions = texts(query.q).slice(0, QUERIES_MAX)
  const off = new Set(texts(query.off).flatMap((text) => text.split(',')))
  const queries = expressions.map((expression, index) => ({
    expression: expression.slice(0, EXPRESSION_MAX),
    off: off.has(String(index)),
  }))
  const kind = texts(query.kind)[0]
  return {
    queries: queries.length > 0 ? queries : [{ expression: '', off: false }],
    mode: texts(query.mode)[0] === 'table' ? 'table' : 'chart',
    kind: kind === 'area' || kind === 'stacked' ? kind : 'line',
    stepS: (parseDuration(texts(query.step)[0] ?? '') ?? 0) / 1000,
  }
}

/** The state as URL parameters, without what is at its default. */
export function queryOf(state: MetricsState): LocationQueryRaw {
  const query: LocationQueryRaw = {}
  const expressions = state.queries.map((one) => one.expression)
  if (expressions.some((expression) => expression !== '')) query.q = expressions
  const off = state.queries.flatMap((one, index) => (one.off ? [index] : []))
  if (off.length > 0) query.off = off.join(',')
  if (state.mode !== 'chart') query.mode = state.mode
  if (state.kind !== 'line') query.kind = state.kind
  if (state.stepS > 0) query.step = durationText(state.stepS)
  return query
}

/** Seconds in the notation of the query language: `90s`, `5m`, `1h30m`. */
export function durationText(seconds: number): string {
  const parts: string[] = []
  let rest = Math.round(seconds)
  for (const [unit, size] of [
    ['d', 86_400],
    ['h', 3_600],
    ['m', 60],
    ['s', 1],
  ] as const) {
    const count = Math.floor(rest / size)
    if (count > 0) parts.push(`${count}${unit}`)
    rest -= count * size
  }
  return parts.join('') || '0s'
}

/** Letter of a row: A, B, C, ... */
export function rowLetter(index: number): string {
  return String.fromCharCode(65 + (index % 26))
}

function texts(value: LocationQueryValue | LocationQueryValue[] | undefined): string[] {
  const list = Array.isArray(value) ? value : [value]
  return list.filter((one): one is string => typeof one === 'string')
}
