/** Fetching chart data: what is shown stays while the next answer is on its way or fails. */
import { computed, ref, shallowRef, watch, type ComputedRef, type Ref, type ShallowRef } from 'vue'
import { useNow } from '@/base/useNow'
import { useTimeRange } from '@/shell/timeRange'

/** The part of a query that this needs. */
interface Fetching<T> {
  data: Ref<T | undefined>
  error: Ref<unknown>
  isPlaceholderData: Ref<boolean>
}

/** What a chart is given. */
export interface Kept<T> {
  /** The newest answer; undefined before the first. */
  data: ShallowRef<T | undefined>
  /** Why there is no data at all. */
  error: ComputedRef<unknown>
  /** Why the last try failed, whether or not older data is there; stays until one succeeds. */
  failure: Ref<unknown>
  /** When the shown data came, if that is longer ago than it should be. */
  staleSinceMs: ComputedRef<number | undefined>
}

/** Longer without an answer is stale even when refreshing is slow or off the screen. */
const STALE_LEAST_MS = 30_000

/**
 * Keeps the newest answer across refreshes and failures. Only another `identity` (another host,
 * another expression) empties the chart.
 */
export function useKept<T>(query: Fetching<T>, identity: () => string): Kept<T> {
  const time = useTimeRange()
  const now = useNow()
  const data = shallowRef<T>()
  const failure = ref<unknown>()
  const answeredAtMs = ref(0)

  watch(identity, () => {
    data.value = undefined
    failure.value = undefined
  })
  watch(
    [query.data, query.isPlaceholderData],
    ([answer, placeholder]) => {
      if (answer === undefined || placeholder) return
      data.value = answer
      failure.value = undefined
      answeredAtMs.value = Date.now()
    },
    { immediate: true },
  )
  watch(
    query.error,
    (error) => {
      if (error) failure.value = error
    },
    { immediate: true },
  )

  const staleSinceMs = computed(() => {
    if (data.value === undefined) return undefined
    if (failure.value) return answeredAtMs.value
    const every = time.refreshMs
    if (every === false) return undefined
    const age = now.value - answeredAtMs.value
    return age > Math.max(every * 3, STALE_LEAST_MS) ? answeredAtMs.value : undefined
  })
  return {
    data,
    error: computed(() => (data.value === undefined ? failure.value : undefined)),
    failure,
    staleSinceMs,
  }
}
