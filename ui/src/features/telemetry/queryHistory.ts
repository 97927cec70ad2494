/** Expressions that were run in this browser, newest first. Nothing secret is kept. */
import { ref, type Ref } from 'vue'

const KEY = 'onemonitor.metrics.history'
const ENTRIES_MAX = 50
const LENGTH_MAX = 4_000

/** The list with an expression put first; an older equal one goes. */
export function remember(history: readonly string[], expression: string): string[] {
  const text = expression.trim()
  if (text === '' || text.length > LENGTH_MAX) return [...history]
  return [text, ...history.filter((one) => one !== text)].slice(0, ENTRIES_MAX)
}

/** What was stored, without anything that is not an expression. */
export function parseHistory(stored: string | null): string[] {
  try {
    const list: unknown = JSON.parse(stored ?? '[]')
    if (!Array.isArray(list)) return []
    return list.filter((one): one is string => typeof one === 'string').slice(0, ENTRIES_MAX)
  } catch {
    return []
  }
}

export function useQueryHistory(): {
  history: Ref<string[]>
  add: (expression: string) => void
  clear: () => void
} {
  const history = ref(read())

  function store(next: string[]): void {
    history.value = next
    try {
      localStorage.setItem(KEY, JSON.stringify(next))
    } catch {
      // Storage may be full or forbidden; the list then lasts as long as the page.
    }
  }
  return {
    history,
    add: (expression) => store(remember(history.value, expression)),
    clear: () => store([]),
  }
}

function read(): string[] {
  try {
    return parseHistory(localStorage.getItem(KEY))
  } catch {
    return []
  }
}
