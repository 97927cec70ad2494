/** Suggestions for a field: which match what is typed, and where the arrow keys lead. Pure. */

/** One suggestion. */
export interface Suggestion {
  value: string
  /** One sentence on it. */
  hint?: string
  /** One word at the right. */
  badge?: string
}

/** More are not shown: nobody reads them, and typing narrows them down. */
export const SUGGESTIONS_MAX = 100

/** Suggestions that hold all typed words: first those that begin with the text. */
export function suggest(all: readonly Suggestion[], typed: string): Suggestion[] {
  const whole = typed.trim().toLowerCase()
  if (whole === '') return all.slice(0, SUGGESTIONS_MAX)
  const words = whole.split(/\s+/)
  const ranks: Suggestion[][] = [[], [], []]
  for (const one of all) {
    const name = one.value.toLowerCase()
    if (name.startsWith(whole)) ranks[0]?.push(one)
    else if (words.every((word) => name.includes(word))) ranks[1]?.push(one)
    else if (one.hint && holds(`${name} ${one.hint.toLowerCase()}`, words)) ranks[2]?.push(one)
  }
  return ranks.flat().slice(0, SUGGESTIONS_MAX)
}

function holds(hay: string, words: readonly string[]): boolean {
  return words.every((word) => hay.includes(word))
}

/**
 * The suggestion that a key leads to, -1 for none: the field itself. Undefined when the key moves
 * nothing.
 */
export function moved(key: string, active: number, count: number): number | undefined {
  if (count === 0) return undefined
  if (key === 'ArrowDown') return active >= count - 1 ? -1 : active + 1
  if (key === 'ArrowUp') return active < 0 ? count - 1 : active - 1
  if (key === 'PageDown') return Math.min(active + 8, count - 1)
  if (key === 'PageUp') return Math.max(active - 8, 0)
  return undefined
}
