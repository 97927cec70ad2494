import { describe, expect, it } from 'vitest'
import type { ExemplarSeries } from '@/api/prometheus'
import { DOTS_MAX, placeDots, thinned } from '@/base/charts/dots'
import { dotOf, exemplarsOf } from './exemplars'

const answer: ExemplarSeries = {
  seriesLabels: { __name__: 'http_request_seconds_bucket', le: '0.5', job: 'api' },
  exemplars: [
    { labels: { trace_id: 'abc', path: '/x' }, value: '0.4', timestamp: 1_000.5 },
    { labels: {}, value: 'NaN', timestamp: 1_001 },
    { labels: { span: '1' }, value: '0.2', timestamp: 990 },
  ],
}

describe('exemplars', () => {
  it('are flat, by time, once each, with the trace when there is one', () => {
    const { shown, left } = exemplarsOf([answer, answer])
    expect(left).toBe(0)
    expect(shown.map((one) => [one.timeS, one.value, one.trace])).toEqual([
      [990, 0.2, undefined],
      [1_000.5, 0.4, 'abc'],
    ])
    expect(shown[0]?.unit).toBe('seconds')
  })
  it('say what they are', () => {
    const { shown } = exemplarsOf([answer])
    const text = dotOf(shown[1]!).text
    expect(text).toContain('400 ms')
    expect(text).toContain('trace_id: abc')
    expect(text).toContain('le="0.5"')
  })
  it('are bounded: the greatest of each stretch of time stays', () => {
    const exemplars = Array.from({ length: 1_000 }, (_, at) => ({
      labels: { n: String(at) },
      value: String(at % 10),
      timestamp: at,
    }))
    const { shown, left } = exemplarsOf([{ ...answer, exemplars }])
    expect(shown.length).toBeLessThanOrEqual(DOTS_MAX)
    expect(shown.length + left).toBe(1_000)
    expect(shown.filter((one) => one.value === 9).length).toBeGreaterThan(90)
    expect(thinned([{ timeS: 1, value: 1 }], 5)).toHaveLength(1)
  })
})

describe('places of dots', () => {
  const dot = (timeS: number, value: number) => ({ id: `${timeS}`, timeS, value, text: '' })
  const scale = { x: (s: number) => s, width: 100, y: (v: number) => 50 - v, height: 50 }
  it('keep to the plot', () => {
    const dots = [dot(-1, 1), dot(10, 5), dot(20, 80), dot(30, -5), dot(40, Number.NaN)]
    expect(placeDots(dots, scale).map(({ left, top, beyond }) => [left, top, beyond])).toEqual([
      [10, 45, ''],
      [20, 0, 'above'],
      [30, 50, 'below'],
    ])
  })
})
