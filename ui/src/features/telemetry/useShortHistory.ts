/** Shows a shorter range while there are only minutes of data, so that the first look is not empty. */
import { useIsFetching } from '@tanstack/vue-query'
import { computed, onScopeDispose, ref, watch, type Ref } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import { useTimeRange } from '@/shell/timeRange'
import type { HostLabels } from './promql'
import { useFirstSample } from './queries'

const SHORT = { from: 'now-5m', to: 'now' }
/** Younger data is better seen in the short range. */
const YOUNG_MS = 12 * 60_000
/** In its first minute a host gets its first rates; they are looked for more often. */
const NEW_MS = 60_000
const LOOK_MS = 2_000

/**
 * Applies once per visit and only while the reader has not chosen a range. Tells whether the host
 * is in its first minute, in which charts of rates may still be empty.
 */
export function useShortHistory(labels: Ref<HostLabels | undefined>): Ref<boolean> {
  const route = useRoute()
  const router = useRouter()
  const time = useTimeRange()
  const first = useFirstSample(labels, () => route.query.from === undefined)

  const stop = watch(
    first,
    (firstMs) => {
      if (firstMs === undefined) return
      stop()
      if (route.query.from !== undefined || !time.relative) return
      if (Date.now() - firstMs > YOUNG_MS) return
      void router.replace({ query: { ...route.query, ...SHORT }, hash: route.hash })
    },
    { flush: 'post' },
  )

  const fetching = useIsFetching()
  const now = ref(Date.now())
  const isNew = computed(() => first.value !== undefined && now.value - first.value < NEW_MS)
  const timer = setInterval(() => {
    now.value = Date.now()
    // A slow answer is waited for: a new window would ask anew and never get one.
    if (isNew.value && time.refreshMs !== false && fetching.value === 0) time.refreshNow()
  }, LOOK_MS)
  watch(
    () => first.value !== undefined && !isNew.value,
    (over) => over && clearInterval(timer),
  )
  onScopeDispose(() => clearInterval(timer))
  return isNew
}
