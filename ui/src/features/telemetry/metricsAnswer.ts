/** From the answers of the Metrics page to one chart, tables and files. Pure. */
import type { NativeHistogram, QueryResult } from '@/api/prometheus'
import { rowsText } from '@/base/charts/csv'
import {
  alignSeries,
  distinctLabels,
  gridTimes,
  labelText,
  type ChartSeries,
  type Frame,
  type Grid,
  type RawSeries,
} from '@/base/charts/frame'
import { holdsBuckets } from '@/base/charts/heat'
import { unitOfMetric, type Unit } from '@/base/charts/units'
import { durationText } from './metricsState'
import { metricNames } from './promql'

/** More lines in one chart cannot be told apart and slow the page down. */
export const SERIES_MAX = 200

/** What one row of the page brought. */
export interface RowAnswer {
  letter: string
  expression: string
  grid: Grid
  result: QueryResult
  /** The same of a period that lies `compareMs` earlier. */
  earlier?: QueryResult
  compareMs?: number
}

/** What it took: shown under each query. */
export interface AnswerSize {
  series: number
  samples: number
}

export function sizeOf(result: QueryResult): AnswerSize {
  if (result.resultType === 'matrix') {
    const samples = result.result.reduce(
      (sum, { values, histograms }) => sum + values.length + (histograms?.length ?? 0),
      0,
    )
    return { series: result.result.length, samples }
  }
  if (result.resultType === 'vector') {
    return { series: result.result.length, samples: result.result.length }
  }
  return { series: 1, samples: 1 }
}

/**
 * All range answers as one frame; `cut` series were left out. Answers of the same step lie on one
 * grid, also when one is a refresh ahead of the others; those of another step have to wait.
 */
export function chartFrame(answers: readonly RowAnswer[]): { frame: Frame; cut: number } {
  const stepS = answers.at(-1)?.grid.stepS
  const same = answers.filter((answer) => answer.grid.stepS === stepS)
  const grids = same.map((answer) => answer.grid)
  const grid: Grid = {
    startMs: Math.min(...grids.map((one) => one.startMs)),
    endMs: Math.max(...grids.map((one) => one.endMs)),
    stepS: stepS ?? 1,
  }
  const rows = same.map((answer) => rowSeries({ ...answer, grid }, answers.length > 1))
  const present = rows.flatMap((row) => row.present)
  const shown = present.slice(0, SERIES_MAX)
  const keys = new Set(shown.map((one) => one.key))
  const gone = new Set(present.slice(SERIES_MAX).map((one) => one.key))
  const earlier = rows
    .flatMap((row) => row.earlier)
    .filter(({ earlierOf = '' }) => keys.has(earlierOf) || !gone.has(earlierOf))
    .slice(0, SERIES_MAX)
  return {
    frame: { times: gridTimes(grid), series: [...shown, ...earlier] },
    cut: Math.max(0, present.length - SERIES_MAX),
  }
}

function rowSeries(
  answer: RowAnswer,
  several: boolean,
): { present: ChartSeries[]; earlier: ChartSeries[] } {
  const raw = matrixOf(answer.result)
  const before = matrixOf(answer.earlier)
  const name = naming([...raw, ...before], answer.expression)
  // The key holds the expression, so that a series keeps its colour when rows move.
  const known = (one: ChartSeries): ChartSeries => ({
    ...one,
    key: `${answer.expression} ${one.key}`,
    name: several ? `${answer.letter} ${one.name}` : one.name,
  })
  const { grid, compareMs = 0 } = answer
  const then = {
    startMs: grid.startMs - compareMs,
    endMs: grid.endMs - compareMs,
    stepS: grid.stepS,
  }
  return {
    present: alignSeries(raw, grid, name).series.map(known),
    earlier: alignSeries(before, then, name).series.map(known).map(asEarlier(compareMs)),
  }
}

/** The same series in the earlier period: drawn in the same colour, paler and dashed. */
function asEarlier(compareMs: number) {
  const by = durationText(compareMs / 1000)
  return (series: ChartSeries): ChartSeries => {
    const { key, name } = series
    return {
      ...series,
      key: `${key} earlier`,
      name: `${name} (-${by})`,
      colourKey: key,
      earlierOf: key,
    }
  }
}

/** True when a range answer of the same expression could be drawn as a heat map. */
export function offersHeat(result: QueryResult): boolean {
  if (result.resultType === 'matrix') return holdsBuckets(result.result)
  if (result.resultType !== 'vector' || result.result.length === 0) return false
  return result.result.every((one) => one.histogram ?? one.metric.le !== undefined)
}

/** Series of a range answer as numbers; a series of histograms as their counts. */
function matrixOf(result: QueryResult | undefined): RawSeries[] {
  if (result?.resultType !== 'matrix') return []
  return result.result.map(({ metric, values, histograms }) => ({
    metric,
    values: values.length > 0 ? values : (histograms ?? []).map(([at, one]) => [at, one.count]),
  }))
}

