/**
 * The form and the language say the same: what the form writes reads back as it was. Here the
 * grammar of Prometheus' own editor stands in for the server; e2e asks the server itself.
 */
import type { SyntaxNode as Node } from '@lezer/common'
import { parser } from '@prometheus-io/lezer-promql'
import { describe, expect, it } from 'vitest'
import type { Matching, SyntaxNode as MatchingNode } from '@/api/syntax'
import { durationMs, durationOf } from './durations'
import { AGGREGATES, FUNCTIONS, newAggregate, newCall, newNumber, newQuery } from './functions'
import { FILTER_OPS, isAskable, type Built, type Match, type Step } from './model'
import { holdsComment, readTree } from './read'
import { writeBuilt } from './write'

type Tree = MatchingNode

/** The tree of the server for an expression, made from the editor's. */
function treeOf(expression: string): Tree {
  const top = parser.parse(expression).topNode.firstChild
  if (!top) throw new Error(`nothing in ${expression}`)
  return convert(top, expression)
}

function kids(node: Node): Node[] {
  const found: Node[] = []
  for (let kid = node.firstChild; kid; kid = kid.nextSibling) found.push(kid)
  return found
}

function unquote(text: string): string {
  return JSON.parse(text) as string
}

function labelsIn(node: Node, text: string): string[] {
  return kids(node).flatMap((kid) => {
    const name = text.slice(kid.from, kid.to)
    if (kid.name === 'LabelName') return [name]
    return kid.name === 'QuotedLabelName' ? [unquote(name)] : []
  })
}

function selecting(node: Node, text: string) {
  const name = node.getChild('Identifier')
  const metric = name ? text.slice(name.from, name.to) : ''
  const matchers = kids(node.getChild('LabelMatchers') ?? node).flatMap((matcher) => {
    if (!matcher.name.endsWith('LabelMatcher')) return []
    const [label, op, value] = kids(matcher).map((kid) => text.slice(kid.from, kid.to))
    const quoted = matcher.name.startsWith('Quoted')
    return [{ name: quoted ? unquote(label!) : label!, type: op!, value: unquote(value!) }]
  })
  if (metric) matchers.push({ name: '__name__', type: '=', value: metric })
  return { name: metric, matchers, offset: 0, timestamp: null, startOrEnd: null }
}

const CARDS = { GroupLeft: 'many-to-one', GroupRight: 'one-to-many' } as const

function convert(node: Node, text: string): Tree {
  const said = text.slice(node.from, node.to)
  const inside = kids(node)
  const duration = (at: Node) => durationMs(text.slice(at.from, at.to).replaceAll(' ', '')) ?? 0
  switch (node.name) {
    case 'ParenExpr':
      return { type: 'parenExpr', expr: convert(inside[0]!, text) }
    case 'NumberDurationLiteral':
      return { type: 'numberLiteral', val: said }
    case 'StringLiteral':
      return { type: 'stringLiteral', val: unquote(said) }
    case 'UnaryExpr':
      return { type: 'unaryExpr', op: said[0]!, expr: convert(node.lastChild!, text) }
    case 'VectorSelector':
      return { type: 'vectorSelector', ...selecting(node, text) }
    case 'MatrixSelector': {
      const [of, range] = inside
      return { type: 'matrixSelector', range: duration(range!), ...selecting(of!, text) }
    }
    case 'OffsetExpr':
      return { ...convert(inside[0]!, text), offset: duration(node.lastChild!) } as Tree
    case 'SubqueryExpr': {
      const [of, range, step] = inside
      return {
        type: 'subquery',
        expr: convert(of!, text),
        range: duration(range!),
        step: step ? duration(step) : 0,
        offset: 0,
        timestamp: null,
        startOrEnd: null,
      }
    }
    case 'FunctionCall': {
      const name = text.slice(inside[0]!.from, inside[0]!.to)
      const args = kids(inside[1]!).map((kid) => convert(kid, text))
      return { type: 'call', func: { name }, args }
    }
    case 'AggregateExpr': {
      const modifier = node.getChild('AggregateModifier')
      const args = kids(node.getChild('FunctionCallBody')!).map((kid) => convert(kid, text))
      return {
        type: 'aggregation',
        op: text.slice(inside[0]!.from, inside[0]!.to),
        expr: args.at(-1)!,
        param: args.length > 1 ? args[0]! : null,
        grouping: modifier ? labelsIn(modifier.getChild('GroupingLabels')!, text) : [],
        without: modifier?.getChild('Without') != null,
      }
    }
    case 'BinaryExpr':
      return calculation(node, text)
  }
  throw new Error(`${node.name} in ${text}`)
}

