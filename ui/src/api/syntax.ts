/** The syntax tree of an expression as `parse_query` gives it; durations in milliseconds. */

interface Selecting {
  name: string
  matchers: { name: string; type: string; value: string }[]
  offset: number
  timestamp: number | null
  startOrEnd: string | null
  anchored?: boolean
  smoothed?: boolean
}

/** Which series of the two sides of a calculation belong together. */
export interface Matching {
  card: 'one-to-one' | 'many-to-one' | 'one-to-many' | 'many-to-many'
  labels: string[]
  on: boolean
  include: string[]
  fillValues?: { lhs: number | null; rhs: number | null }
}

export type SyntaxNode =
  | { type: 'numberLiteral'; val: string }
  | { type: 'stringLiteral'; val: string }
  | { type: 'parenExpr'; expr: SyntaxNode }
  | { type: 'unaryExpr'; op: string; expr: SyntaxNode }
  | ({ type: 'vectorSelector' } & Selecting)
  | ({ type: 'matrixSelector'; range: number } & Selecting)
  | {
      type: 'subquery'
      expr: SyntaxNode
      range: number
      /** 0 when none is written. */
      step: number
      offset: number
      timestamp: number | null
      startOrEnd: string | null
    }
  | { type: 'call'; func: { name: string }; args: SyntaxNode[] }
  | {
      type: 'aggregation'
      op: string
      expr: SyntaxNode
      param: SyntaxNode | null
      grouping: string[]
      without: boolean
    }
  | {
      type: 'binaryExpr'
      op: string
      lhs: SyntaxNode
      rhs: SyntaxNode
      bool: boolean
      matching: Matching | null
    }
