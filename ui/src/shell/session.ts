/** Who is signed in and what they may do. */
import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import { api, setCsrfToken, unwrap, type Schemas } from '@/api/client'
import { ApiError } from '@/api/errors'

export type Session = Schemas['Session']

export const useSession = defineStore('session', () => {
  const current = ref<Session | null>(null)
  let loading: Promise<void> | null = null
  let loaded = false

  /** Takes over a session view that the server answered with. */
  function adopt(session: Session | null): void {
    current.value = session
    setCsrfToken(session?.csrf_token ?? '')
    loaded = true
  }

  /** Asks the server once who this browser is; later calls return at once. */
  async function ensureLoaded(): Promise<void> {
    if (loaded) return
    loading ??= load()
    await loading
    loading = null
  }

  async function load(): Promise<void> {
    try {
      adopt(await unwrap(api.GET('/api/v1/session')))
    } catch (error) {
      // Without an answer there is nobody signed in as far as the pages are concerned; the
      // sign-in page then tells why nothing works.
      if (error instanceof ApiError) adopt(null)
      else throw error
    }
  }

  async function signIn(name: string, password: string): Promise<void> {
    adopt(await unwrap(api.POST('/api/v1/session', { body: { name, password } })))
  }

  async function signOut(): Promise<void> {
    await unwrap(api.DELETE('/api/v1/session'))
    adopt(null)
  }

  /** Whether an action is shown at all: what is not allowed is hidden, not greyed. */
  function may(permission: string | undefined): boolean {
    return !permission || (current.value?.user.permissions.includes(permission) ?? false)
  }

  return {
    current,
    user: computed(() => current.value?.user ?? null),
    mustChangePassword: computed(() => current.value?.must_change_password ?? false),
    adopt,
    ensureLoaded,
    signIn,
    signOut,
    may,
  }
})
