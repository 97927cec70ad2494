import { describe, expect, it } from 'vitest'
import { pageOf, parseSort, printSort, sortRows, type Column } from './table'

interface Row {
  name: string
  size: number | null
}
const COLUMNS: Column<Row>[] = [
  { key: 'name', title: '', value: (row) => row.name },
  { key: 'size', title: '', value: (row) => row.size },
  { key: 'fixed', title: '' },
]
const ROWS: Row[] = [
  { name: 'host-10', size: 2 },
  { name: 'host-9', size: null },
  { name: 'Host-1', size: 30 },
]
const names = (sort: string) => sortRows(ROWS, COLUMNS, parseSort(sort)).map(({ name }) => name)

describe('table', () => {
  it('sorts names as people count', () => {
    expect(names('name')).toEqual(['Host-1', 'host-9', 'host-10'])
  })
  it('puts missing values last in both directions', () => {
    expect(names('size')).toEqual(['host-10', 'Host-1', 'host-9'])
    expect(names('-size')).toEqual(['Host-1', 'host-10', 'host-9'])
  })
  it('leaves the order alone without a sortable column', () => {
    for (const sort of ['', 'fixed', 'unknown']) expect(names(sort)).toEqual(names(''))
  })
  it('reads and prints the sort of the URL', () => {
    for (const text of ['name', '-name', '']) expect(printSort(parseSort(text))).toBe(text)
  })
  it('keeps the page within what there is', () => {
    const rows = Array.from({ length: 101 }, (_, index) => index)
    expect(pageOf(rows, 3, 50)).toEqual({ rows: [100], page: 3, pages: 3 })
    expect(pageOf(rows, 99, 50).page).toBe(3)
    expect(pageOf(rows, Number('x'), 50).page).toBe(1)
    expect(pageOf([], 1, 50)).toEqual({ rows: [], page: 1, pages: 1 })
  })
})
