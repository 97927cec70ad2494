/** Texts in two languages: shared words plus the locale files that lie beside each feature. */
import { createI18n } from 'vue-i18n'

export const LOCALES = ['zh-CN', 'en'] as const
export type LocaleName = (typeof LOCALES)[number]

export const i18n = createI18n<false>({
  legacy: false,
  locale: 'en',
  fallbackLocale: [],
  missingWarn: false,
  fallbackWarn: false,
  messages: {},
})

const loaders = {
  en: () => import('./load-en'),
  'zh-CN': () => import('./load-zh-CN'),
}

/** Loads the texts of a language if need be and switches the whole program to it. */
export async function setLocale(name: LocaleName): Promise<void> {
  if (!i18n.global.availableLocales.includes(name)) {
    const { messages } = await loaders[name]()
    i18n.global.setLocaleMessage(name, messages)
  }
  i18n.global.locale.value = name
  document.documentElement.lang = name
}

/** The stored choice, else Chinese for a Chinese browser, else English. */
export function preferredLocale(stored: string | null, browser: readonly string[]): LocaleName {
  const chosen = LOCALES.find((name) => name === stored)
  if (chosen) return chosen
  const first = browser.find((tag) => /^(?:zh|en)\b/i.test(tag))
  return first?.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en'
}

/** Translates outside components; inside them use `useI18n()`. */
export function t(key: string, values: Record<string, unknown> = {}): string {
  return i18n.global.t(key, values)
}

/** True when the current language has a text for the key. */
export function hasText(key: string): boolean {
  return i18n.global.te(key)
}
