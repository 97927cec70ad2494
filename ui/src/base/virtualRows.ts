/** Which rows of a long list are in sight, so that only those are drawn. Pure. */

/** Rows drawn beyond both edges, so that scrolling shows no gaps. */
const BEYOND = 6

/** Indices of the rows to draw: those in sight, and `always` when it is a row of the list. */
export function rowsInSight(
  list: { count: number; rowHeight: number },
  scroll: { top: number; height: number },
  always = -1,
): number[] {
  const first = Math.max(0, Math.floor(scroll.top / list.rowHeight) - BEYOND)
  const end = Math.min(
    list.count,
    Math.ceil((scroll.top + scroll.height) / list.rowHeight) + BEYOND,
  )
  const rows = Array.from({ length: Math.max(0, end - first) }, (_, at) => first + at)
  if (always < 0 || always >= list.count || (always >= first && always < end)) return rows
  return always < first ? [always, ...rows] : [...rows, always]
}

/** Where to scroll so that the row is wholly in sight; the present place when it is. */
export function scrollTo(
  row: number,
  rowHeight: number,
  scroll: { top: number; height: number },
): number {
  const top = row * rowHeight
  if (top < scroll.top) return top
  return Math.max(scroll.top, top + rowHeight - scroll.height)
}
