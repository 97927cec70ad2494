import { describe, expect, it } from 'vitest'
import { createdByName, sourceRow, usedShare } from './sources'

const group = (name: string, series = 10, created = 4) => ({ name, series, created })

describe('senders', () => {
  it.each([
    ['scrape:node/web-1:9100', 'scrape', 'node/web-1:9100'],
    ['token:agents', 'token', 'agents'],
    ['address:10.1.2.3', 'address', '10.1.2.3'],
    ['address:fd00::2', 'address', 'fd00::2'],
    ['system:host', 'system', 'host'],
    ['local administrator', 'other', 'local administrator'],
    ['', 'none', ''],
    ['other:x', 'other', 'other:x'],
  ])('%s', (name, kind, text) => {
    expect(sourceRow(group(name), 40)).toMatchObject({ kind, text, share: 0.25, churn: 0.4 })
  })
  it('that are targets have labels', () => {
    expect(sourceRow(group('scrape:node/a/b'), 10).where).toEqual([
      { label: 'job', value: 'node' },
      { label: 'instance', value: 'a/b' },
    ])
    expect(sourceRow(group('scrape:/x'), 10).where).toBeUndefined()
    expect(sourceRow(group('token:a/b'), 10).where).toBeUndefined()
  })
  it('without series have no parts', () => {
    expect(sourceRow(group('token:a', 0, 0), 0)).toMatchObject({ share: null, churn: null })
  })
})

describe('limits', () => {
  const limit = { scope: 'all' as const, key: 'k', used: 30 }
  it('are used in part, or have no end', () => {
    expect(usedShare({ ...limit, max: 40 })).toBe(0.75)
    expect(usedShare({ ...limit, max: 20 })).toBe(1)
    expect(usedShare({ ...limit, max: 0 })).toBe(1)
    expect(usedShare({ ...limit, max: null })).toBeNull()
    expect(usedShare(limit)).toBeNull()
  })
  it('tell what is new by name', () => {
    const asked = { by: 'metric', order: 'series' } as const
    const report = { ...asked, series: 1, created: 1, recent_s: 1, total: 1, limits: [] }
    expect(createdByName({ ...report, items: [group('up')] }).get('up')).toBe(4)
    expect(createdByName(undefined).size).toBe(0)
  })
})
