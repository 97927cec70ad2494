/** Shows a shorter range while there are only minutes of data, so that the first look is not empty. */
import { watch, type Ref } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import { useTimeRange } from '@/shell/timeRange'
import type { HostLabels } from './promql'
import { useFirstSample } from './queries'

const SHORT = { from: 'now-5m', to: 'now' }
/** Younger data is better seen in the short range. */
const YOUNG_MS = 12 * 60_000

/** Applies once per visit and only while the reader has not chosen a range. */
export function useShortHistory(labels: Ref<HostLabels | undefined>): void {
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
}
