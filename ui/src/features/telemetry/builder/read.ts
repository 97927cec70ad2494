/** From the server's syntax tree back to the form, or why the form cannot show it. Pure. */
import type { SyntaxNode } from '@/api/prometheus'
import { METRIC_NAME } from '@/base/selector'
import { durationOf } from './durations'
import { aggregateParam, functionSpec, isComparison, isSetOperator, type Param } from './functions'
import {
  DEPTH_MAX,
  emptyBuilt,
  FILTER_OPS,
  type Built,
  type CallStep,
  type FilterOp,
  type Match,
} from './model'

/** Why an expression is beyond the builder; text keys below `telemetry.builder.beyond`. */
export const REASONS = [
  'comment',
  'instant',
  'edges',
  'duration',
  'samples',
  'function',
  'argument',
  'number',
  'sign',
  'fill',
  'depth',
  'other',
] as const
export type Reason = (typeof REASONS)[number]

export type Reading = { built: Built; beyond?: undefined } | { beyond: Beyond; built?: undefined }

/** What the form cannot show, and the word it stumbled over. */
export interface Beyond {
  reason: Reason
  what: string
}

class BeyondBuilder extends Error {
  constructor(
    readonly reason: Reason,
    readonly what = '',
  ) {
    super(reason)
  }
}

/** Reads a tree; everything that the form has no field for is refused, so that nothing is lost. */
export function readTree(tree: SyntaxNode): Reading {
  try {
    return { built: chain(tree, 1) }
  } catch (cause) {
    if (cause instanceof BeyondBuilder) {
      return { beyond: { reason: cause.reason, what: cause.what } }
    }
    throw cause
  }
}

