/** What the rows of the page have been answered so far. */
import { computed, reactive, type ComputedRef } from 'vue'
import type { RowAnswer } from '../metricsAnswer'
import { rowLetter } from '../metricsState'
import type { MetricsAnswer } from './queries'
import type { Draft, Row } from './useMetricsState'

export interface Answers {
  /** Answers of the rows that are on, in the order of the rows. */
  shown: ComputedRef<RowAnswer[]>
  /** When the oldest of what is shown came, if that is longer ago than it should be. */
  staleSinceMs: ComputedRef<number | undefined>
  /** Whether a first answer is still on its way. */
  waiting: ComputedRef<boolean>
  /** Whether a row was refused; it says so itself. */
  refused: ComputedRef<boolean>
  keep: (id: number, answer?: MetricsAnswer, waits?: boolean, staleSinceMs?: number) => void
  refuse: (id: number, yes: boolean) => void
  forget: (row: Row) => void
}

/** `mode` is what answers must be of: the range or one instant. */
export function useAnswers(draft: Draft, mode: () => 'chart' | 'table'): Answers {
  const answers = reactive(new Map<number, MetricsAnswer>())
  const stale = reactive(new Map<number, number>())
  const waiting = reactive(new Set<number>())
  const refused = reactive(new Set<number>())

  function refuse(id: number, yes: boolean): void {
    if (yes) refused.add(id)
    else refused.delete(id)
  }

  function keep(id: number, answer?: MetricsAnswer, waits?: boolean, staleSinceMs?: number): void {
    if (waits) waiting.add(id)
    else waiting.delete(id)
    if (answer) answers.set(id, answer)
    else answers.delete(id)
    if (staleSinceMs) stale.set(id, staleSinceMs)
    else stale.delete(id)
  }

  const shown = computed<RowAnswer[]>(() =>
    draft.rows.flatMap((row, index) => {
      const answer = answers.get(row.id)
      if (!answer || row.off || answer.ask.mode !== mode()) return []
      const { expression, grid, compareMs } = answer.ask
      const { result, earlier } = answer
      return [{ letter: rowLetter(index), expression, grid, result, earlier, compareMs }]
    }),
  )
  const staleSinceMs = computed(() => {
    const times = draft.rows.flatMap((row) => stale.get(row.id) ?? [])
    return times.length > 0 ? Math.min(...times) : undefined
  })
  return {
    shown,
    staleSinceMs,
    waiting: computed(() => waiting.size > 0),
    refused: computed(() => refused.size > 0),
    keep,
    refuse,
    forget: (row) => {
      keep(row.id)
      refuse(row.id, false)
    },
  }
}
