/** Unit words of durations in the reader's language. */
import { computed, type ComputedRef } from 'vue'
import { useI18n } from 'vue-i18n'
import type { DurationWords } from './format'

export function useDurationWords(): ComputedRef<DurationWords> {
  const { t } = useI18n()
  return computed(() => ({
    d: t('common.unit.d'),
    h: t('common.unit.h'),
    min: t('common.unit.min'),
    s: t('common.unit.s'),
    ms: t('common.unit.ms'),
  }))
}
