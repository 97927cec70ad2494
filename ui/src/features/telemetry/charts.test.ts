import { describe, expect, it } from 'vitest'
import { quote } from '@/base/selector'
import {
  gridFor,
  gridOfStep,
  leastStep,
  pointsFor,
  POINTS_MAX,
  rateWindow,
  sampleInterval,
} from './grid'
import { isPresent, panelFrame, presentSections } from './panelFrames'
import type { Panel } from './panels'
import { PROCESSES_MAX, processExpressions, processRows } from './processes'
import { fill, literal, matchers, metricNames, oneOf } from './promql'
import { HOME_PANELS, SECTIONS } from './sections'
import { topRows } from './topLists'

const hour = { startMs: 1_000_000_007, endMs: 1_003_600_007 }

describe('expressions', () => {
  it('quotes what could end a string', () => {
    expect(quote('a"b\\c\nd')).toBe('"a\\"b\\\\c\\nd"')
    expect(matchers({ job: 'node', instance: 'a"} or up{x="' })).toBe(
      'job="node",instance="a\\"} or up{x=\\""',
    )
  })

  it('matches names literally', () => {
    expect(literal('a.b(c)')).toBe('a\\.b\\(c\\)')
    expect(oneOf('groupname', ['java', 'c++'])).toBe('groupname=~"java|c\\\\+\\\\+"')
  })

  it('fills in templates', () => {
    const blanks = { host: 'instance="$window"', windowS: 60 }
    expect(fill('rate(x{$host}[$window])', blanks)).toBe('rate(x{instance="$window"}[60s])')
    expect(fill('x{$host,$names}', { ...blanks, host: 'a="b"', names: 'n=~"c"' })).toBe(
      'x{a="b",n=~"c"}',
    )
  })

  it('finds the metrics that an expression reads', () => {
    expect(metricNames('rate(a_total{x="1"}[5m]) / (b{y="2"} > 0) + a_total{}')).toEqual([
      'a_total',
      'b',
    ])
  })
})

describe('grid', () => {
  it('lies on multiples of a round step', () => {
    const grid = gridFor(hour, 240)
    expect(grid.stepS).toBe(15)
    expect(grid.startMs % 15_000).toBe(0)
    expect(grid.endMs % 15_000).toBe(0)
    expect(grid.endMs).toBeLessThanOrEqual(hour.endMs)
  })

  it.each([
    [300, 240, 1, 2],
    [3_600, 100, 1, 60],
    [3_600, 240, 60, 60],
    [30 * 86_400, 240, 15, 21_600],
    [400 * 86_400, 100, 15, 4 * 86_400],
  ])('%s s over %s points of %s s samples gives %s s', (lengthS, points, interval, step) => {
    const span = { startMs: 0, endMs: lengthS * 1000 }
    expect(gridFor(span, points, interval).stepS).toBe(step)
  })

  it('widens a step that gives too many points', () => {
    const month = { startMs: 0, endMs: 30 * 86_400_000 }
    const { stepS } = gridOfStep(month, 5)
    expect(stepS).toBeGreaterThan(5)
    expect((30 * 86_400) / stepS).toBeLessThan(POINTS_MAX)
    expect(gridOfStep(month, 3_600).stepS).toBe(3_600)
  })

  it('looks back far enough for a rate', () => {
    expect(rateWindow(15, 15)).toBe(60)
    expect(rateWindow(600, 15)).toBe(615)
    expect(rateWindow(2, 5)).toBe(20)
  })

  it('asks finer in a short range', () => {
    expect(leastStep({ startMs: 0, endMs: 300_000 }, 15)).toBe(5)
    expect(leastStep({ startMs: 0, endMs: 900_000 }, 15)).toBe(15)
    expect(pointsFor(600)).toBe(240)
    expect(pointsFor(10)).toBe(60)
  })

  it('reads the interval off the samples', () => {
    expect(sampleInterval([0, 15, 30, 45.2, 75])).toBe(15)
    expect(sampleInterval([0])).toBeUndefined()
    expect(sampleInterval([5, 5, 5.1])).toBe(1)
  })
})

