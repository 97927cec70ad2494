/** Finding in the command palette: how well a query fits a name. Pure. */

/** Something the palette can find. */
export interface Candidate {
  id: string
  text: string
  /** Further words that find it: the name in the other language, an address. */
  also?: string
}

/**
 * How well `query` fits `text`, higher is better; 0 = not at all. The whole text before its
 * beginning, that before the beginning of a word, that before the inside, that before letters
 * that only appear in this order.
 */
export function score(query: string, text: string): number {
  const wanted = query.trim().toLowerCase()
  const hay = text.toLowerCase()
  if (wanted === '') return 1
  if (hay === wanted) return 100
  if (hay.startsWith(wanted)) return 80 - hay.length / 100
  const at = hay.indexOf(wanted)
  if (at > 0) return (/[\s._:/-]/.test(hay[at - 1] ?? '') ? 60 : 40) - hay.length / 100
  return inOrder(wanted, hay) ? 10 - hay.length / 100 : 0
}

/** The candidates that fit, best first; equal ones keep their order. */
export function rank<T extends Candidate>(
  query: string,
  candidates: readonly T[],
  limit: number,
): T[] {
  return candidates
    .map((candidate) => ({
      candidate,
      points: Math.max(
        score(query, candidate.text),
        candidate.also ? score(query, candidate.also) * 0.9 : 0,
      ),
    }))
    .filter(({ points }) => points > 0)
    .sort((a, b) => b.points - a.points)
    .slice(0, limit)
    .map(({ candidate }) => candidate)
}

function inOrder(wanted: string, hay: string): boolean {
  let from = 0
  for (const letter of wanted) {
    const at = hay.indexOf(letter, from)
    if (at < 0) return false
    from = at + 1
  }
  return wanted.length > 1
}
