/** Columns, sorting and pages of a table. Pure. */

/** What a cell sorts by; no value goes last in both directions. */
export type SortValue = string | number | null | undefined

export interface Column<Row> {
  /** Names the slot `cell-<key>` and the sort parameter. */
  key: string
  title: string
  /** Numbers stand at the right. */
  align?: 'right'
  /** Makes the column sortable. */
  value?: (row: Row) => SortValue
  /** Falls away on narrow screens: below 1200, 900 or 640 pixels. */
  hideBelow?: 1200 | 900 | 640
  /** Takes what is left of the width and is cut with an ellipsis. */
  grow?: boolean
}

export interface Sort {
  key: string
  descending: boolean
}

/** `name` and `-name` of the URL. */
export function parseSort(text: string): Sort | undefined {
  const key = text.replace(/^-/, '')
  return key ? { key, descending: text.startsWith('-') } : undefined
}

export function printSort(sort: Sort | undefined): string {
  return sort ? `${sort.descending ? '-' : ''}${sort.key}` : ''
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' })

/** A sorted copy; rows that are equal keep their order. */
export function sortRows<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  sort: Sort | undefined,
): Row[] {
  const value = columns.find((column) => column.key === sort?.key)?.value
  if (!sort || !value) return [...rows]
  const direction = sort.descending ? -1 : 1
  return rows
    .map((row) => ({ row, by: value(row) }))
    .sort((a, b) => {
      const aMissing = isMissing(a.by)
      if (aMissing || isMissing(b.by)) return Number(aMissing) - Number(isMissing(b.by))
      return direction * compare(a.by as string | number, b.by as string | number)
    })
    .map(({ row }) => row)
}

/** The rows of one page (from 1) and how many pages there are; a page too far is the last. */
export function pageOf<Row>(
  rows: readonly Row[],
  page: number,
  size: number,
): { rows: Row[]; page: number; pages: number } {
  const pages = Math.max(1, Math.ceil(rows.length / size))
  const shown = Math.min(Math.max(1, Math.trunc(page) || 1), pages)
  return { rows: rows.slice((shown - 1) * size, shown * size), page: shown, pages }
}

function isMissing(value: SortValue): boolean {
  return value === null || value === undefined || Number.isNaN(value)
}

function compare(a: string | number, b: string | number): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  return collator.compare(String(a), String(b))
}
