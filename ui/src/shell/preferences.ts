/** What a person chose for this browser: theme, language, width of the navigation. */
import { defineStore } from 'pinia'
import { computed, ref, watch } from 'vue'
import { preferredLocale, setLocale, type LocaleName } from '@/text/i18n'

export type ThemeChoice = 'system' | 'light' | 'dark'

const systemDark = matchMedia('(prefers-color-scheme: dark)')

export const usePreferences = defineStore('preferences', () => {
  const theme = ref<ThemeChoice>(readTheme())
  const locale = ref<LocaleName>(preferredLocale(read('locale'), navigator.languages))
  const navCollapsed = ref(read('nav') === 'collapsed')
  const systemIsDark = ref(systemDark.matches)
  systemDark.addEventListener('change', (event) => (systemIsDark.value = event.matches))

  /** Charts read this to redraw with the other colours. */
  const dark = computed(() =>
    theme.value === 'system' ? systemIsDark.value : theme.value === 'dark',
  )

  watch(dark, (on) => document.documentElement.classList.toggle('dark', on), {
    immediate: true,
    flush: 'sync',
  })
  watch(theme, (value) => write('theme', value))
  watch(navCollapsed, (on) => write('nav', on ? 'collapsed' : 'wide'))

  async function chooseLocale(name: LocaleName): Promise<void> {
    await setLocale(name)
    locale.value = name
    write('locale', name)
  }

  return { theme, dark, locale, navCollapsed, chooseLocale }
})

function readTheme(): ThemeChoice {
  const stored = read('theme')
  return stored === 'light' || stored === 'dark' ? stored : 'system'
}

// Storage may be forbidden or full; a preference is not worth an error.
function read(key: string): string | null {
  try {
    return localStorage.getItem(`onemonitor.${key}`)
  } catch {
    return null
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(`onemonitor.${key}`, value)
  } catch {
    // Lost with this tab, which is all that can be done.
  }
}
