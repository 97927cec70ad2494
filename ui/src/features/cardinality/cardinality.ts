/** What the Cardinality page shows, its form in the URL, and what it asks. Pure. */
import type { LocationQuery, LocationQueryRaw, LocationQueryValue } from 'vue-router'
import type { Counted, TsdbStatus } from '@/api/prometheus'
import { isPlainMetric, labelRef, METRIC_NAME, quote } from '@/base/selector'

/** The lists of the overview. */
export const VIEWS = ['metrics', 'labels', 'pairs', 'sources'] as const
export type View = (typeof VIEWS)[number]

/** Narrows series down to those that have a label, with one value or with any. */
export interface Condition {
  label: string
  /** Undefined: any value. */
  value?: string
}

export interface CardinalityState {
  view: View
  search: string
  /** Empty: the overview. */
  where: Condition[]
  /** The label whose values are counted; empty leaves the choice to the page. */
  by: string
}

/** More conditions than anybody follows by clicks. */
const CONDITIONS_MAX = 12
/** Values of a label that are asked for: those with most series. */
export const VALUES_MAX = 1_000
/** Labels of a selection that are counted; each costs a pass over the selection. */
export const LABELS_MAX = 24

/** Reads the state from the URL. */
export function stateOf(query: LocationQuery): CardinalityState {
  const view = texts(query.view)[0]
  const conditions = texts(query.where).flatMap((text) => parseCondition(text) ?? [])
  return {
    view: VIEWS.find((one) => one === view) ?? 'metrics',
    search: texts(query.search)[0] ?? '',
    where: conditions.slice(0, CONDITIONS_MAX),
    by: texts(query.by)[0] ?? '',
  }
}

/** The state as URL parameters, without what is at its default. */
export function queryOf(state: Partial<CardinalityState>): LocationQueryRaw {
  const { view, search, where, by } = state
  return {
    view: view === 'metrics' ? undefined : view,
    search: search || undefined,
    where: where?.length ? where.map(printCondition) : undefined,
    by: by || undefined,
  }
}

/** `job=node`, or `job` for any value. */
export function printCondition({ label, value }: Condition): string {
  return value === undefined ? label : `${label}=${value}`
}

/** A label's name holds no equals sign, its value may. */
export function parseCondition(text: string): Condition | undefined {
  const at = text.indexOf('=')
  const label = at < 0 ? text : text.slice(0, at)
  if (label === '') return undefined
  return at < 0 ? { label } : { label, value: text.slice(at + 1) }
}

/** The conditions and one more; one on the same label is replaced by it. */
export function narrowed(where: readonly Condition[], more: Condition): Condition[] {
  return [...where.filter((one) => one.label !== more.label), more]
}

/** The series that satisfy all conditions. */
export function selectorOf(where: readonly Condition[]): string {
  const metric = where.find((one) => one.label === METRIC_NAME)?.value
  const bare = metric !== undefined && isPlainMetric(metric)
  const rest = where.filter((one) => !bare || one.label !== METRIC_NAME).map(matcherOf)
  const braces = rest.length > 0 ? `{${rest.join(',')}}` : ''
  return bare ? `${metric}${braces}` : braces
}

function matcherOf({ label, value }: Condition): string {
  return `${labelRef(label)}${value === undefined ? '!=""' : `=${quote(value)}`}`
}

/** How many series have each value of a label; those without the label are one row. */
export function countBy(label: string, where: readonly Condition[]): string {
  return `count by (${labelRef(label)}) (${selectorOf(where)})`
}

/** The values with most series, a bounded number of them. */
export function breakdownQuery(label: string, where: readonly Condition[]): string {
  return `topk(${VALUES_MAX}, ${countBy(label, where)})`
}

/** How many values each label has within the selection, in one question. */
export function labelsQuery(names: readonly string[], where: readonly Condition[]): string {
  return names
    .map((name) => {
      const having = where.some((one) => one.label === name)
        ? where
        : narrowed(where, { label: name })
      return `label_replace(count(${countBy(name, having)}), "label", ${quote(name)}, "", "")`
    })
    .join(' or ')
}

