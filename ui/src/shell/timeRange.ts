/** The one time range of the program: the URL holds it, pages read `window` and refetch. */
import { defineStore } from 'pinia'
import { computed, ref, shallowRef, watch } from 'vue'
import { useRoute, useRouter, type LocationQuery, type LocationQueryRaw } from 'vue-router'
import {
  absoluteRange,
  isRelative,
  parseDuration,
  resolveRange,
  shiftSpan,
  widenSpan,
  type TimeRange,
  type TimeSpan,
} from './timeGrammar'

const DEFAULT_RANGE: TimeRange = { from: 'now-1h', to: 'now' }
const DEFAULT_REFRESH = '10s'

/** Offered refresh intervals; `off` stops refreshing. */
export const REFRESH_CHOICES = ['off', '10s', '30s', '1m', '5m'] as const

export const useTimeRange = defineStore('timeRange', () => {
  const router = useRouter()
  const route = useRoute()

  const range = ref<TimeRange>(DEFAULT_RANGE)
  const refresh = ref<string>(DEFAULT_REFRESH)
  /** The instants all panels of a page share; moves on with every refresh. */
  const window = shallowRef<TimeSpan>(spanOf(DEFAULT_RANGE))
  /** When the window was last computed, in milliseconds. */
  const refreshedAtMs = ref(Date.now())

  const relative = computed(() => isRelative(range.value))
  /** For `refetchInterval`: milliseconds, or false when the range stands still. */
  const refreshMs = computed<number | false>(() =>
    relative.value ? (parseDuration(refresh.value) ?? false) : false,
  )

  watch(
    () => [route.meta.time, route.query.from, route.query.to, route.query.refresh],
    () => {
      if (route.meta.time) adoptQuery(route.query)
    },
    { immediate: true },
  )

  function adoptQuery(query: LocationQuery): void {
    const wanted = rangeOf(query) ?? DEFAULT_RANGE
    if (wanted.from !== range.value.from || wanted.to !== range.value.to) {
      range.value = wanted
      refreshNow()
    }
    refresh.value = refreshOf(query) ?? DEFAULT_REFRESH
  }

  /** Shows another range; a new entry in the browser's history, so that Back returns. */
  function set(next: TimeRange): void {
    void router.push({ query: { ...route.query, from: next.from, to: next.to } })
  }

  function setRefresh(next: string): void {
    void router.replace({ query: { ...route.query, refresh: next } })
  }

  /** Moves the window to now; pages refetch because their query keys hold the window. */
  function refreshNow(): void {
    window.value = spanOf(range.value)
    refreshedAtMs.value = Date.now()
  }

  /** Drag on a chart. */
  function zoom(span: TimeSpan): void {
    set(absoluteRange(span))
  }

  /** Double click on a chart, `t z`: twice the span. */
  function zoomOut(): void {
    set(absoluteRange(widenSpan(window.value, Date.now())))
  }

  function shift(direction: -1 | 1): void {
    set(absoluteRange(shiftSpan(window.value, direction, Date.now())))
  }

  /** What the URL of a page with time lacks of the present state; undefined when nothing. */
  function queryToCarry(query: LocationQuery): LocationQueryRaw | undefined {
    const missing: LocationQueryRaw = {}
    if (!rangeOf(query) && !sameRange(range.value, DEFAULT_RANGE)) {
      missing.from = range.value.from
      missing.to = range.value.to
    }
    if (!refreshOf(query) && refresh.value !== DEFAULT_REFRESH) missing.refresh = refresh.value
    return Object.keys(missing).length > 0 ? missing : undefined
  }

  return {
    range,
    window,
    refresh,
    refreshMs,
    relative,
    refreshedAtMs,
    set,
    setRefresh,
    refreshNow,
    zoom,
    zoomOut,
    shift,
    queryToCarry,
  }
})

function spanOf(range: TimeRange): TimeSpan {
  const now = Date.now()
  return resolveRange(range, now) ?? { startMs: now - 3_600_000, endMs: now }
}

function sameRange(a: TimeRange, b: TimeRange): boolean {
  return a.from === b.from && a.to === b.to
}

function rangeOf(query: LocationQuery): TimeRange | undefined {
  const { from, to } = query
  if (typeof from !== 'string' || typeof to !== 'string') return undefined
  return resolveRange({ from, to }, Date.now()) ? { from, to } : undefined
}

function refreshOf(query: LocationQuery): string | undefined {
  return REFRESH_CHOICES.find((choice) => choice === query.refresh)
}