function calculation(node: Node, text: string): Tree {
  const [lhs, op] = kids(node)
  const sign = text.slice(op!.from, op!.to)
  const left = convert(lhs!, text)
  const right = convert(node.lastChild!, text)
  const modifier = node.getChild('MatchingModifierClause')
  const groups = modifier?.getChildren('GroupingLabels').map((one) => labelsIn(one, text)) ?? []
  const card = (['GroupLeft', 'GroupRight'] as const).find((name) => modifier?.getChild(name))
  const set = ['and', 'or', 'unless'].includes(sign)
  const matching: Matching = {
    card: card ? CARDS[card] : set ? 'many-to-many' : 'one-to-one',
    labels: groups[0] ?? [],
    on: modifier?.getChild('On') != null,
    include: groups[1] ?? [],
    fillValues: { lhs: null, rhs: null },
  }
  return {
    type: 'binaryExpr',
    op: sign,
    lhs: left,
    rhs: right,
    bool: node.getChild('BoolModifier') !== null,
    matching,
  }
}

/** Numbers that look random and are the same in every run (mulberry32). */
function dice(seed: number) {
  let state = seed
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  return {
    chance: (of: number) => next() < of,
    pick: <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T,
  }
}
type Dice = ReturnType<typeof dice>

const LABELS = ['job', 'instance', 'le', 'k8s.pod', 'a b']
const VALUES = ['', 'x', 'a|b.*', 'say "hi"', 'C:\\', 'two\nlines', '#1', '{}']
const DURATIONS = ['15s', '5m', '1h30m', '500ms', '7d']

function some(roll: Dice): string[] {
  return LABELS.filter(() => roll.chance(0.4))
}

function anyMatch(roll: Dice, set: boolean): Match {
  const mode = roll.pick(['all', 'on', 'ignoring'] as const)
  const labels = mode === 'all' ? [] : some(roll)
  const group = mode === 'all' || set ? '' : roll.pick(['', 'left', 'right'] as const)
  const plain = mode === 'ignoring' && labels.length === 0 && group === ''
  const include = group === '' ? [] : some(roll)
  return { mode: plain ? 'all' : mode, labels, group, include }
}

function anyStep(roll: Dice, depth: number, first: boolean): Step {
  const kind = roll.pick(['call', 'call', 'aggregate', 'number', depth < 3 ? 'query' : 'call'])
  const bool = roll.chance(0.5)
  if (kind === 'call') {
    const step = newCall(roll.pick(FUNCTIONS).name)
    if (step.range === '') return step
    const subquery = !first || roll.chance(0.2)
    const resolution = subquery && roll.chance(0.5) ? roll.pick(DURATIONS) : ''
    return { ...step, range: roll.pick(DURATIONS), subquery, resolution }
  }
  if (kind === 'aggregate') {
    const step = newAggregate(roll.pick(AGGREGATES).name)
    const mode = roll.pick(['all', 'by', 'without'] as const)
    const labels = mode === 'all' ? [] : mode === 'by' ? ['job', ...some(roll)] : some(roll)
    return { ...step, mode, labels }
  }
  if (kind === 'number') {
    const op = roll.pick(['+', '-', '*', '/', '%', '^', '>', '=='])
    const first = roll.chance(0.4)
    // Behind an operator, the editor's grammar is of two minds about a sign; e2e asks the server.
    const number = roll.pick(['1', '0.5', first ? '-1' : '2', '1e+06', 'time()', 'Inf'])
    const compares = op === '>' || op === '=='
    return { ...newNumber(op), number, first, bool: compares && bool }
  }
  const op = roll.pick(['+', '-', '/', '^', '>=', 'and', 'or', 'unless'])
  const set = ['and', 'or', 'unless'].includes(op)
  const match = anyMatch(roll, set)
  const other = anyBuilt(roll, depth + 1)
  return { ...newQuery(op), bool: op === '>=' && bool, match, other }
}

function anyBuilt(roll: Dice, depth = 1): Built {
  const metric = roll.pick(['up', 'node_cpu_seconds_total', 'my.metric', 'sum', ''])
  const filters = LABELS.filter(() => roll.chance(metric === '' ? 0.6 : 0.3)).map((label) => ({
    label,
    op: roll.pick(FILTER_OPS),
    value: roll.pick(VALUES),
  }))
  if (metric === '' && filters.length === 0) return anyBuilt(roll, depth)
  const count = roll.pick([0, 1, 2, 3, 4])
  const steps = Array.from({ length: count }, (_, at) => anyStep(roll, depth, at === 0))
  // The editor's grammar lets `offset` speak of a whole calculation, the server of its last part.
  const calculates = depth > 1 || steps.some((step) => 'op' in step)
  const offset = !calculates && roll.chance(0.5) ? roll.pick(['1h', '1m30s', '7d']) : ''
  return { metric, filters, offset, steps }
}

