import { describe, expect, it } from 'vitest'
import { checkPassword, safeNext } from './password'
import { describeUserAgent } from './userAgent'

const broken = (next: string, current = 'old', name = 'admin') =>
  checkPassword(next, current, name)
    .filter(({ ok }) => !ok)
    .map(({ rule }) => rule)

describe('password rules', () => {
  it('accepts a sound one', () => expect(broken('correct horse battery')).toEqual([]))
  it('names each rule that is broken', () => {
    expect(broken('short7!x')).toEqual(['length'])
    expect(broken('aaaaaaaabbbbbb')).toEqual(['variety'])
    expect(broken('my-ADMIN-password')).toEqual(['name'])
    expect(broken('my-OneMonitor-pw')).toEqual(['name'])
    expect(broken('correct horse battery', 'correct horse battery')).toEqual(['different'])
  })
  it('counts characters and not bytes', () => {
    expect(broken('\u{1F600}\u{1F601}\u{1F602}\u{1F603}\u{1F604}\u{1F605}')).toEqual(['length'])
  })
  it('ignores names that are too short to matter', () => {
    expect(broken('al-correct-horse', 'old', 'al')).toEqual([])
  })
  it('keeps no rule for nothing', () => expect(broken('')).toHaveLength(4))
})

describe('the way on after signing in', () => {
  it.each([
    ['/targets?health=down', '/targets?health=down'],
    ['//evil.example', '/'],
    ['/\\evil.example', '/'],
    ['https://evil.example', '/'],
    ['/sign-in?next=/sign-in', '/'],
    [undefined, '/'],
    [['/a'], '/'],
  ])('%s', (next, way) => expect(safeNext(next)).toBe(way))
})

it.each([
  [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/141.0 Safari/537.36',
    'Chrome · Windows',
  ],
  [
    'Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/141.0 Safari/537.36 Edg/141.0',
    'Edge · Windows',
  ],
  [
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605 Version/18.0 Safari/605',
    'Safari · macOS',
  ],
  ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox · Linux'],
  ['curl/8.14.1', 'curl'],
  ['', '-'],
])('%s', (text, words) => expect(describeUserAgent(text)).toBe(words))
