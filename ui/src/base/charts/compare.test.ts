import { describe, expect, it } from 'vitest'
import { changeText, comparedSeries, isComparison, pair } from './compare'
import { drawnColumns } from './stack'

const one = (key: string, values: (number | null)[], earlierOf?: string) => ({
  key,
  name: key,
  values,
  earlierOf,
})
const frame = {
  times: [1, 2, 3],
  series: [
    one('a', [2, 4, null]),
    one('b', [1, 1, 1]),
    one('a earlier', [1, 2, 9], 'a'),
    one('c earlier', [5, 5, null], 'c'),
  ],
}

describe('two periods', () => {
  it('are told by their series', () => {
    expect(isComparison(frame)).toBe(true)
    expect(isComparison({ times: [], series: [one('a', [])] })).toBe(false)
  })
  it('pair at the last value of now, and over what both have', () => {
    const [a, b, c] = comparedSeries(frame, null)
    expect(a?.here).toEqual({ now: 4, then: 2, change: 1 })
    expect(a?.mean).toEqual({ now: 3, then: 1.5, change: 1 })
    expect(b?.here).toEqual({ now: 1, then: null, change: null })
    expect(b?.mean).toEqual({ now: 1, then: null, change: null })
    expect(c?.here).toEqual({ now: null, then: 5, change: null })
  })
  it('pair under the crosshair', () => {
    expect(comparedSeries(frame, 0)[0]?.here).toEqual({ now: 2, then: 1, change: 1 })
    expect(comparedSeries(frame, 2)[0]?.here).toEqual({ now: null, then: 9, change: null })
  })
  it('do not pile up on each other', () => {
    const { columns, bands } = drawnColumns(frame, true, new Set())
    expect(columns.slice(1)).toEqual([
      [2, 4, 0 + 0],
      [3, 5, 1],
      [1, 2, 9],
      [5, 5, null],
    ])
    expect(bands).toEqual([[2, 1]])
  })
})

describe('difference', () => {
  it.each([
    [1.5, 1, '+50%'],
    [1, 1, '±0%'],
    [0, 0, '±0%'],
    [0.96, 1, '-4%'],
    [1.0234, 1, '+2.3%'],
    [25, 1, '×25'],
    [1, 0, '-'],
    [-1, -2, '+50%'],
    [null, 1, '-'],
    [Number.NaN, 1, '-'],
  ])('%s after %s is %s', (now, then, text) => {
    expect(changeText(pair(now, then).change)).toBe(text)
  })
})