describe('form and language', () => {
  it('say the same, whatever is put together', () => {
    const roll = dice(20_261_123)
    for (let round = 0; round < 3_000; round += 1) {
      const built = anyBuilt(roll)
      const text = writeBuilt(built)
      expect({ text, ...readTree(treeOf(text)) }).toEqual({ text, built })
    }
  })

  it.each([
    'up',
    'up{job="node"}',
    'up offset -5m',
    '{__name__=~"node_.*"}',
    'sum by (instance) (rate(node_cpu_seconds_total{mode!="idle"}[5m]))',
    'histogram_quantile(0.95, sum by (le) (rate(http_seconds_bucket[5m] offset 1h)))',
    '1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes',
    '(a + b) * 100',
    'a + b * 100',
    'topk(5, 1 - a{x!="y"} / b)',
    'max_over_time((a / b)[1h:5m])',
    'max_over_time(a[1h:])',
    'time() - node_boot_time_seconds',
    'a / on (job, instance) group_left (version) b',
    'a > bool 5',
    'a and ignoring (le) b',
    'label_replace(up, "host", "$1", "instance", "([^:]+).*")',
    'round(up)',
  ])('reads %s and writes it alike', (text) => {
    const { built } = readTree(treeOf(text))
    expect(built && writeBuilt(built)).toBe(text)
  })

  it('puts the number before a power into parentheses', () => {
    const step = { ...newNumber('^'), number: '-1', first: true }
    const built: Built = { metric: 'x', filters: [], offset: '', steps: [step] }
    expect(writeBuilt(built)).toBe('(-1) ^ x')
  })

  it('leaves out what is not complete yet', () => {
    const half = { label: '', op: '=' as const, value: 'x' }
    const built: Built = { metric: 'up', filters: [half], offset: '', steps: [newQuery()] }
    expect(writeBuilt(built)).toBe('up')
    expect(isAskable(built)).toBe(false)
    expect(writeBuilt({ ...built, metric: '' })).toBe('')
  })
})

describe('beyond the builder', () => {
  const plain = { matchers: [], offset: 0, timestamp: null, startOrEnd: null }
  const up: Tree = { type: 'vectorSelector', name: 'up', ...plain }
  it.each<[string, Tree]>([
    ['instant', { ...up, timestamp: 5 }],
    ['instant', { ...up, startOrEnd: 'end' }],
    ['edges', { ...up, anchored: true } as Tree],
    ['samples', treeOf('up[5m]')],
    ['samples', treeOf('up[5m:]')],
    ['duration', treeOf('rate(up[0s])')],
    ['function', treeOf('label_join(up, "a", "b", "c")')],
    ['argument', treeOf('topk(scalar(up), up)')],
    ['argument', treeOf('clamp(up, scalar(a), 1)')],
    ['number', treeOf('1 + 2')],
    ['number', treeOf('17')],
    ['sign', { type: 'unaryExpr', op: '-', expr: up }],
    ['depth', treeOf('a / (b / (c / d))')],
    ['other', { type: 'stringLiteral', val: 'text' }],
  ])('says why: %s', (reason, tree) => {
    expect(readTree(tree).beyond?.reason).toBe(reason)
  })

  it('refuses fill values', () => {
    const tree = treeOf('a + b')
    if (tree.type === 'binaryExpr') tree.matching!.fillValues = { lhs: 0, rhs: null }
    expect(readTree(tree).beyond?.reason).toBe('fill')
  })

  it('sees comments, but not in texts', () => {
    expect(holdsComment('up # how are we?')).toBe(true)
    expect(holdsComment('up{a="#1", b=\'#\', c=`#`}')).toBe(false)
    expect(holdsComment('up{a="\\"#"}')).toBe(false)
  })
})

describe('durations', () => {
  it.each([
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['-1d', -86_400_000],
    ['500ms', 500],
    ['1m500ms', 60_500],
  ])('%s is %d ms', (text, ms) => {
    expect(durationMs(text)).toBe(ms)
    expect(durationOf(ms)).toBe(text)
  })
  it('refuses what is none', () => {
    for (const text of ['', '5', 'm', '5 m', '1x']) expect(durationMs(text)).toBeUndefined()
    expect(durationMs('1w')).toBe(604_800_000)
  })
})
