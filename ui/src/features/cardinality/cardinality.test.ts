import { describe, expect, it } from 'vitest'
import type { TsdbStatus } from '@/api/prometheus'
import {
  breakdownQuery,
  chosenLabel,
  conditionOf,
  countBy,
  LABELS_MAX,
  labelsQuery,
  labelsToCount,
  narrowed,
  overviewRows,
  parseCondition,
  queryOf,
  searchRows,
  selectorOf,
  spanOf,
  stateOf,
  type CardinalityState,
} from './cardinality'

const status: TsdbStatus = {
  headStats: { numSeries: 200, numLabelPairs: 50, minTime: 1_000, maxTime: 5_000 },
  seriesCountByMetricName: [
    { name: 'node_cpu_seconds_total', value: 150 },
    { name: 'up', value: 2 },
  ],
  labelValueCountByLabelName: [
    { name: 'cpu', value: 30 },
    { name: 'job', value: 2 },
  ],
  memoryInBytesByLabelName: [{ name: 'cpu', value: 900 }],
  seriesCountByLabelValuePair: [
    { name: 'job=node', value: 190 },
    { name: '__name__=node_cpu_seconds_total', value: 150 },
  ],
}
const state = (more: Partial<CardinalityState>): CardinalityState => ({
  view: 'metrics',
  search: '',
  where: [],
  by: '',
  ...more,
})
const metric = { label: '__name__', value: 'up' }

describe('the state in the URL', () => {
  it('comes back as it was', () => {
    const where = [
      metric,
      { label: 'path', value: '/a?b=c' },
      { label: 'job' },
      { label: 'x', value: '' },
    ]
    const asked = state({ view: 'pairs', search: 'no de', where, by: 'instance' })
    expect(stateOf(queryOf(asked) as Record<string, string | string[]>)).toEqual(asked)
    expect(Object.values(queryOf(state({}))).every((value) => value === undefined)).toBe(true)
  })
  it('is read with care', () => {
    expect(stateOf({ view: 'x', where: ['', '=a', null], by: null })).toEqual(state({}))
    const many = Array.from({ length: 90 }, (_, at) => `l${at}=v`)
    expect(stateOf({ where: many }).where).toHaveLength(12)
    expect(parseCondition('a=b=c')).toEqual({ label: 'a', value: 'b=c' })
  })
})

describe('questions', () => {
  it('select the series that satisfy the conditions', () => {
    expect(selectorOf([metric])).toBe('up')
    expect(selectorOf([{ label: 'job', value: 'a"b' }, metric])).toBe('up{job="a\\"b"}')
    expect(selectorOf([{ label: 'job' }])).toBe('{job!=""}')
    expect(selectorOf([{ label: '__name__', value: 'http.requests' }])).toBe(
      '{__name__="http.requests"}',
    )
    expect(selectorOf([{ label: '__name__' }])).toBe('{__name__!=""}')
  })
  it('count values by label', () => {
    expect(countBy('service.name', [metric])).toBe('count by ("service.name") (up)')
    expect(breakdownQuery('job', [{ label: 'job' }])).toBe('topk(1000, count by (job) ({job!=""}))')
    expect(labelsQuery(['job', 'x'], [metric, { label: 'x' }])).toBe(
      'label_replace(count(count by (job) (up{x!="",job!=""})), "label", "job", "", "") or ' +
        'label_replace(count(count by (x) (up{x!=""})), "label", "x", "", "")',
    )
  })
  it('are asked of the labels that can differ, those with most values first', () => {
    const overall = status.labelValueCountByLabelName
    const names = ['__name__', 'job', 'cpu', 'zone']
    expect(labelsToCount(names, [metric], overall)).toEqual(['cpu', 'job', 'zone'])
    expect(labelsToCount(names, [{ label: 'job' }], overall)).toContain('job')
    const many = Array.from({ length: 90 }, (_, at) => `label${at}`)
    expect(labelsToCount([...many, 'cpu'], [], overall)).toHaveLength(LABELS_MAX)
    expect(labelsToCount([...many, 'cpu'], [], overall)[0]).toBe('cpu')
  })
  it('narrow down label by label', () => {
    expect(narrowed([metric, { label: 'job' }], { label: 'job', value: 'a' })).toEqual([
      metric,
      { label: 'job', value: 'a' },
    ])
  })
})

it('chooses what to count by', () => {
  const labels = [{ name: 'cpu', value: 4 }]
  expect(chosenLabel(state({ where: [metric], by: 'mode' }), labels)).toBe('mode')
  expect(chosenLabel(state({ where: [metric] }), labels)).toBe('cpu')
  expect(chosenLabel(state({ where: [metric] }), undefined)).toBeUndefined()
  expect(chosenLabel(state({ where: [metric, { label: 'job' }] }), labels)).toBe('job')
  expect(chosenLabel(state({ where: [{ label: 'job', value: 'a' }] }), labels)).toBe('__name__')
})

describe('the overview', () => {
  it('shows parts of the whole', () => {
    expect(overviewRows(status, 'metrics')[0]).toEqual({
      name: 'node_cpu_seconds_total',
      count: 150,
      share: 0.75,
    })
    expect(overviewRows(status, 'labels')).toEqual([
      { name: 'cpu', count: 30, share: 0.6, bytes: 900 },
      { name: 'job', count: 2, share: 0.04, bytes: undefined },
    ])
    expect(overviewRows(status, 'pairs').map(({ name }) => name)).toEqual(['job=node'])
  })
  it('leads on', () => {
    const [first] = overviewRows(status, 'pairs')
    expect(first && conditionOf(first, 'pairs')).toEqual({ label: 'job', value: 'node' })
    const row = { name: 'cpu', count: 1, share: 1 }
    expect(conditionOf(row, 'labels')).toEqual({ label: 'cpu' })
    expect(conditionOf(row, 'metrics')).toEqual({ label: '__name__', value: 'cpu' })
  })
  it('is searched by words', () => {
    const rows = overviewRows(status, 'metrics')
    expect(searchRows(rows, 'TOTAL cpu')).toHaveLength(1)
    expect(searchRows(rows, '  ')).toHaveLength(2)
    expect(searchRows(rows, 'disk')).toEqual([])
  })
})

it('does not take the newest sample for the oldest', () => {
  expect(spanOf(status)).toEqual({ oldestMs: 1_000, newestMs: 5_000 })
  const head = { ...status.headStats, minTime: 5_000 }
  expect(spanOf({ ...status, headStats: head })).toEqual({ oldestMs: undefined, newestMs: 5_000 })
  const none = { ...status.headStats, minTime: 0, maxTime: 0 }
  expect(spanOf({ ...status, headStats: none })).toEqual({})
})
