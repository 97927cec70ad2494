/** The state of the Metrics page and its form in the URL. Pure. */
import type { LocationQuery, LocationQueryRaw, LocationQueryValue } from 'vue-router'
import { parseDuration } from '@/shell/timeGrammar'

export const MODES = ['chart', 'heat', 'table', 'analysis'] as const
export type MetricsMode = (typeof MODES)[number]
export type MetricsKind = 'line' | 'area' | 'stacked'
/** How the bounds of buckets lie on the axis: each bucket alike, or by their value. */
export const HEAT_SCALES = ['even', 'log', 'linear'] as const
export type HeatScale = (typeof HEAT_SCALES)[number]

/** One row of the page. */
export interface MetricsQuery {
  expression: string
  /** Not drawn and not asked for. */
  off: boolean
  /** Shown as a form instead of text. */
  form: boolean
}

export interface MetricsState {
  queries: MetricsQuery[]
  mode: MetricsMode
  kind: MetricsKind
  /** Seconds, or 0 for one that fits the width. */
  stepS: number
  /** How much earlier the period is that is drawn beside, in milliseconds; 0 for none. */
  compareMs: number
  /** Whether exemplars are drawn. */
  exemplars: boolean
  /** Undefined leaves the choice to what the bounds are like. */
  scale: HeatScale | undefined
}

/** More rows are refused: each one is a request per refresh. */
export const QUERIES_MAX = 12
/** Longer expressions do not fit into a URL that every proxy takes. */
const EXPRESSION_MAX = 4_000

/** Periods offered for comparing. */
export const COMPARE_CHOICES = ['1h', '1d', '7d'] as const

/** Steps offered by hand, in the notation of durations. */
export const STEP_CHOICES = ['5s', '15s', '30s', '1m', '5m', '15m', '1h', '6h', '1d'] as const

/** Reads the state from the URL; without one, a single empty row. */
export function stateOf(query: LocationQuery): MetricsState {
  const expressions = texts(query.q).slice(0, QUERIES_MAX)
  const off = numbers(query.off)
  const form = numbers(query.form)
  const rows = expressions.length > 0 ? expressions : ['']
  const kind = texts(query.kind)[0]
  return {
    queries: rows.map((expression, index) => ({
      expression: expression.slice(0, EXPRESSION_MAX),
      off: off.has(index),
      form: form.has(index),
    })),
    mode: MODES.find((mode) => mode === texts(query.mode)[0]) ?? 'chart',
    kind: kind === 'area' || kind === 'stacked' ? kind : 'line',
    stepS: (parseDuration(texts(query.step)[0] ?? '') ?? 0) / 1000,
    compareMs: parseDuration(texts(query.compare)[0] ?? '') ?? 0,
    exemplars: texts(query.exemplars)[0] === '1',
    scale: HEAT_SCALES.find((scale) => scale === texts(query.scale)[0]),
  }
}

function numbers(value: LocationQuery[string] | undefined): Set<number> {
  return new Set(texts(value).flatMap((text) => text.split(',').map(Number)))
}

/** The state as URL parameters, without what is at its default. */
export function queryOf(state: MetricsState): LocationQueryRaw {
  const query: LocationQueryRaw = {}
  const expressions = state.queries.map((one) => one.expression)
  if (expressions.some((expression) => expression !== '')) query.q = expressions
  const off = state.queries.flatMap((one, index) => (one.off ? [index] : []))
  if (off.length > 0) query.off = off.join(',')
  const form = state.queries.flatMap((one, index) => (one.form ? [index] : []))
  if (form.length > 0) query.form = form.join(',')
  if (state.mode !== 'chart') query.mode = state.mode
  if (state.kind !== 'line') query.kind = state.kind
  if (state.stepS > 0) query.step = durationText(state.stepS)
  if (state.compareMs > 0) query.compare = durationText(state.compareMs / 1000)
  if (state.exemplars) query.exemplars = '1'
  if (state.scale) query.scale = state.scale
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
