/** What a new password must satisfy, as far as the browser can tell. Pure. */

/** The server refuses shorter ones. */
export const PASSWORD_LENGTH_MIN = 12

export type PasswordRule = 'length' | 'different' | 'name'

export interface PasswordCheck {
  rule: PasswordRule
  ok: boolean
}

/** Each rule with whether `next` keeps it; an empty text keeps none. */
export function checkPassword(next: string, current: string, name: string): PasswordCheck[] {
  const some = next !== ''
  const lower = next.toLowerCase()
  return [
    { rule: 'length', ok: [...next].length >= PASSWORD_LENGTH_MIN },
    { rule: 'different', ok: some && next !== current },
    { rule: 'name', ok: some && (name === '' || !lower.includes(name.toLowerCase())) },
  ]
}

/** Where to go after signing in: only a path of this very site. */
export function safeNext(next: unknown): string {
  const local = typeof next === 'string' && /^\/(?![/\\])/.test(next)
  return local && !/^\/(?:sign-in|first-password)\b/.test(next) ? next : '/'
}
