import { describe, expect, it } from 'vitest'
import { ApiError } from '@/api/errors'
import { caretLines, faultOf } from './explain'
import {
  countHealths,
  inState,
  levelOf,
  levelTexts,
  measureOf,
  queryOf,
  trafficOf,
  unwell,
  viewOf,
} from './hostList'
import {
  chartFrame,
  factsOf,
  instantTable,
  SERIES_MAX,
  sizeOf,
  tableText,
  unitOfExpression,
} from './metricsAnswer'
import * as state from './metricsState'
import { parseHistory, remember } from './queryHistory'
import type { Host } from './queries'
import { troublesOf } from './troubles'

const host = (instance: string, more: Partial<Host> = {}): Host => ({
  instance,
  job: 'node',
  up: true,
  health: 'ok',
  ...more,
})

describe('host list', () => {
  it('reads the URL and leaves defaults out', () => {
    const view = viewOf({ search: 'web', state: 'warning', view: 'honeycomb', by: 'disk' })
    expect(view).toEqual({ search: 'web', health: 'warning', view: 'honeycomb', measure: 'disk' })
    expect(viewOf(queryOf(view) as Record<string, string>)).toEqual(view)
    const nonsense = viewOf({ state: 'x', view: 'y', by: 'z', search: ['a', 'b'] })
    expect(Object.values(queryOf(nonsense)).every((value) => value === undefined)).toBe(true)
  })

  it('counts, filters and orders by gravity', () => {
    const hosts = [
      host('b'),
      host('a10', { health: 'warning' }),
      host('a9', { health: 'warning' }),
      host('z', { health: 'critical' }),
    ]
    expect(countHealths(hosts)).toEqual({ critical: 1, warning: 2, unknown: 0, ok: 1 })
    expect(inState(hosts, 'warning').map(({ instance }) => instance)).toEqual(['a9', 'a10'])
    expect(unwell(hosts).map(({ instance }) => instance)).toEqual(['z', 'a9', 'a10'])
  })

  it('never takes a missing value for nothing', () => {
    expect(trafficOf(host('a'))).toBeNull()
    expect(trafficOf(host('a', { network_transmit_bytes_per_s: 3 }))).toBe(3)
    expect(measureOf(host('a'), 'cpu')).toEqual({ ratio: null, text: '-' })
    expect(measureOf(host('a', { load1: 6, cpu_count: 4 }), 'load').ratio).toBe(1.5)
    expect(levelOf(null)).toBe(0)
  })

  it.each([
    [0, 1],
    [0.5, 2],
    [0.84, 3],
    [0.85, 4],
    [2, 5],
  ])('puts %s into level %s', (ratio, level) => expect(levelOf(ratio)).toBe(level))

  it('has a text for each level', () => expect(levelTexts()).toHaveLength(5))

  it('names what is wrong, worst first', () => {
    const full = host('a', { health: 'critical', disk_used_ratio: 0.93, memory_used_ratio: 0.97 })
    expect(troublesOf(full).map(({ key }) => key)).toEqual(['memory', 'disk'])
    expect(troublesOf(host('a', { up: false, disk_used_ratio: 0.99 }))).toEqual([
      { key: 'down', percent: '' },
    ])
    expect(troublesOf(host('a', { health: 'unknown' }))[0]?.key).toBe('noData')
    expect(troublesOf(host('a'))).toEqual([])
  })
})

