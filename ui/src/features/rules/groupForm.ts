/** A group of recording rules as a form: from the API's shape to text fields and back. Pure. */
import type { GroupWrite, RecordingGroup } from './queries'

/** One rule as it is typed; `key` tells rules apart while they are moved. */
export interface RuleForm {
  key: number
  record: string
  expr: string
  labels: string
}

/** All fields as they are typed. */
export interface GroupForm {
  name: string
  /** Empty: the interval of the configuration. */
  intervalS: string
  limit: string
  queryOffsetS: string
  labels: string
  enabled: boolean
  rules: RuleForm[]
}

/** What is wrong with a field: a text key, and the part that is meant. */
export interface Wrong {
  key: string
  at?: string
}

/** Fields by the names of the API (`rules.0.expr`) with what is wrong with them. */
export type FormErrors = Record<string, Wrong>

const INTERVAL_MIN_S = 0.1
const INTERVAL_MAX_S = 86_400

let lastKey = 0

export function newRule(): RuleForm {
  lastKey += 1
  return { key: lastKey, record: '', expr: '', labels: '' }
}

export function newGroup(): GroupForm {
  return {
    name: '',
    intervalS: '',
    limit: '',
    queryOffsetS: '',
    labels: '',
    enabled: true,
    rules: [newRule()],
  }
}

export function formOf(group: RecordingGroup): GroupForm {
  return {
    name: group.name,
    intervalS: group.interval_s ? String(group.interval_s) : '',
    limit: group.limit ? String(group.limit) : '',
    queryOffsetS: group.query_offset_s ? String(group.query_offset_s) : '',
    labels: labelLines(group.labels),
    enabled: group.enabled,
    rules: group.rules.map(({ record, expr, labels }) => ({
      ...newRule(),
      record,
      expr,
      labels: labelLines(labels ?? {}),
    })),
  }
}

/** Everything that is wrong before the server is asked. */
export function validateGroup(form: GroupForm): FormErrors {
  const errors: FormErrors = {}
  if (!form.name.trim()) errors.name = { key: 'nameMissing' }
  const interval = Number(form.intervalS)
  if (form.intervalS.trim() && !(interval >= INTERVAL_MIN_S && interval <= INTERVAL_MAX_S)) {
    errors.interval_s = { key: 'intervalWrong' }
  }
  if (!(Number(form.limit) >= 0 && Number.isInteger(Number(form.limit)))) {
    errors.limit = { key: 'limitWrong' }
  }
  const offset = Number(form.queryOffsetS)
  if (!(offset >= 0 && offset <= INTERVAL_MAX_S)) errors.query_offset_s = { key: 'offsetWrong' }
  const bad = wrongLabel(form.labels)
  if (bad) errors.labels = { key: 'labelWrong', at: bad }
  form.rules.forEach((rule, index) => {
    const at = `rules.${index}`
    if (!rule.record.trim()) errors[`${at}.record`] = { key: 'recordMissing' }
    if (!rule.expr.trim()) errors[`${at}.expr`] = { key: 'exprMissing' }
    const wrong = wrongLabel(rule.labels)
    if (wrong) errors[`${at}.labels`] = { key: 'labelWrong', at: wrong }
  })
  return errors
}

/** The body of a create or update. */
export function writeOf(form: GroupForm): GroupWrite {
  return {
    name: form.name.trim(),
    interval_s: form.intervalS.trim() ? Number(form.intervalS) : null,
    limit: Number(form.limit),
    query_offset_s: form.queryOffsetS.trim() ? Number(form.queryOffsetS) : null,
    labels: parseLabels(form.labels),
    enabled: form.enabled,
    rules: form.rules.map((rule) => ({
      record: rule.record.trim(),
      expr: rule.expr.trim(),
      labels: parseLabels(rule.labels),
    })),
  }
}

/** What the form holds, without what only tells rules apart; to see whether it changed. */
export function fingerprint(form: GroupForm): string {
  return JSON.stringify({ ...form, rules: form.rules.map((rule) => ({ ...rule, key: 0 })) })
}

/** The field that the server refused, by the form's names: it names single labels. */
export function fieldOf(field: string): string {
  return field.replace(/(^|\.)labels\..*$/, '$1labels')
}

/** A place in a text in UTF-16 units, from a line and a column in characters, both from 1. */
export function offsetAt(text: string, line: number, column: number): number {
  const lines = text.split('\n')
  const before = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0)
  const within = [...(lines[line - 1] ?? '')].slice(0, column - 1).join('').length
  return Math.min(before + within, text.length)
}

/** What to mark from an offset on: the word there, else one unit, never nothing. */
export function markAt(text: string, offset: number): { from: number; to: number } {
  const word = /^[\w:]+/.exec(text.slice(offset))?.[0].length ?? 1
  const from = Math.min(offset, Math.max(text.length - 1, 0))
  return { from, to: Math.max(from + 1, Math.min(offset + word, text.length)) }
}

const LABEL = /^[^=\s][^=]*=.*$/

function wrongLabel(text: string): string | undefined {
  return lines(text).find((line) => !LABEL.test(line))
}

function labelLines(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n')
}

function parseLabels(text: string): Record<string, string> {
  return Object.fromEntries(
    lines(text).map((line) => {
      const at = line.indexOf('=')
      return [line.slice(0, at).trim(), line.slice(at + 1).trim()]
    }),
  )
}

function lines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
}
