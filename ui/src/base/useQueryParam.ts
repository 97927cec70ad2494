/** A value that lives in the URL, so that a reload or a copied link shows the same. */
import { computed, type WritableComputedRef } from 'vue'
import { useRoute, useRouter, type Router } from 'vue-router'

const pending = new Map<string, string | undefined>()
let flushing = false

/**
 * Binds the query parameter `name`; the fallback is not written to the URL. Changes made in one
 * go become one navigation, which replaces the entry in the browser's history.
 */
export function useQueryParam(name: string, fallback = ''): WritableComputedRef<string> {
  const route = useRoute()
  const router = useRouter()
  return computed({
    get: () => {
      const value = route.query[name]
      return typeof value === 'string' ? value : fallback
    },
    set: (value) => {
      pending.set(name, value === fallback ? undefined : value)
      flushSoon(router)
    },
  })
}

function flushSoon(router: Router): void {
  if (flushing) return
  flushing = true
  queueMicrotask(() => {
    flushing = false
    const query = { ...router.currentRoute.value.query, ...Object.fromEntries(pending) }
    pending.clear()
    void router.replace({ query, hash: router.currentRoute.value.hash })
  })
}
