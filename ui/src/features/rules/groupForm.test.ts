/** The form of a group: what is sent is what was typed, and what is wrong is named by field. */
import { describe, expect, it } from 'vitest'
import {
  fieldOf,
  fingerprint,
  formOf,
  markAt,
  newGroup,
  offsetAt,
  validateGroup,
  writeOf,
} from './groupForm'
import type { RecordingGroup } from './queries'

const STORED: RecordingGroup = {
  id: 'rgr_1',
  rev: 3,
  name: 'node',
  enabled: true,
  interval_s: 30,
  limit: 10,
  query_offset_s: null,
  labels: { team: 'infra' },
  rules: [
    { record: 'a:b', expr: 'sum(\n  m\n)', labels: { x: '', y: 'a=b' } },
    { record: 'c', expr: '1', labels: {} },
  ],
  created_at: '2026-01-01T00:00:00Z',
  updated_at: '2026-01-01T00:00:00Z',
}

describe('the form of a group', () => {
  it('sends what is stored when nothing is changed', () => {
    const { name, enabled, interval_s, limit, query_offset_s, labels, rules } = STORED
    const expected = { name, enabled, interval_s, limit, query_offset_s, labels, rules }
    expect(writeOf(formOf(STORED))).toEqual(expected)
    expect(validateGroup(formOf(STORED))).toEqual({})
    expect(fingerprint(formOf(STORED))).toBe(fingerprint(formOf(STORED)))
  })

  it('sends nothing for what is empty', () => {
    const form = { ...newGroup(), name: ' a ', rules: [] }
    expect(writeOf(form)).toEqual({
      name: 'a',
      enabled: true,
      interval_s: null,
      limit: 0,
      query_offset_s: null,
      labels: {},
      rules: [],
    })
  })

  it('names what is wrong by field', () => {
    const form = { ...newGroup(), intervalS: '0', limit: '1.5', queryOffsetS: '-1', labels: '=x' }
    expect(Object.keys(validateGroup(form)).sort()).toEqual([
      'interval_s',
      'labels',
      'limit',
      'name',
      'query_offset_s',
      'rules.0.expr',
      'rules.0.record',
    ])
    expect(validateGroup(form).labels).toEqual({ key: 'labelWrong', at: '=x' })
  })

  it('finds the field that the server refused', () => {
    expect(fieldOf('rules.1.labels.__name__')).toBe('rules.1.labels')
    expect(fieldOf('labels.a.b')).toBe('labels')
    expect(fieldOf('rules.0.expr')).toBe('rules.0.expr')
  })
})

describe('places in a text', () => {
  it('are counted in characters and given in units', () => {
    const text = 'ab\n\u{1f600}c d'
    expect(offsetAt(text, 1, 2)).toBe(1)
    expect(offsetAt(text, 2, 2)).toBe(5)
    expect(offsetAt(text, 9, 9)).toBe(text.length)
    expect(markAt('sum(rate(m))', 4)).toEqual({ from: 4, to: 8 })
    expect(markAt('a +', 3)).toEqual({ from: 2, to: 3 })
  })
})
