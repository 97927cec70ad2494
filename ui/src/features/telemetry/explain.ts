/** Where in an expression the server found fault, and what it said without the address. Pure. */
import { ApiError, isRecord } from '@/api/errors'

/** A fault in an expression; `from` and `to` are offsets in UTF-16 units, `to` behind the end. */
export interface Fault {
  message: string
  /** Undefined when the fault has no place in the text. */
  from?: number
  to?: number
  line?: number
  column?: number
}

/** Reads a refused query. Undefined for errors that are not about the expression. */
export function faultOf(error: unknown, expression: string): Fault | undefined {
  if (!(error instanceof ApiError) || error.status < 400 || error.status >= 500) return undefined
  if (error.status === 401 || error.status === 403 || error.status === 429) return undefined
  const message = plainMessage(error.message)
  const place = placeOf(error, expression)
  if (!place) return { message }
  const { line, column } = lineAndColumn(expression, place.from)
  return { message, ...place, line, column }
}

/** `invalid parameter "query": 1:5: parse error: …` without what only a program needs. */
function plainMessage(message: string): string {
  return message
    .replace(/^invalid parameter "?query"?:\s*/i, '')
    .replace(/^(?:bad_data:\s*)?/, '')
    .replace(/^\d+:\d+:\s*/, '')
    .replace(/^parse error:\s*/i, '')
}

function placeOf(error: ApiError, expression: string): { from: number; to: number } | undefined {
  const said = isRecord(error.body) ? error.body : {}
  const start = numberIn(said, 'start') ?? numberIn(said, 'position')
  const characters = [...expression]
  if (start !== undefined) {
    const from = unitsUpTo(characters, start)
    const to = unitsUpTo(characters, numberIn(said, 'end') ?? start + 1)
    return clamp(from, to, expression)
  }
  const written = /(?:^|[\s:])(\d+):(\d+)(?::|\s|$)/.exec(error.message)
  if (!written) return undefined
  const from = offsetOf(expression, Number(written[1]), Number(written[2]))
  return from === undefined ? undefined : clamp(from, wordEnd(expression, from), expression)
}

function numberIn(body: Record<string, unknown>, name: string): number | undefined {
  const value = body[name]
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : undefined
}

/** The server counts characters, the editor UTF-16 units. */
function unitsUpTo(characters: readonly string[], count: number): number {
  return characters.slice(0, count).join('').length
}

/** At least one unit is marked, also when the fault lies behind the end. */
function clamp(from: number, to: number, expression: string): { from: number; to: number } {
  const last = Math.max(expression.length - 1, 0)
  const start = Math.min(from, last)
  return { from: start, to: Math.min(Math.max(to, start + 1), Math.max(expression.length, 1)) }
}

function offsetOf(expression: string, line: number, column: number): number | undefined {
  const lines = expression.split('\n')
  if (line < 1 || line > lines.length || column < 1) return undefined
  const before = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0)
  return before + unitsUpTo([...(lines[line - 1] ?? '')], column - 1)
}

function wordEnd(expression: string, from: number): number {
  const word = /^[\w:]+/.exec(expression.slice(from))
  return from + (word?.[0].length ?? 1)
}

function lineAndColumn(expression: string, offset: number): { line: number; column: number } {
  const before = expression.slice(0, offset).split('\n')
  return { line: before.length, column: [...(before.at(-1) ?? '')].length + 1 }
}

/** The line of the fault and, below it, a caret under the place; for reading without colour. */
export function caretLines(expression: string, fault: Fault): [string, string] | undefined {
  if (fault.from === undefined || fault.line === undefined || fault.column === undefined) {
    return undefined
  }
  const text = expression.split('\n')[fault.line - 1] ?? ''
  const length = Math.max(1, Math.min((fault.to ?? fault.from + 1) - fault.from, text.length))
  return [text, `${' '.repeat(fault.column - 1)}${'^'.repeat(length)}`]
}
