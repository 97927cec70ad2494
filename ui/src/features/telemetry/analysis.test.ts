import { describe, expect, it } from 'vitest'
import { NODES_MAX, nodeRows, partOf, type QueryAnalysis, type QueryNode } from './analysis'

const node = (text: string, start: number, rest: Partial<QueryNode> = {}): QueryNode => ({
  text,
  start,
  end: start + text.length,
  kind: 'call',
  series_in: 2,
  series_out: 1,
  samples: 0,
  points: 10,
  wall_s: 0.1,
  own_s: 0.01,
  shared: false,
  samples_peak: 0,
  children: [],
  ...rest,
})
const selector = node('m', 4, { kind: 'vectorSelector', samples: 80, own_s: 0.06, wall_s: 0.06 })
const analysis: QueryAnalysis = {
  result_type: 'vector',
  result_series: 1,
  result_points: 1,
  series: 2,
  samples: 80,
  samples_peak: 80,
  memory_bytes_peak: 1_000,
  warnings: [],
  infos: [],
  root: node('sum(m) / 2', 0, { children: [node('sum(m)', 0, { children: [selector] })] }),
}

describe('analysis', () => {
  it('is a row per node, indented, with its part of the whole', () => {
    const rows = nodeRows(analysis)
    expect(rows.map((row) => [row.key, row.depth, row.node.text])).toEqual([
      ['0', 0, 'sum(m) / 2'],
      ['0.0', 1, 'sum(m)'],
      ['0.0.0', 2, 'm'],
    ])
    expect(rows[2]?.timeShare).toBeCloseTo(0.6)
    expect(rows.map((row) => row.samplesShare)).toEqual([0, 0, 1])
    expect(rows.map((row) => row.hottest)).toEqual([false, false, true])
  })

  it('is empty without a tree, bounded with a huge one', () => {
    expect(nodeRows({ ...analysis, root: null })).toEqual([])
    const children = Array.from({ length: 900 }, (_, at) => node('x', at))
    expect(nodeRows({ ...analysis, root: node('y', 0, { children }) })).toHaveLength(NODES_MAX)
    const idle = nodeRows({ ...analysis, samples: 0, root: node('1', 0, { wall_s: 0, own_s: 0 }) })
    expect(idle[0]).toMatchObject({ timeShare: 0, samplesShare: 0, hottest: false })
  })

  it('finds the part of the text, whatever letters stand before it', () => {
    const expression = 'a{x="\u00e9\ud83d\ude00"} + m'
    const bytes = new TextEncoder().encode(expression).length
    const part = partOf(node('m', bytes - 1), expression)
    expect(expression.slice(part.from, part.to)).toBe('m')
  })
})
