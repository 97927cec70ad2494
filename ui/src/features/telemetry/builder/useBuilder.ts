/** A text and its form side by side: each follows the other, and neither loses what it has. */
import { ref, shallowRef, watch, type Ref, type ShallowRef } from 'vue'
import { parseQuery, type SyntaxNode } from '@/api/prometheus'
import { emptyBuilt, type Built } from './model'
import { holdsComment, readTree, type Beyond } from './read'
import { writeBuilt } from './write'

export interface Builder {
  /** Undefined while it is read and when the text is beyond it. */
  built: Ref<Built | undefined>
  /** Why the form cannot show the text. */
  beyond: ShallowRef<Beyond | undefined>
  /** Why the text could not be read: it is wrong, or the server did not answer. */
  failure: ShallowRef<unknown>
  again: () => Promise<void>
}

type Parse = (text: string, signal?: AbortSignal) => Promise<SyntaxNode>

/**
 * `text` is what stands in the editor, `write` puts another one there. The form writes only when
 * it was changed to mean something else: a text that it merely shows stays as it is.
 */
export function useBuilder(
  text: () => string,
  write: (text: string) => void,
  parse: Parse = parseQuery,
): Builder {
  const built = ref<Built>()
  const beyond = shallowRef<Beyond>()
  const failure = shallowRef<unknown>()
  /** What the form says, as it would write it. */
  let said = ''
  /** The text that the form stands for. */
  let shown: string | undefined
  let asked: AbortController | undefined

  function show(next: Built, of: string): void {
    said = writeBuilt(next)
    shown = of
    built.value = next
  }

  async function read(): Promise<void> {
    const wanted = text()
    asked?.abort()
    beyond.value = undefined
    failure.value = undefined
    if (wanted.trim() === '') {
      show(emptyBuilt(), wanted)
      return
    }
    if (holdsComment(wanted)) {
      built.value = undefined
      beyond.value = { reason: 'comment', what: '#' }
      return
    }
    const control = new AbortController()
    asked = control
    try {
      const reading = readTree(await parse(wanted, control.signal))
      if (control.signal.aborted) return
      if (reading.built) show(reading.built, wanted)
      else built.value = undefined
      beyond.value = reading.beyond
    } catch (cause) {
      if (control.signal.aborted) return
      built.value = undefined
      failure.value = cause
    }
  }

  watch(
    text,
    (now) => {
      if (now !== shown || !built.value) void read()
    },
    { immediate: true },
  )
  watch(
    built,
    (now) => {
      const next = now && writeBuilt(now)
      if (next === undefined || next === said) return
      said = next
      shown = next
      write(next)
    },
    { deep: true },
  )
  return { built, beyond, failure, again: read }
}
