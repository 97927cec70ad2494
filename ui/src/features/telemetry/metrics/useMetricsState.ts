/** The state of the Metrics page: what is being written, and what the URL holds. */
import { computed, reactive, watch } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import {
  QUERIES_MAX,
  queryOf,
  stateOf,
  type MetricsQuery,
  type MetricsState,
} from '../metricsState'

/** A row with an identity of its own, so that its editor survives when others go. */
export interface Row {
  id: number
  /** As written in the editor. */
  text: string
  /** As last run. */
  expression: string
  off: boolean
  /** Shown as a form. */
  form: boolean
}

export interface Draft extends Omit<MetricsState, 'queries'> {
  rows: Row[]
}

export function useMetricsState() {
  const route = useRoute()
  const router = useRouter()
  let nextId = 1
  /** Whether the next change takes the place of the entry in the browser's history. */
  let quietly = false

  const draft = reactive<Draft>(draftOf(stateOf(route.query)))

  function draftOf(state: MetricsState): Draft {
    const { queries, ...rest } = state
    return { ...rest, rows: queries.map(newRow) }
  }

  function newRow({ expression, off, form }: MetricsQuery): Row {
    nextId += 1
    return { id: nextId, text: expression, expression, off, form }
  }

  /** The state as it runs. */
  const running = computed<MetricsState>(() => {
    const { rows, ...rest } = draft
    return {
      ...rest,
      queries: rows.map(({ expression, off, form }) => ({ expression, off, form })),
    }
  })

  const written = computed(() => JSON.stringify(queryOf(running.value)))
  watch(written, () => {
    if (written.value === JSON.stringify(queryOf(stateOf(route.query)))) return
    const { from, to, refresh } = route.query
    const query = { from, to, refresh, ...queryOf(running.value) }
    void (quietly ? router.replace({ query }) : router.push({ query }))
    quietly = false
  })
  // Back, forward and links from other pages.
  watch(
    () => JSON.stringify(queryOf(stateOf(route.query))),
    (asked) => {
      if (route.name === 'metrics' && asked !== written.value) {
        Object.assign(draft, draftOf(stateOf(route.query)))
      }
    },
  )

  function add(expression = '', form = false): void {
    if (draft.rows.length < QUERIES_MAX) draft.rows.push(newRow({ expression, off: false, form }))
  }

  function remove(row: Row): void {
    draft.rows = draft.rows.filter((other) => other.id !== row.id)
    if (draft.rows.length === 0) add()
  }

  /** Runs what is written in all rows. */
  function run(): void {
    for (const row of draft.rows) row.expression = row.text.trim()
  }

  /** Runs what a form has just written; Back leads to what was before all of it. */
  function runQuietly(row: Row): void {
    if (row.expression === row.text.trim()) return
    quietly = row.expression !== ''
    row.expression = row.text.trim()
  }

  return { draft, running, add, remove, run, runQuietly }
}
