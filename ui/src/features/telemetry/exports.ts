/** Where the server hands out the answer of a query as a file. Pure. */
import type { Grid } from '@/base/charts/frame'

export const FILE_FORMATS = ['csv', 'parquet'] as const
export type FileFormat = (typeof FILE_FORMATS)[number]

/** Over a grid, or at one instant in milliseconds. */
export type Over = { grid: Grid } | { atMs: number }

/** A link to the whole answer, a row for each sample, whatever a chart could not draw included. */
export function fileLink(format: FileFormat, expression: string, over: Over): string {
  const asked = new URLSearchParams({ query: expression })
  if ('grid' in over) {
    asked.set('start', String(over.grid.startMs / 1000))
    asked.set('end', String(over.grid.endMs / 1000))
    asked.set('step', String(over.grid.stepS))
  } else {
    asked.set('time', String(over.atMs / 1000))
  }
  return `/api/v1/metrics/query.${format}?${asked.toString()}`
}
