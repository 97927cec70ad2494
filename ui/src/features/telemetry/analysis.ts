/** What a query cost, node by node, as rows of an indented table. Pure. */
import type { Schemas } from '@/api/client'

export type QueryAnalysis = Schemas['QueryAnalysis']
export type QueryNode = Schemas['QueryNode']

/** One row: a node with its depth, and its part of what the whole query took. */
export interface NodeRow {
  key: string
  node: QueryNode
  depth: number
  /** Own time as a part of the time of the whole, from 0 to 1. */
  timeShare: number
  /** Own samples as a part of all samples. */
  samplesShare: number
  /** Takes the most time by itself. */
  hottest: boolean
}

/** Parts of an expression in UTF-16 units; `to` behind the end. */
export interface Part {
  from: number
  to: number
}

/** More rows are not shown; an expression that long says nothing to anybody. */
export const NODES_MAX = 300

/** Every node before its children, in the order of the expression. */
export function nodeRows(analysis: QueryAnalysis): NodeRow[] {
  const rows: NodeRow[] = []
  const whole = analysis.root?.wall_s ?? 0
  const visit = (node: QueryNode, depth: number, key: string): void => {
    if (rows.length >= NODES_MAX) return
    const timeShare = share(node.own_s, whole)
    const samplesShare = share(node.samples, analysis.samples)
    rows.push({ key, node, depth, timeShare, samplesShare, hottest: false })
    node.children.forEach((child, index) => visit(child, depth + 1, `${key}.${index}`))
  }
  if (analysis.root) visit(analysis.root, 0, '0')
  const hottest = rows.reduce<NodeRow | undefined>(
    (most, row) => (most && most.node.own_s >= row.node.own_s ? most : row),
    undefined,
  )
  if (hottest && rows.length > 1 && hottest.timeShare > 0) hottest.hottest = true
  return rows
}

function share(part: number, whole: number): number {
  return whole > 0 ? Math.min(1, Math.max(0, part / whole)) : 0
}

/** Where a node stands in the expression: the server counts bytes, the editor UTF-16 units. */
export function partOf(node: QueryNode, expression: string): Part {
  const bytes = new TextEncoder().encode(expression)
  const units = (count: number) => new TextDecoder().decode(bytes.slice(0, count)).length
  return { from: units(node.start), to: units(node.end) }
}
