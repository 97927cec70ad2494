/** Starts the program: texts first, then the first route, then the page. */
import 'element-plus/theme-chalk/base.css'
import 'element-plus/theme-chalk/dark/css-vars.css'
import './theme/tokens.css'
import './theme/dark.css'
import './theme/global.css'
import { QueryClient, VueQueryPlugin } from '@tanstack/vue-query'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import { whenSignedOut } from '@/api/client'
import { ApiError } from '@/api/errors'
import { usePreferences } from '@/shell/preferences'
import { useSession } from '@/shell/session'
import { i18n, setLocale } from '@/text/i18n'
import App from './App.vue'
import { router } from './router'

/** A page that is younger has nothing to gain from another reload. */
const RELOAD_AFTER_MS = 10_000

const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      gcTime: 60_000,
      refetchOnWindowFocus: false,
      // A refusal stays a refusal; only silence and overload are worth a second try.
      retry: (count, error) =>
        count < 1 && error instanceof ApiError && (error.status === 0 || error.status >= 502),
      retryDelay: 1_000,
    },
  },
})

const app = createApp(App)
app.use(createPinia())
app.use(i18n)
app.use(VueQueryPlugin, { queryClient })

whenSignedOut((code) => {
  const session = useSession()
  if (code === 'identity.password_change_required') {
    void router.push({ name: 'first-password' })
  } else if (session.user) {
    session.adopt(null)
    queryClient.clear()
    const next = router.currentRoute.value.fullPath
    void router.push({ name: 'sign-in', query: { next, ended: '1' } })
  }
})

// After an upgrade the files that an open tab still asks for are gone; a new page knows the new
// ones. Only once in a while, so that a broken installation does not reload for ever.
addEventListener('vite:preloadError', () => {
  if (performance.now() > RELOAD_AFTER_MS) location.reload()
})

await setLocale(usePreferences().locale)
app.use(router)
await router.isReady().catch(() => {})
app.mount('#app')
