/** What a new password must satisfy, as far as the browser can tell. Pure. */

/** The server refuses shorter ones. */
export const PASSWORD_LENGTH_MIN = 12
/** Names shorter than this may occur in a password by chance. */
const NAME_LENGTH_COUNTED = 4
const DIFFERENT_CHARACTERS_MIN = 5

export type PasswordRule = 'length' | 'variety' | 'name' | 'different'

export interface PasswordCheck {
  rule: PasswordRule
  ok: boolean
}

/** Each rule with whether `next` keeps it; an empty text keeps none. */
export function checkPassword(next: string, current: string, name: string): PasswordCheck[] {
  const some = next !== ''
  const plain = next.toLowerCase()
  const names = [name.toLowerCase(), 'onemonitor'].filter(
    (word) => [...word].length >= NAME_LENGTH_COUNTED,
  )
  return [
    { rule: 'length', ok: [...next].length >= PASSWORD_LENGTH_MIN },
    { rule: 'variety', ok: new Set(plain).size >= DIFFERENT_CHARACTERS_MIN },
    { rule: 'name', ok: some && !names.some((word) => plain.includes(word)) },
    { rule: 'different', ok: some && next !== current },
  ]
}

/** Where to go after signing in: only a path of this very site. */
export function safeNext(next: unknown): string {
  const local = typeof next === 'string' && /^\/(?![/\\])/.test(next)
  return local && !/^\/(?:sign-in|first-password)\b/.test(next) ? next : '/'
}
