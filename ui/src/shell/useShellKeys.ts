/** Binds the program's keys while the frame is on screen. */
import { useQueryClient } from '@tanstack/vue-query'
import { onBeforeUnmount, onMounted } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import { useFrame } from './frame'
import { createHotkeys, isTyping, SEQUENCE_MS, type HotkeyAction } from './hotkeys'
import { goKeys, navigation } from './navigation'
import { useSession } from './session'
import { useTimeRange } from './timeRange'

export function useShellKeys(): void {
  const router = useRouter()
  const route = useRoute()
  const session = useSession()
  const frame = useFrame()
  const time = useTimeRange()
  const queries = useQueryClient()
  const hotkeys = createHotkeys(() => goKeys(navigation(router.options.routes, session.may)))
  let waiting: ReturnType<typeof setTimeout> | undefined

  function perform(action: HotkeyAction): void {
    if (action.kind === 'go') void router.push({ name: action.page })
    else if (action.kind === 'help') frame.keyHelp = true
    else if (action.kind === 'filter') focusFilter()
    else if (action.kind === 'refresh') {
      time.refreshNow()
      void queries.invalidateQueries()
    } else if (route.meta.time) changeTime(action.kind)
  }

  function changeTime(kind: HotkeyAction['kind']): void {
    if (kind === 'time') frame.timePanel = true
    else if (kind === 'zoom-out') time.zoomOut()
    else time.shift(kind === 'shift-back' ? -1 : 1)
  }

  function onKey(event: KeyboardEvent): void {
    const command = event.ctrlKey || event.metaKey
    if (command && !event.altKey && event.key.toLowerCase() === 'k') {
      event.preventDefault()
      frame.palette = !frame.palette
      return
    }
    if (command || event.altKey || event.isComposing || isTyping(event.target)) return
    clearTimeout(waiting)
    const action = hotkeys.press(event.key, performance.now())
    if (action) {
      event.preventDefault()
      perform(action)
    } else if (hotkeys.pending(performance.now()) === 't') {
      // `t` alone opens the panel once it is clear that no second key follows.
      waiting = setTimeout(() => perform({ kind: 'time' }), SEQUENCE_MS)
    }
  }

  onMounted(() => document.addEventListener('keydown', onKey))
  onBeforeUnmount(() => {
    clearTimeout(waiting)
    document.removeEventListener('keydown', onKey)
  })
}

function focusFilter(): void {
  document
    .querySelector<HTMLInputElement>('#content [data-filter] input, #content input[data-filter]')
    ?.focus()
}