/** True when the text holds a comment, which no tree tells of. */
export function holdsComment(text: string): boolean {
  const strings = /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`/g
  return text.replaceAll(strings, '').includes('#')
}

function chain(node: SyntaxNode, depth: number): Built {
  switch (node.type) {
    case 'parenExpr':
      return chain(node.expr, depth)
    case 'vectorSelector':
      return select(node)
    case 'call':
      return called(node, depth)
    case 'aggregation':
      return aggregated(node, depth)
    case 'binaryExpr':
      return calculated(node, depth)
    case 'matrixSelector':
    case 'subquery':
      throw new BeyondBuilder('samples')
    case 'unaryExpr':
      throw new BeyondBuilder('sign', node.op)
    case 'numberLiteral':
      throw new BeyondBuilder('number', node.val)
    case 'stringLiteral':
      throw new BeyondBuilder('other', node.val)
  }
}

type Selecting = Extract<SyntaxNode, { type: 'vectorSelector' | 'matrixSelector' }>

function select(node: Selecting): Built {
  refuseInstant(node)
  if (node.anchored || node.smoothed) {
    throw new BeyondBuilder('edges', node.anchored ? 'anchored' : 'smoothed')
  }
  const built = emptyBuilt(node.name)
  for (const { name, type, value } of node.matchers) {
    const op = FILTER_OPS.find((one) => one === type) as FilterOp
    const names = name === METRIC_NAME && op === '='
    // The name before the braces is told as a matcher, too.
    if (names && value === built.metric) continue
    if (names && built.metric === '') built.metric = value
    else built.filters.push({ label: name, op, value })
  }
  if (node.offset !== 0) built.offset = durationOf(node.offset)
  return built
}

function refuseInstant(node: { timestamp: number | null; startOrEnd: string | null }): void {
  if (node.timestamp !== null || node.startOrEnd) throw new BeyondBuilder('instant', '@')
}

function called(node: Extract<SyntaxNode, { type: 'call' }>, depth: number): Built {
  const { name } = node.func
  const spec = functionSpec(name)
  if (!spec) throw new BeyondBuilder('function', `${name}()`)
  const series = node.args[spec.before.length]
  if (!series) throw new BeyondBuilder('argument', `${name}()`)
  const given = node.args.filter((_, index) => index !== spec.before.length)
  const params = [...spec.before, ...spec.after]
  if (given.length > params.length) throw new BeyondBuilder('argument', `${name}()`)
  const args = params.map((param, index) => literal(given[index], param, `${name}()`))
  const step: CallStep = {
    kind: 'call',
    name,
    args,
    range: '',
    subquery: false,
    resolution: '',
  }
  const built = spec.range ? ranged(series, step, depth) : chain(series, depth)
  built.steps.push(step)
  return built
}

/** Reads the range of a function into `step`; the answer is what the range is of. */
function ranged(node: SyntaxNode, step: CallStep, depth: number): Built {
  if (node.type === 'parenExpr') return ranged(node.expr, step, depth)
  if (node.type !== 'matrixSelector' && node.type !== 'subquery') throw new BeyondBuilder('other')
  // The server tells computed durations as 0.
  if (node.range <= 0) throw new BeyondBuilder('duration')
  step.range = durationOf(node.range)
  if (node.type === 'matrixSelector') return select(node)
  refuseInstant(node)
  if (node.offset !== 0) throw new BeyondBuilder('instant', 'offset')
  step.subquery = true
  step.resolution = node.step === 0 ? '' : durationOf(node.step)
  return chain(node.expr, depth)
}

function aggregated(node: Extract<SyntaxNode, { type: 'aggregation' }>, depth: number): Built {
  const param = aggregateParam(node.op)
  if (!param && node.param) throw new BeyondBuilder('function', node.op)
  const built = chain(node.expr, depth)
  const mode = node.without ? 'without' : node.grouping.length > 0 ? 'by' : 'all'
  built.steps.push({
    kind: 'aggregate',
    name: node.op,
    arg: param ? literal(node.param ?? undefined, param, node.op) : '',
    mode,
    labels: [...node.grouping],
  })
  return built
}

function literal(node: SyntaxNode | undefined, param: Param, whose: string): string {
  if (!node && param.optional) return ''
  const inner = node && unwrapped(node)
  if (param.kind === 'number' && inner?.type === 'numberLiteral') return inner.val
  if (param.kind === 'text' && inner?.type === 'stringLiteral') return inner.val
  throw new BeyondBuilder('argument', whose)
}

function unwrapped(node: SyntaxNode): SyntaxNode {
  return node.type === 'parenExpr' ? unwrapped(node.expr) : node
}

function calculated(node: Extract<SyntaxNode, { type: 'binaryExpr' }>, depth: number): Built {
  const left = numberOf(node.lhs)
  const right = numberOf(node.rhs)
  if (left !== undefined && right !== undefined) throw new BeyondBuilder('number', left)
  const { op, bool } = node
  const number = left ?? right
  if (number !== undefined) {
    const built = chain(left === undefined ? node.lhs : node.rhs, depth)
    built.steps.push({ kind: 'number', op, number, first: left !== undefined, bool })
    return built
  }
  if (depth >= DEPTH_MAX) throw new BeyondBuilder('depth')
  const built = chain(node.lhs, depth)
  const other = chain(node.rhs, depth + 1)
  built.steps.push({ kind: 'query', op, bool, match: matchOf(node), other })
  return built
}

function numberOf(node: SyntaxNode): string | undefined {
  const inner = unwrapped(node)
  if (inner.type === 'numberLiteral') return inner.val
  if (inner.type === 'unaryExpr' && inner.expr.type === 'numberLiteral') {
    return inner.op === '-' ? `-${inner.expr.val}` : inner.expr.val
  }
  return inner.type === 'call' && inner.func.name === 'time' ? 'time()' : undefined
}

function matchOf(node: Extract<SyntaxNode, { type: 'binaryExpr' }>): Match {
  const match: Match = { mode: 'all', labels: [], group: '', include: [] }
  const told = node.matching
  if (!told) return match
  if (told.fillValues?.lhs != null || told.fillValues?.rhs != null) {
    throw new BeyondBuilder('fill', 'fill')
  }
  if (!isSetOperator(node.op)) {
    if (told.card === 'many-to-one') match.group = 'left'
    if (told.card === 'one-to-many') match.group = 'right'
  }
  match.include = [...told.include]
  match.labels = [...told.labels]
  if (told.on) match.mode = 'on'
  else if (told.labels.length > 0 || match.group !== '') match.mode = 'ignoring'
  if (!isComparison(node.op) && node.bool) throw new BeyondBuilder('other', 'bool')
  return match
}
