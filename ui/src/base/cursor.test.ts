import { expect, it } from 'vitest'
import { keptCursor } from './cursor'

it('keeps the cursor behind the same character', () => {
  const before = 'sum(a)/sum(b)'
  const after = '  sum(a)\n/\n  sum(b)'
  expect(keptCursor(before, 0, after)).toBe(0)
  expect(after.slice(0, keptCursor(before, 5, after))).toBe('  sum(a')
  expect(after.slice(0, keptCursor(before, 7, after))).toBe('  sum(a)\n/')
  expect(keptCursor(before, before.length, after)).toBe(after.length)
  // A comment is left out by laying out.
  expect(keptCursor('up # remark', 11, 'up')).toBe(2)
})
