import { describe, expect, it } from 'vitest'
import type { TargetStatus } from './queries'
import { canProbe, countByHealth, extraLabels, filterTargets, urgency } from './status'

const target = (changes: Partial<TargetStatus>): TargetStatus => ({
  job: 'node',
  instance: 'a:9100',
  url: 'http://a:9100/metrics',
  origin: 'ui',
  health: 'up',
  labels: { job: 'node', instance: 'a:9100', env: 'prod' },
  discovered_labels: {},
  ...changes,
})
const ALL = [
  target({}),
  target({ instance: 'b:9100', health: 'down', error: 'connection refused' }),
  target({ job: 'db', origin: 'config', health: 'unknown' }),
]
const NO_FILTER = { search: '', health: '', job: '', origin: '' }

describe('target filter', () => {
  it('lets everything through when nothing is set', () => {
    expect(filterTargets(ALL, NO_FILTER)).toHaveLength(3)
  })
  it('needs every word, in any field', () => {
    expect(filterTargets(ALL, { ...NO_FILTER, search: 'REFUSED b:' })).toEqual([ALL[1]])
    expect(filterTargets(ALL, { ...NO_FILTER, search: 'env=prod db' })).toEqual([ALL[2]])
    expect(filterTargets(ALL, { ...NO_FILTER, search: 'refused db' })).toEqual([])
  })
  it('joins the fields', () => {
    expect(filterTargets(ALL, { ...NO_FILTER, job: 'node', health: 'up' })).toEqual([ALL[0]])
    expect(filterTargets(ALL, { ...NO_FILTER, origin: 'config' })).toEqual([ALL[2]])
  })
  it('counts by health', () => {
    expect(countByHealth(ALL)).toEqual({ up: 1, down: 1, unknown: 1 })
  })
  it('puts what needs a person first', () => {
    const order = [...ALL].sort((a, b) => (urgency(a) < urgency(b) ? -1 : 1))
    expect(order.map(({ health }) => health)).toEqual(['down', 'unknown', 'up'])
  })
})

it('shows labels without those that have columns', () => {
  expect(extraLabels(target({}))).toEqual([['env', 'prod']])
})

it('probes only what is reached over the network', () => {
  expect(canProbe(target({}))).toBe(true)
  expect(canProbe(target({ url: 'host://local' }))).toBe(false)
})