describe('state of the metrics page', () => {
  const full: state.MetricsState = {
    queries: [
      { expression: 'up', off: false, form: true },
      { expression: 'sum(x) # a\n+ 1', off: true, form: false },
    ],
    mode: 'heat',
    kind: 'stacked',
    stepS: 90,
    compareMs: 86_400_000,
    exemplars: true,
    scale: 'even',
  }

  it('survives the URL', () => {
    const query = state.queryOf(full)
    expect(query.step).toBe('1m30s')
    expect(state.stateOf(query as never)).toEqual(full)
  })

  it('is one empty row without a URL, and writes nothing', () => {
    const empty = state.stateOf({})
    expect(empty.queries).toEqual([{ expression: '', off: false, form: false }])
    expect(state.queryOf(empty)).toEqual({})
  })

  it('bounds what a URL can bring', () => {
    const many = state.stateOf({ q: Array<string>(50).fill('x'.repeat(9_000)), step: 'soon' })
    expect(many.queries).toHaveLength(state.QUERIES_MAX)
    expect(many.queries[0]?.expression).toHaveLength(4_000)
    expect(many.stepS).toBe(0)
  })

  it('names rows and durations', () => {
    expect([0, 1, 25].map(state.rowLetter)).toEqual(['A', 'B', 'Z'])
    expect([0, 45, 3_600, 90_000].map(state.durationText)).toEqual(['0s', '45s', '1h', '1d1h'])
  })

  it('keeps a short history, newest first', () => {
    expect(remember(['a', 'b'], ' b ')).toEqual(['b', 'a'])
    expect(remember(['a'], '  ')).toEqual(['a'])
    expect(
      remember(
        Array.from({ length: 50 }, (_, n) => `q${n}`),
        'new',
      ),
    ).toHaveLength(50)
    expect(parseHistory('["a", 1, null]')).toEqual(['a'])
    expect(parseHistory('{broken')).toEqual([])
    expect(parseHistory(null)).toEqual([])
  })
})

describe('faults', () => {
  const refused = (message: string, body: unknown = {}, status = 400) =>
    new ApiError('bad_data', message, { status, body })

  it('reads line and column out of the text', () => {
    const error = refused(
      'invalid parameter "query": 2:3: parse error: unexpected identifier "foo"',
    )
    expect(faultOf(error, 'sum(\n  foo bar)')).toEqual({
      message: 'unexpected identifier "foo"',
      from: 7,
      to: 10,
      line: 2,
      column: 3,
    })
  })

  it('prefers the span that the server gives, in characters', () => {
    const fault = faultOf(refused('unknown function', { start: 1, end: 4 }), '😀abc()')
    expect(fault).toMatchObject({ from: 2, to: 5, line: 1, column: 2 })
  })

  it('marks the last character when the fault lies behind the end', () => {
    const fault = faultOf(refused('1:5: parse error: unclosed'), 'sum(')
    expect(fault).toMatchObject({ from: 3, to: 4, column: 4 })
  })

  it('has no place where none is said, and is no fault where it is not about the text', () => {
    expect(faultOf(refused('query timed out', {}, 422), 'up')).toEqual({
      message: 'query timed out',
    })
    expect(faultOf(refused('', {}, 503), 'up')).toBeUndefined()
    expect(faultOf(refused('', {}, 403), 'up')).toBeUndefined()
    expect(faultOf(new TypeError('x'), 'up')).toBeUndefined()
  })

  it('draws a caret under the place', () => {
    const error = refused('1:5: parse error: x')
    const fault = faultOf(error, 'sum foo')
    expect(fault && caretLines('sum foo', fault)).toEqual(['sum foo', '    ^^^'])
    expect(caretLines('sum foo', { message: 'x' })).toBeUndefined()
  })
})

