/** From the form to an expression of the query language. Pure. */
import { isPlainMetric, labelRef, METRIC_NAME, quote } from '@/base/selector'
import {
  aggregateParam,
  bindsRight,
  functionSpec,
  isComparison,
  isSetOperator,
  precedence,
  type Param,
} from './functions'
import { completeFilters, type Built, type CallStep, type Match, type Step } from './model'

/** Binds tighter than every operator. */
const ATOM = 10

/** An expression and how tightly its outermost part binds. */
interface Piece {
  text: string
  binds: number
}

/** The expression that the form means; empty while there is nothing to ask for. */
export function writeBuilt(built: Built): string {
  return pieceOf(built).text
}

function pieceOf(built: Built): Piece {
  const [first, ...rest] = built.steps
  const direct = first?.kind === 'call' && readsSamples(first) ? first : undefined
  const bare: Piece = { text: selector(built), binds: ATOM }
  if (bare.text === '') return bare
  const start = direct ? call(direct, selector(built, direct.range)) : bare
  return (direct ? rest : built.steps).reduce(apply, start)
}

/** A function of a range that stands right at the selector takes its samples. */
function readsSamples(step: CallStep): boolean {
  return functionSpec(step.name)?.range === true && !step.subquery
}

function selector(built: Built, range = ''): string {
  const filters = completeFilters(built).map(
    ({ label, op, value }) => `${labelRef(label)}${op}${quote(value)}`,
  )
  const plain = isPlainMetric(built.metric)
  if (built.metric !== '' && !plain) filters.unshift(`${METRIC_NAME}=${quote(built.metric)}`)
  const name = plain ? built.metric : ''
  if (name === '' && filters.length === 0) return ''
  const braces = filters.length > 0 ? `{${filters.join(', ')}}` : ''
  const samples = range === '' ? '' : `[${range}]`
  return `${name}${braces}${samples}${built.offset === '' ? '' : ` offset ${built.offset}`}`
}

function apply(inner: Piece, step: Step): Piece {
  switch (step.kind) {
    case 'call':
      return call(step, functionSpec(step.name)?.range ? evaluations(inner, step) : inner.text)
    case 'aggregate': {
      const param = aggregateParam(step.name)
      const before = param ? `${argument(step.arg, param)}, ` : ''
      const labels = step.labels.map(labelRef).join(', ')
      const grouping = step.mode === 'all' ? '' : ` ${step.mode} (${labels}) `
      return { text: `${step.name}${grouping}(${before}${inner.text})`, binds: ATOM }
    }
    case 'number': {
      const bool = step.bool && isComparison(step.op) ? ' bool' : ''
      // `-1 ^ x` would be the negative of `1 ^ x`.
      const binds = step.first && step.number.startsWith('-') ? precedence('*') : ATOM
      const sides: [Piece, Piece] = [inner, { text: step.number.trim(), binds }]
      if (step.first) sides.reverse()
      return binary(sides[0], `${step.op}${bool}`, step.op, sides[1])
    }
    case 'query': {
      const bool = step.bool && isComparison(step.op) ? ' bool' : ''
      const sign = `${step.op}${bool}${matching(step.match, step.op)}`
      const other = pieceOf(step.other)
      // Half a calculation is none.
      return other.text === '' ? inner : binary(inner, sign, step.op, other)
    }
  }
}

function evaluations(inner: Piece, step: CallStep): string {
  return `${inner.binds < ATOM ? `(${inner.text})` : inner.text}[${step.range}:${step.resolution}]`
}

function call(step: CallStep, series: string): Piece {
  const spec = functionSpec(step.name)
  const params = [...(spec?.before ?? []), ...(spec?.after ?? [])]
  const written = params.map((param, index) => argument(step.args[index] ?? '', param))
  const split = spec?.before.length ?? 0
  // Only the last argument may be left out.
  const all = [...written.slice(0, split), series, ...written.slice(split)].filter(
    (one) => one !== '',
  )
  return { text: `${step.name}(${all.join(', ')})`, binds: ATOM }
}

function argument(text: string, param: Param): string {
  return param.kind === 'text' ? quote(text) : text.trim()
}

function binary(left: Piece, sign: string, op: string, right: Piece): Piece {
  const binds = precedence(op)
  const leftLoose = left.binds < binds || (bindsRight(op) && left.binds === binds)
  const rightLoose = right.binds < binds || (!bindsRight(op) && right.binds === binds)
  return { text: `${wrap(left, leftLoose)} ${sign} ${wrap(right, rightLoose)}`, binds }
}

function wrap(piece: Piece, loose: boolean): string {
  return loose ? `(${piece.text})` : piece.text
}

function matching(match: Match, op: string): string {
  if (match.mode === 'all') return ''
  const labels = match.labels.map(labelRef).join(', ')
  const on = ` ${match.mode} (${labels})`
  if (match.group === '' || isSetOperator(op)) return on
  const include = match.include.map(labelRef).join(', ')
  // Always with parentheses: those of a calculation behind would be taken for the labels.
  return `${on} group_${match.group} (${include})`
}
