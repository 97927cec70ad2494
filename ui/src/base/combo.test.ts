import { describe, expect, it } from 'vitest'
import { moved, suggest, SUGGESTIONS_MAX } from './combo'

const all = [
  { value: 'node_load1', hint: '1m load average.' },
  { value: 'load_total' },
  { value: 'up', hint: 'Whether the last scrape brought load.' },
]
const names = (typed: string) => suggest(all, typed).map((one) => one.value)

describe('suggestions', () => {
  it('begin with the text, then hold it, then speak of it', () => {
    expect(names('load')).toEqual(['load_total', 'node_load1', 'up'])
    expect(names('load node')).toEqual(['node_load1'])
    expect(names('nothing')).toEqual([])
    expect(names(' ')).toHaveLength(3)
  })
  it('are bounded', () => {
    const many = Array.from({ length: 500 }, (_, at) => ({ value: `a${at}` }))
    expect(suggest(many, '')).toHaveLength(SUGGESTIONS_MAX)
    expect(suggest(many, 'a')).toHaveLength(SUGGESTIONS_MAX)
  })
})

describe('keys', () => {
  it('go round by way of the field', () => {
    expect(moved('ArrowDown', -1, 3)).toBe(0)
    expect(moved('ArrowDown', 2, 3)).toBe(-1)
    expect(moved('ArrowUp', -1, 3)).toBe(2)
    expect(moved('PageDown', 0, 3)).toBe(2)
    expect(moved('PageUp', 2, 3)).toBe(0)
    expect(moved('a', 0, 3)).toBeUndefined()
    expect(moved('ArrowDown', -1, 0)).toBeUndefined()
  })
})