describe('panels', () => {
  const grid = { startMs: 0, endMs: 20_000, stepS: 10 }
  const words = (key: string) => `<${key}>`
  const traffic: Panel = {
    id: 'traffic',
    unit: 'bytes_per_s',
    kind: 'area',
    queries: [
      { expr: 'rx{$host}', label: 'device', text: 'received' },
      { expr: 'tx{$host}', label: 'device', text: 'sent', mirrored: true },
    ],
  }
  const eth = (value: string) => [
    { metric: { device: 'eth0' }, values: [[0, value]] as [number, string][] },
  ]

  it('shows both directions of a device in one colour', () => {
    const { series } = panelFrame(traffic, [eth('1'), eth('2')], grid, words)
    expect(series.map(({ name }) => name)).toEqual(['eth0 <received>', 'eth0 <sent>'])
    expect(new Set(series.map(({ colourKey }) => colourKey))).toEqual(new Set(['eth0']))
    expect(new Set(series.map(({ key }) => key)).size).toBe(2)
    expect(series.map(({ mirrored }) => mirrored === true)).toEqual([false, true])
  })

  it('tells directions apart by colour when neither is mirrored', () => {
    const queries = traffic.queries.map((query) => ({ ...query, mirrored: undefined }))
    const { series } = panelFrame({ ...traffic, queries }, [eth('1'), eth('2')], grid, words)
    expect(new Set(series.map(({ colourKey }) => colourKey)).size).toBe(2)
  })

  it('orders by the panel, then by name', () => {
    const modes: Panel = {
      id: 'cpu',
      unit: 'percent',
      kind: 'stacked',
      order: ['user', 'system'],
      queries: [{ expr: 'x{$host}', label: 'mode' }],
    }
    const raw = ['steal', 'system', 'irq', 'user'].map((mode) => ({
      metric: { mode },
      values: [[0, '1']] as [number, string][],
    }))
    const { series } = panelFrame(modes, [raw], grid, words)
    expect(series.map(({ name }) => name)).toEqual(['user', 'system', 'irq', 'steal'])
  })

  it('leaves out series that never leave zero when asked', () => {
    const quiet = { ...traffic, quietZero: true }
    expect(panelFrame(quiet, [eth('0'), eth('2')], grid, words).series).toHaveLength(1)
  })

  it('shows a panel when one of its expressions has all its metrics', () => {
    const [latency] = SECTIONS.flatMap(({ panels }) => panels).filter(
      ({ id }) => id === 'diskLatency',
    )
    expect(isPresent(latency as Panel, new Set(['node_disk_read_time_seconds_total']))).toBe(false)
    const both = ['node_disk_read_time_seconds_total', 'node_disk_reads_completed_total']
    expect(isPresent(latency as Panel, new Set(both))).toBe(true)
  })

  it('leaves out sections without any metric', () => {
    const present = presentSections(SECTIONS, new Set(['node_load1']))
    expect(present.map(({ id }) => id)).toEqual(['cpu'])
    expect(present[0]?.panels.map(({ id }) => id)).toEqual(['load'])
    expect(presentSections(SECTIONS, new Set())).toEqual([])
  })

  it('has panels of different names, each with a host to fill in', () => {
    const panels = SECTIONS.flatMap(({ panels: all }) => all)
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    for (const query of panels.flatMap(({ queries }) => queries)) {
      expect(query.expr).toContain('$host')
    }
    expect(HOME_PANELS).toHaveLength(3)
  })
})

describe('lists', () => {
  it('joins processes by group, busiest first', () => {
    const reading = (groupname: string, value: number) => ({ labels: { groupname }, value })
    const rows = processRows([
      [reading('java', 1.5), reading('sshd', 0.01)],
      [reading('postgres', 5e9), reading('java', 1e9)],
      [reading('java', 2), reading('postgres', 8)],
    ])
    expect(rows.map(({ name }) => name)).toEqual(['java', 'sshd', 'postgres'])
    expect(rows[2]).toEqual({ name: 'postgres', cpu: null, memoryBytes: 5e9, count: 8 })
    expect(processExpressions('instance="a"', 60)[0]).toContain(`topk(${PROCESSES_MAX}`)
  })

  it('keeps shares between nothing and all', () => {
    const reading = (instance: string, value: number) => ({ labels: { instance }, value })
    const rows = topRows([
      reading('a', 0.2),
      reading('b', 1.02),
      reading('c', NaN),
      reading('d', -0.01),
    ])
    expect(rows.map(({ instance, ratio }) => [instance, ratio])).toEqual([
      ['b', 1],
      ['a', 0.2],
      ['d', 0],
    ])
  })
})