describe('answers', () => {
  const grid = { startMs: 0, endMs: 10_000, stepS: 10 }
  const matrix = (...sets: Record<string, string>[]) => ({
    resultType: 'matrix' as const,
    result: sets.map((metric) => ({
      metric,
      values: [
        [0, '1'],
        [10, '2'],
      ] as [number, string][],
    })),
  })
  const row = (result: ReturnType<typeof matrix>, letter = 'A', expression = 'x') => ({
    letter,
    expression,
    grid,
    result,
  })

  it('names series by what tells them apart', () => {
    const names = (...sets: Record<string, string>[]) =>
      chartFrame([row(matrix(...sets))]).frame.series.map(({ name }) => name)
    expect(names({ job: 'a', cpu: '0' }, { job: 'a', cpu: '1' })).toEqual(['0', '1'])
    expect(names({ a: '1', b: '1' }, { a: '2', b: '2' })).toEqual([
      '{a="1", b="1"}',
      '{a="2", b="2"}',
    ])
    expect(names({})).toEqual(['x'])
    expect(names({ __name__: 'up', job: 'a' })).toEqual(['up{job="a"}'])
  })

  it('puts several queries into one chart', () => {
    const { frame } = chartFrame([row(matrix({ i: 'a' })), row(matrix({ i: 'a' }), 'B', 'y')])
    expect(frame.series.map(({ name }) => name)).toEqual(['A {i="a"}', 'B {i="a"}'])
    expect(new Set(frame.series.map(({ key }) => key)).size).toBe(2)
  })

  it('keeps a row that is a refresh ahead on the grid of the others', () => {
    const late = row(matrix({ i: 'a' }))
    const ahead = {
      ...row(matrix({ i: 'b' }), 'B', 'y'),
      grid: { startMs: 10_000, endMs: 20_000, stepS: 10 },
    }
    const { frame } = chartFrame([ahead, late])
    expect(frame.times).toEqual([0, 10, 20])
    expect(frame.series.map(({ values }) => values)).toEqual([
      [1, 2, null],
      [1, 2, null],
    ])
    const other = { ...ahead, grid: { ...ahead.grid, stepS: 60 } }
    expect(chartFrame([other, late]).frame.series).toHaveLength(1)
    expect(chartFrame([]).frame).toEqual({ times: [], series: [] })
  })

  it('draws a bounded number of series and says how many are left', () => {
    const sets = Array.from({ length: SERIES_MAX + 5 }, (_, n) => ({ n: String(n) }))
    const { frame, cut } = chartFrame([row(matrix(...sets))])
    expect(frame.series).toHaveLength(SERIES_MAX)
    expect(cut).toBe(5)
  })

  it('counts what an answer holds', () => {
    expect(sizeOf(matrix({ a: '1' }, { a: '2' }))).toEqual({ series: 2, samples: 4 })
    expect(sizeOf({ resultType: 'scalar', result: [0, '1'] })).toEqual({ series: 1, samples: 1 })
  })

  it('makes tables and files of instant answers', () => {
    const result = {
      resultType: 'vector' as const,
      result: [{ metric: { job: 'n', __name__: 'up' }, value: [0, '1'] as [number, string] }],
    }
    expect(instantTable(result).columns).toEqual(['__name__', 'job'])
    expect(tableText(result)).toBe('__name__,job,value\r\nup,n,1\r\n')
    expect(instantTable({ resultType: 'string', result: [0, 'hi'] }).rows[0]?.value).toBe('hi')
    expect(instantTable(matrix({ a: '1' })).rows[0]?.value).toBe('1 @0\n2 @10')
  })

  const metadata = {
    node_load1: [{ type: 'gauge', help: 'Load.', unit: '' }],
    rx_bytes: [{ type: 'counter', help: 'Received.', unit: '' }],
    mem_bytes: [{ type: 'gauge', help: 'Memory.', unit: '' }],
    x_seconds: [{ type: 'histogram', help: 'Time.', unit: '' }],
  }

  it('finds help also for names with a suffix', () => {
    expect(factsOf('rate(rx_bytes_total{a="b"}[5m])', metadata)).toEqual([
      { name: 'rx_bytes_total', type: 'counter', help: 'Received.' },
    ])
    expect(factsOf('node_load1', metadata)[0]?.type).toBe('gauge')
    expect(factsOf('sum by (job) (unknown)', metadata)).toEqual([])
  })

  it.each([
    ['mem_bytes', 'bytes'],
    ['sum(rate(rx_bytes_total[5m]))', 'bytes_per_s'],
    ['mem_bytes / mem_bytes', 'none'],
    ['count(mem_bytes)', 'none'],
    ['histogram_quantile(0.9, sum by (le) (rate(x_seconds_bucket[5m])))', 'seconds'],
    ['node_load1', 'none'],
  ])('gives %s the unit %s', (expression, unit) => {
    expect(unitOfExpression(expression, metadata)).toBe(unit)
  })
})