/** Names that show only what tells the series apart; the expression when nothing does. */
function naming(raw: readonly RawSeries[], expression: string) {
  const sets = raw.map((series) => series.metric)
  const telling = distinctLabels(sets)
  return (labels: Record<string, string>): string => {
    if (telling.length === 0) return Object.keys(labels).length > 0 ? labelText(labels) : expression
    if (telling.length === 1 && telling[0] !== '__name__') {
      const [only = ''] = telling
      return labels[only] || labelText(labels)
    }
    return labelText(Object.fromEntries(telling.flatMap((name) => pick(labels, name))))
  }
}

function pick(labels: Record<string, string>, name: string): [string, string][] {
  const value = labels[name]
  return value === undefined ? [] : [[name, value]]
}

/** One line of the table view. */
export interface InstantRow {
  key: string
  labels: Record<string, string>
  /** Text of the value as the server wrote it. */
  value: string
}

/** An instant answer as a table: a column per label, rows in the order of the server. */
export function instantTable(result: QueryResult): { columns: string[]; rows: InstantRow[] } {
  const series = labelled(result)
  if (!series) {
    return { columns: [], rows: [{ key: 'value', labels: {}, value: String(result.result[1]) }] }
  }
  const names = new Set(series.flatMap((one) => Object.keys(one.labels)))
  const columns = [...names].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b))
  return {
    columns,
    rows: series.map((one) => ({ key: labelText(one.labels), ...one })),
  }
}

/** Label sets with the text of their value; undefined for a single number or text. */
function labelled(
  result: QueryResult,
): { labels: Record<string, string>; value: string }[] | undefined {
  if (result.resultType === 'matrix') {
    return result.result.map((one) => ({ labels: one.metric, value: rangeText(one.values) }))
  }
  if (result.resultType === 'vector') {
    return result.result.map((one) => ({
      labels: one.metric,
      value: one.histogram ? histogramText(one.histogram[1]) : one.value[1],
    }))
  }
  return undefined
}

/** A histogram in one line, as `count 12, sum 3.4`. */
function histogramText({ count, sum }: NativeHistogram): string {
  return `count ${count}, sum ${sum}`
}

/** The metric's name stands first. */
function rank(name: string): number {
  return name === '__name__' ? 0 : 1
}

/** A range selector answers with samples; the table shows each with its instant. */
function rangeText(values: readonly [number, string][]): string {
  return values.map(([seconds, text]) => `${text} @${seconds}`).join('\n')
}

/** The table as text for spreadsheets. */
export function tableText(result: QueryResult): string {
  const { columns, rows } = instantTable(result)
  const lines = rows.map((row) => [...columns.map((name) => row.labels[name] ?? ''), row.value])
  return rowsText([[...columns, 'value'], ...lines])
}

/** Help, type and unit of one metric, as the exporters describe it. */
export interface MetricFacts {
  name: string
  type: string
  help: string
}

export type Metadata = Record<string, { type: string; help: string; unit: string }[]>

const SUFFIXES = /_(?:bucket|count|sum|total|created|info)$/

/** What is known about the metrics that an expression reads; at most three. */
export function factsOf(expression: string, metadata: Metadata): MetricFacts[] {
  const bare = expression.trim()
  const names = metricNames(expression)
  const words = bare.match(/[a-zA-Z_:][\w:]*/g) ?? []
  const known = [...names, ...words.filter((word) => lookUp(word, metadata))]
  return [...new Set(known)].slice(0, 3).flatMap((name) => {
    const found = lookUp(name, metadata)
    return found ? [{ name, type: found.type, help: found.help }] : []
  })
}

function lookUp(name: string, metadata: Metadata) {
  return metadata[name]?.[0] ?? metadata[name.replace(SUFFIXES, '')]?.[0]
}

/** Functions of a histogram that give back what was counted in its buckets. */
const MEASURES = /^[\s(]*histogram_(?:quantile|avg|stddev)\s*\(/
const RATES = /\b(?:rate|irate|deriv)\s*\(/
const SHARES = /\/|\bquantile\s*\(|\bbool\b|\bcount\b|\btopk\b.*\//

/** The unit that an expression's values most likely have; `none` when in doubt. */
export function unitOfExpression(expression: string, metadata: Metadata): Unit {
  // A quotient or a count has lost the unit of what went in.
  if (SHARES.test(expression)) return 'none'
  const words = expression.match(/[a-zA-Z_:][\w:]*/g) ?? []
  const names = [...new Set([...metricNames(expression), ...words])].filter(
    (name) => metadata[name] || metadata[name.replace(SUFFIXES, '')],
  )
  const measures = MEASURES.test(expression)
  const units = new Set(
    names.map((name) =>
      measures
        ? unitOfMetric(name.replace(/_bucket$/, ''))
        : unitOfMetric(name, lookUp(name, metadata)?.type, RATES.test(expression)),
    ),
  )
  const [only] = units
  return units.size === 1 && only ? only : 'none'
}
