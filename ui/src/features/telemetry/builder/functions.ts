/** What the builder offers: functions with their arguments, aggregations, operators. Pure. */
import type { AggregateStep, CallStep, Match, NumberStep, QueryStep } from './model'
import { emptyBuilt } from './model'

/** An argument besides the series. `initial` stands there at the beginning. */
export interface Param {
  /** Text key below `telemetry.builder.params`. */
  name: string
  kind: 'number' | 'text'
  initial: string
  /** May be left out. */
  optional?: boolean
}

export const FUNCTION_GROUPS = ['range', 'overTime', 'histogram', 'math', 'other'] as const
export type FunctionGroup = (typeof FUNCTION_GROUPS)[number]

export interface FunctionSpec {
  name: string
  group: FunctionGroup
  /** Takes samples of a range instead of one value per series. */
  range: boolean
  /** Arguments before and behind the series. */
  before: Param[]
  after: Param[]
}

const quantile: Param = { name: 'quantile', kind: 'number', initial: '0.95' }
const number = (name: string, initial: string, optional = false): Param => ({
  name,
  kind: 'number',
  initial,
  optional,
})
const text = (name: string, initial: string): Param => ({ name, kind: 'text', initial })

function plain(group: FunctionGroup, range: boolean, names: string): FunctionSpec[] {
  return names.split(' ').map((name) => ({ name, group, range, before: [], after: [] }))
}

function special(
  name: string,
  group: FunctionGroup,
  range: boolean,
  before: Param[],
  after: Param[],
): FunctionSpec {
  return { name, group, range, before, after }
}

export const FUNCTIONS: readonly FunctionSpec[] = [
  ...plain('range', true, 'rate increase irate delta idelta deriv changes resets'),
  special('predict_linear', 'range', true, [], [number('seconds', '3600')]),
  ...plain(
    'overTime',
    true,
    'avg_over_time min_over_time max_over_time sum_over_time count_over_time last_over_time ' +
      'first_over_time present_over_time absent_over_time stddev_over_time stdvar_over_time ' +
      'mad_over_time',
  ),
  special('quantile_over_time', 'overTime', true, [quantile], []),
  special('histogram_quantile', 'histogram', false, [quantile], []),
  special('histogram_fraction', 'histogram', false, [number('from', '0'), number('to', '1')], []),
  ...plain(
    'histogram',
    false,
    'histogram_avg histogram_count histogram_sum histogram_stddev histogram_stdvar',
  ),
  ...plain('math', false, 'abs ceil floor sqrt exp ln log2 log10 sgn'),
  special('round', 'math', false, [], [number('toNearest', '', true)]),
  special('clamp', 'math', false, [], [number('least', '0'), number('most', '1')]),
  special('clamp_min', 'math', false, [], [number('least', '0')]),
  special('clamp_max', 'math', false, [], [number('most', '1')]),
  ...plain('other', false, 'absent scalar sort sort_desc timestamp'),
  special(
    'label_replace',
    'other',
    false,
    [],
    [
      text('target', 'host'),
      text('replacement', '$1'),
      text('source', 'instance'),
      text('pattern', '([^:]+).*'),
    ],
  ),
]

const BY_NAME = new Map(FUNCTIONS.map((spec) => [spec.name, spec]))

export function functionSpec(name: string): FunctionSpec | undefined {
  return BY_NAME.get(name)
}

/** Aggregations, with their argument where they take one. */
export const AGGREGATES: readonly { name: string; param?: Param }[] = [
  ...['sum', 'avg', 'min', 'max', 'count', 'group', 'stddev', 'stdvar'].map((name) => ({ name })),
  { name: 'topk', param: number('series', '5') },
  { name: 'bottomk', param: number('series', '5') },
  { name: 'quantile', param: quantile },
  { name: 'count_values', param: text('label', 'value') },
  { name: 'limitk', param: number('series', '10') },
]

export function aggregateParam(name: string): Param | undefined {
  return AGGREGATES.find((one) => one.name === name)?.param
}

/** How tightly an operator binds; higher binds tighter. */
const PRECEDENCE: Readonly<Record<string, number>> = {
  or: 1,
  and: 2,
  unless: 2,
  '==': 3,
  '!=': 3,
  '<': 3,
  '<=': 3,
  '>': 3,
  '>=': 3,
  '+': 4,
  '-': 4,
  '*': 5,
  '/': 5,
  '%': 5,
  atan2: 5,
  '^': 6,
}

/** Operators in the order offered; those between sets of series stand last. */
export const OPERATORS = ['+', '-', '*', '/', '%', '^', '==', '!=', '>', '<', '>=', '<='] as const
export const SET_OPERATORS = ['and', 'or', 'unless'] as const

export function precedence(op: string): number {
  return PRECEDENCE[op] ?? 0
}

export function isComparison(op: string): boolean {
  return precedence(op) === 3
}

export function isSetOperator(op: string): boolean {
  return (SET_OPERATORS as readonly string[]).includes(op)
}

/** `2 ^ 3 ^ 2` is `2 ^ (3 ^ 2)`; all others go from left to right. */
export function bindsRight(op: string): boolean {
  return op === '^'
}

const RANGE_INITIAL = '5m'

export function newCall(name: string): CallStep {
  const spec = functionSpec(name)
  return {
    kind: 'call',
    name,
    args: [...(spec?.before ?? []), ...(spec?.after ?? [])].map((param) => param.initial),
    range: spec?.range ? RANGE_INITIAL : '',
    subquery: false,
    resolution: '',
  }
}

export function newAggregate(name: string): AggregateStep {
  return {
    kind: 'aggregate',
    name,
    arg: aggregateParam(name)?.initial ?? '',
    mode: 'all',
    labels: [],
  }
}

export function newNumber(op = '*'): NumberStep {
  return { kind: 'number', op, number: '100', first: false, bool: false }
}

export function newMatch(): Match {
  return { mode: 'all', labels: [], group: '', include: [] }
}

export function newQuery(op = '/'): QueryStep {
  return { kind: 'query', op, bool: false, match: newMatch(), other: emptyBuilt() }
}
