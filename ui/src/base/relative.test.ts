import { expect, it } from 'vitest'
import { relativeParts } from './relative'

it.each([
  [0, 0, 'second'],
  [-59_900, -59, 'second'],
  [-60_000, -1, 'minute'],
  [-119_000, -1, 'minute'],
  [7_200_000, 2, 'hour'],
  [-86_400_000 * 12, -12, 'day'],
  [-86_400_000 * 45, -1, 'month'],
  [-86_400_000 * 800, -2, 'year'],
])('%d ms', (difference, value, unit) => {
  expect(relativeParts(difference)).toEqual({ value, unit })
})
