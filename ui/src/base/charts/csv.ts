/** Chart data as text for spreadsheets: ISO times, plain numbers, one column per series. */
import type { Frame } from './frame'

/** The frame as delimited text with a head line. Gaps are empty fields. */
export function frameText(frame: Frame, separator = ','): string {
  const head = ['time', ...frame.series.map((series) => series.name)]
  const rows = frame.times.map((time, index) => [
    new Date(time * 1000).toISOString(),
    ...frame.series.map((series) => numberText(series.values[index] ?? null)),
  ])
  return rowsText([head, ...rows], separator)
}

/** Rows as delimited text after RFC 4180: fields with a separator, quote or line end are quoted. */
export function rowsText(rows: readonly (readonly string[])[], separator = ','): string {
  const lines = rows.map((row) => row.map((field) => quoted(field, separator)).join(separator))
  return `${lines.join('\r\n')}\r\n`
}

function numberText(value: number | null): string {
  return value === null ? '' : String(value)
}

function quoted(field: string, separator: string): string {
  // A leading = + - @ would be run as a formula when the file is opened in a spreadsheet.
  const harmless = /^[=+\-@\t\r]/.test(field) && !isNumber(field) ? `'${field}` : field
  const plain = !harmless.includes(separator) && !/["\r\n]/.test(harmless)
  return plain ? harmless : `"${harmless.replaceAll('"', '""')}"`
}

function isNumber(field: string): boolean {
  return field.trim() !== '' && (Number.isFinite(Number(field)) || field === '-Infinity')
}

/** Hands a text to the browser as a file. */
export function download(name: string, text: string, type = 'text/csv;charset=utf-8'): void {
  const url = URL.createObjectURL(new Blob([text], { type }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 1_000)
}
