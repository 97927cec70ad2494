import { expect, it } from 'vitest'
import { fileLink } from './exports'

it('links to the answer over a range or at an instant', () => {
  const grid = { startMs: 1_000, endMs: 61_500, stepS: 15 }
  expect(fileLink('parquet', 'a + b', { grid })).toBe(
    '/api/v1/metrics/query.parquet?query=a+%2B+b&start=1&end=61.5&step=15',
  )
  expect(fileLink('csv', 'up', { atMs: 5_000 })).toBe('/api/v1/metrics/query.csv?query=up&time=5')
})