/**
 * The labels whose values are worth counting: not those that a condition holds to one value, and
 * those first that have most values over all series.
 */
export function labelsToCount(
  names: readonly string[],
  where: readonly Condition[],
  overall: readonly Counted[],
): string[] {
  const fixed = new Set(where.flatMap((one) => (one.value === undefined ? [] : [one.label])))
  const values = new Map(overall.map(({ name, value }) => [name, value]))
  return names
    .filter((name) => !fixed.has(name))
    .sort((a, b) => (values.get(b) ?? 0) - (values.get(a) ?? 0) || a.localeCompare(b))
    .slice(0, LABELS_MAX)
}

/** The label to count by when the URL names none; undefined until the labels are known. */
export function chosenLabel(
  state: CardinalityState,
  labels: readonly Counted[] | undefined,
): string | undefined {
  if (state.by !== '') return state.by
  const open = state.where.find((one) => one.value === undefined)
  if (open) return open.label
  if (!state.where.some((one) => one.label === METRIC_NAME)) return METRIC_NAME
  return labels?.[0]?.name
}

/** One line of a list: how many, and which part of the whole. */
export interface ShareRow {
  name: string
  count: number
  /** Between 0 and 1; null when the whole is not known. */
  share: number | null
  /** Bytes of the values of a label. */
  bytes?: number
  /** How many of them are new. */
  created?: number
}

/** Counts with their part of `whole`. */
export function shareRows(counted: readonly Counted[], whole: number | undefined): ShareRow[] {
  return counted.map(({ name, value }) => ({
    name,
    count: value,
    share: whole ? Math.min(1, value / whole) : null,
  }))
}

/** The rows of one list of the overview. */
export function overviewRows(
  status: TsdbStatus,
  view: View,
  created?: ReadonlyMap<string, number>,
): ShareRow[] {
  const { numSeries, numLabelPairs } = status.headStats
  // Senders are no labels; they have a list of their own.
  if (view === 'sources') return []
  if (view === 'metrics') {
    const rows = shareRows(status.seriesCountByMetricName, numSeries)
    return rows.map((row) => ({ ...row, created: created?.get(row.name) }))
  }
  if (view === 'pairs') {
    const pairs = status.seriesCountByLabelValuePair
    // Those of the metric's name are the list of metrics.
    const others = pairs.filter(({ name }) => !name.startsWith(`${METRIC_NAME}=`))
    return shareRows(others, numSeries)
  }
  const bytes = new Map(status.memoryInBytesByLabelName.map(({ name, value }) => [name, value]))
  return shareRows(status.labelValueCountByLabelName, numLabelPairs).map((row) => ({
    ...row,
    bytes: bytes.get(row.name),
  }))
}

/** What a line of the overview leads to. */
export function conditionOf(row: ShareRow, view: View): Condition {
  if (view === 'metrics') return { label: METRIC_NAME, value: row.name }
  if (view === 'labels') return { label: row.name }
  return parseCondition(row.name) ?? { label: row.name }
}

/** The rows whose name holds every word of the search. */
export function searchRows(rows: readonly ShareRow[], search: string): ShareRow[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return [...rows]
  return rows.filter(({ name }) => {
    const hay = name.toLowerCase()
    return words.every((word) => hay.includes(word))
  })
}

/**
 * The span of stored samples in milliseconds. As long as everything is in memory the server
 * tells the newest time for both, and the oldest is not known.
 */
export function spanOf(status: TsdbStatus): { oldestMs?: number; newestMs?: number } {
  const { minTime, maxTime } = status.headStats
  return {
    oldestMs: minTime > 0 && minTime < maxTime ? minTime : undefined,
    newestMs: maxTime > 0 ? maxTime : undefined,
  }
}

function texts(value: LocationQueryValue | LocationQueryValue[] | undefined): string[] {
  const list = Array.isArray(value) ? value : [value]
  return list.filter((one): one is string => typeof one === 'string')
}
