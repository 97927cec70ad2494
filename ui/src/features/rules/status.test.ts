/** Which groups are shown, and in which order. */
import { describe, expect, it } from 'vitest'
import { conditionOf, countByCondition, filterGroups, keyOf, routeOf, urgency } from './status'
import { trialRows } from './trial'
import type { GroupStatus } from './queries'

function group(name: string, health: GroupStatus['health'], enabled = true): GroupStatus {
  const rules = [{ record: `${name}:x`, expr: 'sum(up)', labels: {}, health, series: 1 }]
  return { name, health, enabled, origin: 'api', labels: {}, rules } as unknown as GroupStatus
}

const GROUPS = [
  group('b', 'ok'),
  group('a', 'error'),
  group('c', 'ok', false),
  group('d', 'unknown'),
]

describe('groups', () => {
  it('are found by words in names and expressions, and by condition', () => {
    const names = (search: string, condition: string) =>
      filterGroups(GROUPS, { search, condition }).map(({ name }) => name)
    expect(names('', '')).toEqual(['b', 'a', 'c', 'd'])
    expect(names('SUM a:x', '')).toEqual(['a'])
    expect(names('', 'off')).toEqual(['c'])
    expect(countByCondition(GROUPS)).toEqual({ ok: 1, error: 1, unknown: 1, off: 1 })
  })

  it('that need a person come first', () => {
    const order = [...GROUPS].sort((a, b) => urgency(a).localeCompare(urgency(b)))
    expect(order.map(conditionOf)).toEqual(['error', 'unknown', 'ok', 'off'])
  })

  it('of files and of the API are told apart', () => {
    expect(keyOf({ name: 'a', file: '/r.yml' })).not.toBe(keyOf({ name: 'a', file: null }))
    expect(routeOf({ name: 'a', file: null }).query).toEqual({ name: 'a' })
    expect(routeOf({ name: 'a', file: '/r.yml' }).query).toEqual({ name: 'a', file: '/r.yml' })
  })
})

describe('a trial', () => {
  it('shows the labels without the name', () => {
    const metric = { __name__: 'up', job: 'a"b' }
    const vector = {
      resultType: 'vector' as const,
      result: [{ metric, value: [1, '2'] as [number, string] }],
    }
    expect(trialRows(vector)).toEqual([{ labels: '{job="a\\"b"}', value: '2' }])
    expect(trialRows({ resultType: 'scalar', result: [1, '3'] })).toEqual([
      { labels: '{}', value: '3' },
    ])
  })
})
