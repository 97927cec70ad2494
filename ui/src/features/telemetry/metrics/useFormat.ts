/** Having an expression laid out by the server: what came of it, as long as the text stays. */
import { computed, ref, shallowRef, type ComputedRef, type Ref } from 'vue'
import { faultOf, type Fault } from '../explain'
import { formatExpression } from './queries'

export interface Format {
  run: () => Promise<void>
  busy: Ref<boolean>
  /** Why there is no layout: the expression is wrong. */
  fault: ComputedRef<Fault | undefined>
  /** Why there is no layout: anything else. */
  error: ComputedRef<unknown>
  /** Whether the present text is a layout that was just made. */
  done: ComputedRef<boolean>
  /** Whether `text` is a layout of `expression`, so that they mean the same. */
  isLayoutOf: (text: string, expression: string) => boolean
}

/** `text` is what stands in the editor, `show` puts a layout there. */
export function useFormat(
  text: () => string,
  show: (text: string) => void,
  ask: (expression: string) => Promise<string> = formatExpression,
): Format {
  const busy = ref(false)
  const refused = shallowRef<{ text: string; reason: unknown }>()
  const made = shallowRef<{ from: string; text: string }>()

  async function run(): Promise<void> {
    const asked = text()
    if (busy.value || asked.trim() === '') return
    busy.value = true
    refused.value = undefined
    try {
      const answer = await ask(asked)
      // Whoever goes on writing keeps what is written.
      if (text() !== asked) return
      const from = made.value?.text === asked ? made.value.from : asked.trim()
      made.value = { from, text: answer }
      show(answer)
    } catch (reason) {
      refused.value = { text: asked, reason }
    } finally {
      busy.value = false
    }
  }

  const reason = computed(() => (refused.value?.text === text() ? refused.value.reason : undefined))
  const fault = computed(() => faultOf(reason.value, text()))
  return {
    run,
    busy,
    fault,
    error: computed(() => (fault.value ? undefined : reason.value)),
    done: computed(() => made.value?.text === text()),
    isLayoutOf: (one, expression) =>
      made.value !== undefined && one === made.value.text && expression === made.value.from,
  }
}
