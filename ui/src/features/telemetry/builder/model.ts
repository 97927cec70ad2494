/**
 * A query as a form shows it: a selector, and steps applied to it one after the other, from the
 * inside of the expression to its outside. Pure.
 */

/** How a label is compared. */
export const FILTER_OPS = ['=', '!=', '=~', '!~'] as const
export type FilterOp = (typeof FILTER_OPS)[number]

export interface Filter {
  label: string
  op: FilterOp
  value: string
}

/** A function around what is there so far. */
export interface CallStep {
  kind: 'call'
  name: string
  /** Its other arguments in their order; a number as written, a text without its quotes. */
  args: string[]
  /** How far it looks back, for functions of a range; else empty. */
  range: string
  /** Whether the range is made of evaluations instead of samples: `[1h:5m]`. */
  subquery: boolean
  /** Distance of these evaluations; empty takes the usual one. */
  resolution: string
}

/** Many series become fewer. */
export interface AggregateStep {
  kind: 'aggregate'
  name: string
  /** What `topk`, `quantile` and `count_values` ask for; else empty. */
  arg: string
  /** Which labels stay: none, only these, or all but these. */
  mode: 'all' | 'by' | 'without'
  labels: string[]
}

/** Calculation with a number; `first` puts the number at the left. */
export interface NumberStep {
  kind: 'number'
  op: string
  /** A number as written, or `time()`. */
  number: string
  first: boolean
  bool: boolean
}

/** Which series of two queries belong together. */
export interface Match {
  mode: 'all' | 'on' | 'ignoring'
  labels: string[]
  /** The side of which several series may meet one of the other. */
  group: '' | 'left' | 'right'
  /** Labels taken over from the side of which there is one. */
  include: string[]
}

/** Calculation with a second query, at the right. */
export interface QueryStep {
  kind: 'query'
  op: string
  bool: boolean
  match: Match
  other: Built
}

export type Step = CallStep | AggregateStep | NumberStep | QueryStep

/** One query of the form. */
export interface Built {
  metric: string
  filters: Filter[]
  /** How much earlier the samples are taken, as `1h`; with a minus, later. Empty: not at all. */
  offset: string
  steps: Step[]
}

/** Queries may stand in queries so deep. */
export const DEPTH_MAX = 3

export function emptyBuilt(metric = ''): Built {
  return { metric, filters: [], offset: '', steps: [] }
}

/** True when there is something to ask for: a metric or a condition that is complete. */
export function isAskable(built: Built): boolean {
  const selects = built.metric !== '' || completeFilters(built).length > 0
  return selects && built.steps.every((step) => step.kind !== 'query' || isAskable(step.other))
}

/** Conditions of which the label is known; the others are still being written. */
export function completeFilters(built: Built): Filter[] {
  return built.filters.filter((filter) => filter.label !== '')
}
