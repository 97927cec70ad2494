import { describe, expect, it } from 'vitest'
import { createHotkeys, isTyping, SEQUENCE_MS } from './hotkeys'

const keys = () => createHotkeys(() => new Map([['t', 'targets']]))

describe('hotkeys', () => {
  it('answers single keys at once', () => {
    expect(keys().press('?', 0)).toEqual({ kind: 'help' })
    expect(keys().press('x', 0)).toBeUndefined()
  })
  it('opens a page with g and its key', () => {
    const hotkeys = keys()
    expect(hotkeys.press('g', 0)).toBeUndefined()
    expect(hotkeys.pending(10)).toBe('g')
    expect(hotkeys.press('t', 10)).toEqual({ kind: 'go', page: 'targets' })
    expect(hotkeys.pending(20)).toBeUndefined()
  })
  it('forgets the first key after a while', () => {
    const hotkeys = keys()
    hotkeys.press('g', 0)
    expect(hotkeys.press('t', SEQUENCE_MS + 1)).toBeUndefined()
    expect(hotkeys.pending(SEQUENCE_MS + 2)).toBe('t')
  })
  it('takes a key that completes nothing for itself', () => {
    const hotkeys = keys()
    hotkeys.press('g', 0)
    expect(hotkeys.press('?', 1)).toEqual({ kind: 'help' })
  })
  it('moves the time range after t', () => {
    const hotkeys = keys()
    hotkeys.press('t', 0)
    expect(hotkeys.press('ArrowLeft', 1)).toEqual({ kind: 'shift-back' })
  })
  it('leaves keys alone where text is typed', () => {
    const field = document.createElement('input')
    expect(isTyping(field)).toBe(true)
    expect(isTyping(document.createElement('button'))).toBe(false)
    const dialog = document.createElement('dialog')
    const inside = dialog.appendChild(document.createElement('button'))
    expect(isTyping(inside)).toBe(true)
  })
})
