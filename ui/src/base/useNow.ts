/** One shared clock for everything that shows a time difference. */
import { onBeforeUnmount, onMounted, readonly, ref, type Ref } from 'vue'

const now = ref(Date.now())
let users = 0
let timer: ReturnType<typeof setInterval> | undefined

/** The present in milliseconds, once a second while a component uses it. */
export function useNow(): Readonly<Ref<number>> {
  onMounted(() => {
    users += 1
    now.value = Date.now()
    timer ??= setInterval(() => (now.value = Date.now()), 1_000)
  })
  onBeforeUnmount(() => {
    users -= 1
    if (users > 0) return
    clearInterval(timer)
    timer = undefined
  })
  return readonly(now)
}
