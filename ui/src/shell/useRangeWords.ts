/** Words for time ranges in the reader's language. */
import { computed, type ComputedRef } from 'vue'
import { useI18n } from 'vue-i18n'
import type { RangeWords } from './describeRange'

export function useRangeWords(): ComputedRef<RangeWords> {
  const { t } = useI18n()
  return computed(() => ({
    last: (count, unit) => t(`shell.time.last.${unit === 'M' ? 'month' : unit}`, count),
    named: (name) => t(`shell.time.named.${name}`),
  }))
}
