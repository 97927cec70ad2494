import { describe, expect, it } from 'vitest'
import { rank, score } from './palette'

describe('palette', () => {
  it('prefers the whole, then the beginning, then words, then the inside', () => {
    const points = [
      'metrics',
      'metrics explorer',
      'host metrics',
      'biometrics',
      'm e t r i c s x',
    ].map((text) => score('metrics', text))
    expect(points).toEqual([...points].sort((a, b) => b - a))
    expect(new Set(points).size).toBe(points.length)
  })
  it('finds letters in order but not a single stray one', () => {
    expect(score('tgs', 'Targets')).toBeGreaterThan(0)
    expect(score('zx', 'Targets')).toBe(0)
    expect(score('q', 'Targets')).toBe(0)
  })
  it('finds by the other name and keeps the limit', () => {
    const candidates = [
      { id: 'a', text: '\u4e3b\u673a', also: 'hosts' },
      { id: 'b', text: '\u6307\u6807', also: 'metrics' },
    ]
    expect(rank('hos', candidates, 5).map(({ id }) => id)).toEqual(['a'])
    expect(rank('', candidates, 1)).toHaveLength(1)
  })
})
