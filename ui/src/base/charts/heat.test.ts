import { describe, expect, it } from 'vitest'
import type { MatrixSeries, NativeBucket } from '@/api/prometheus'
import { cellAt, heatFrame, heatGroups, heatLevel, heatOf, holdsBuckets, sameBounds } from './heat'
import { fittingScale, heatAxis, rangeText, readableMarks } from './heatAxis'

const grid = { startMs: 0, endMs: 60_000, stepS: 60 }
const bucket = (le: string, values: [number, string][], rest = {}): MatrixSeries => ({
  metric: { __name__: 'x_bucket', le, ...rest },
  values,
})
const classic = [
  bucket('+Inf', [
    [0, '10'],
    [60, '12'],
  ]),
  bucket('0.1', [
    [0, '4'],
    [60, '3'],
  ]),
  bucket('1', [
    [0, '9'],
    [60, '2'],
  ]),
]
const buckets: NativeBucket[] = [
  [1, '-2', '-1', '1'],
  [3, '-0.25', '0.25', '3'],
  [0, '0.5', '1', '2'],
]

describe('buckets', () => {
  it('are told by le or by histograms', () => {
    expect(holdsBuckets(classic)).toBe(true)
    expect(
      holdsBuckets([{ metric: {}, values: [], histograms: [[0, { count: '1', sum: '1' }]] }]),
    ).toBe(true)
    expect(holdsBuckets([{ metric: { job: 'x' }, values: [[0, '1']] }])).toBe(false)
    expect(holdsBuckets([...classic, { metric: {}, values: [] }])).toBe(false)
    expect(holdsBuckets([])).toBe(false)
  })

  it('hold what the one below does not, never less than nothing', () => {
    const heat = heatOf(classic, grid)
    expect(heat.bounds).toEqual([0, 0.1, 1, Infinity])
    expect(heat.cells.filter((cell) => cell.column === 0).map((cell) => cell.count)).toEqual([
      4, 5, 1,
    ])
    expect(heat.cells.filter((cell) => cell.column === 1).map((cell) => cell.count)).toEqual([
      3, 0, 9,
    ])
    expect(heat.totals).toEqual([10, 12])
    expect([heat.least, heat.greatest]).toEqual([1, 9])
  })

  it('begin at minus infinity when bounds may be negative', () => {
    const heat = heatOf([bucket('-1', [[0, '1']]), bucket('+Inf', [[0, '3']])], grid)
    expect(heat.bounds).toEqual([-Infinity, -1, Infinity])
  })

  it('of several histograms add up where the bounds agree', () => {
    const two = [
      ...classic.map((one) => ({ ...one, metric: { ...one.metric, job: 'a' } })),
      ...classic.map((one) => ({ ...one, metric: { ...one.metric, job: 'b' } })),
    ]
    const groups = heatGroups(two)
    expect(groups.map((group) => group.key)).toEqual(['{job="a"}', '{job="b"}'])
    expect(sameBounds(groups)).toBe(true)
    expect(heatOf(two, grid).totals).toEqual([20, 24])
    groups[1]?.series.pop()
    expect(sameBounds(groups)).toBe(false)
  })

  it('of native histograms bring their own bounds', () => {
    const histograms: MatrixSeries['histograms'] = [[60, { count: '6', sum: '1', buckets }]]
    const series: MatrixSeries = { metric: {}, values: [], histograms }
    const heat = heatOf([series], grid)
    expect(heat.bounds).toEqual([-2, -1, -0.25, 0.25, 0.5, 1])
    expect(heat.totals).toEqual([0, 6])
    expect(cellAt(heat, 1, 0.7)?.count).toBe(2)
    expect(cellAt(heat, 1, 0.4)).toBeUndefined()
    expect(cellAt(heat, 0, 0.7)).toBeUndefined()
  })

  it('become columns of a table', () => {
    const frame = heatFrame(heatOf(classic, grid), (low, high) => rangeText(low, high, String))
    expect(frame.series.map((one) => one.name)).toEqual(['0 – 0.1', '0.1 – 1', '> 1'])
    expect(frame.series[1]?.values).toEqual([5, 0])
  })
})

describe('colour', () => {
  it('grows with the logarithm', () => {
    const heat = { ...heatOf(classic, grid), least: 1, greatest: 256 }
    expect([0, 1, 2, 16, 128, 256].map((count) => heatLevel(count, heat))).toEqual([
      0, 1, 2, 5, 8, 8,
    ])
    expect(heatLevel(3, { ...heat, least: 3, greatest: 3 })).toBe(8)
    expect(heatLevel(1, { ...heat, greatest: 1e9 })).toBe(1)
  })
})

describe('axis', () => {
  const bounds = [0, 0.01, 0.1, 1, Infinity]
  it('gives each bucket the same height, or its own', () => {
    expect(heatAxis(bounds, 'even').marks.map((mark) => mark.place)).toEqual([
      0, 0.25, 0.5, 0.75, 1,
    ])
    const log = heatAxis(bounds, 'log').marks.map((mark) => mark.place)
    expect((log[2] ?? 0) - (log[1] ?? 0)).toBeCloseTo((log[3] ?? 0) - (log[2] ?? 0))
    expect([log[0], log.at(-1)]).toEqual([0, 1])
    const linear = heatAxis(bounds, 'linear').marks.map((mark) => mark.place)
    expect(linear[0]).toBe(0)
    expect((linear[3] ?? 0) / (linear[2] ?? 1)).toBeCloseTo(10)
  })
  it.each(['even', 'log', 'linear'] as const)('finds values again: %s', (scale) => {
    const axis = heatAxis(bounds, scale)
    for (const value of [0.01, 0.05, 0.1, 0.4, 1]) {
      expect(axis.value(axis.place(value))).toBeCloseTo(value, 6)
    }
    expect(axis.place(50)).toBeGreaterThan(axis.place(1))
    expect(axis.place(50)).toBeLessThan(1)
    expect(axis.value(0.999)).toBeGreaterThan(1)
  })
  it('puts negative bounds below a logarithmic scale', () => {
    const { marks } = heatAxis([-2, -1, 0.5, 1, 2], 'log')
    const places = marks.map((mark) => mark.place)
    expect(places).toEqual([...places].sort((a, b) => a - b))
    expect(new Set(places).size).toBe(5)
    expect(heatAxis([5, Infinity], 'log').marks.map((mark) => mark.place)).toEqual([0, 1])
  })
  it('chooses the scale that fits', () => {
    expect(fittingScale(bounds)).toBe('log')
    expect(fittingScale([0, 1, 2, 3, Infinity])).toBe('linear')
    expect(fittingScale([-Infinity, 1, Infinity])).toBe('linear')
  })
  it('labels what can be read', () => {
    const { marks } = heatAxis([0, 1, 2, 3, 4, 5, 6, 7, 8], 'even')
    expect(readableMarks(marks, 80).map((mark) => mark.bound)).toEqual([0, 2, 4, 6, 8])
  })
  it('writes ranges', () => {
    expect(rangeText(-Infinity, 1, String)).toBe('≤ 1')
    expect(rangeText(1, Infinity, String)).toBe('> 1')
  })
})
