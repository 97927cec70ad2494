/** Where the cursor belongs after a text was laid out anew. Pure. */

/** The place in `after` with as many characters before it, blanks aside, as in `before`. */
export function keptCursor(before: string, at: number, after: string): number {
  let rest = before.slice(0, at).replaceAll(/\s/g, '').length
  let place = 0
  while (rest > 0 && place < after.length) {
    if (!/\s/.test(after[place] ?? '')) rest -= 1
    place += 1
  }
  return place
}
