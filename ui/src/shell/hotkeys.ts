/** Keys of the whole program: single keys and two-key sequences. Pure; the clock is an argument. */

/** What a key or sequence asks for. */
export type HotkeyAction =
  | { kind: 'go'; page: string }
  | { kind: 'help' | 'filter' | 'refresh' | 'time' | 'zoom-out' | 'shift-back' | 'shift-forward' }

/** A first key waits this long for its second. */
export const SEQUENCE_MS = 900

const SINGLE: Record<string, HotkeyAction> = {
  '?': { kind: 'help' },
  '/': { kind: 'filter' },
  r: { kind: 'refresh' },
}

const AFTER_T: Record<string, HotkeyAction> = {
  z: { kind: 'zoom-out' },
  t: { kind: 'time' },
  ArrowLeft: { kind: 'shift-back' },
  ArrowRight: { kind: 'shift-forward' },
}

/** Remembers the first key of a sequence. */
export interface Hotkeys {
  /** Takes a key; answers with an action when one is complete. */
  press(key: string, nowMs: number): HotkeyAction | undefined
  /** The first key of an unfinished sequence. */
  pending(nowMs: number): string | undefined
}

/** `goKeys` maps the second key of `g` to a page. */
export function createHotkeys(goKeys: () => Map<string, string>): Hotkeys {
  let first: { key: string; atMs: number } | undefined

  function pending(nowMs: number): string | undefined {
    return first && nowMs - first.atMs < SEQUENCE_MS ? first.key : undefined
  }

  function press(key: string, nowMs: number): HotkeyAction | undefined {
    const prefix = pending(nowMs)
    first = undefined
    if (prefix === 'g') {
      const page = goKeys().get(key)
      if (page) return { kind: 'go', page }
    }
    if (prefix === 't') {
      const action = AFTER_T[key]
      if (action) return action
    }
    if (key === 'g' || key === 't') {
      first = { key, atMs: nowMs }
      return undefined
    }
    return SINGLE[key]
  }

  return { press, pending }
}

/** True where keys are text and not commands. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return (
    target.isContentEditable ||
    target.closest('input, textarea, select, [contenteditable="true"], dialog') !== null
  )
}
