/** Requests about the own account; the session itself lives in the frame's store. */
import { useQuery, useQueryClient } from '@tanstack/vue-query'
import { api, unwrap, type Schemas } from '@/api/client'
import { useSession } from '@/shell/session'

export type OwnSession = Schemas['OwnSession']
export type Token = Schemas['TokenView']
export type TokenCreated = Schemas['TokenCreated']

/** A token that reads or writes for a machine, as it is asked for. */
export interface TokenWish {
  name: string
  role: string
  /** Seconds until it ends; absent = never. */
  expires_in_s?: number
}

export function useOwnSessions() {
  return useQuery({
    queryKey: ['identity', 'sessions'],
    queryFn: ({ signal }) => unwrap(api.GET('/api/v1/account/sessions', { signal })),
    refetchInterval: 60_000,
  })
}

export function useTokens() {
  return useQuery({
    queryKey: ['identity', 'tokens'],
    queryFn: ({ signal }) => unwrap(api.GET('/api/v1/tokens', { signal })),
    refetchInterval: 60_000,
  })
}

/** The roles there are, with whether this person may give them to a token. */
export function useRoles() {
  return useQuery({
    queryKey: ['identity', 'roles'],
    queryFn: ({ signal }) => unwrap(api.GET('/api/v1/roles', { signal })),
    staleTime: 300_000,
  })
}

/** What changes the account; each refreshes the list that it touches. */
export function useAccountActions() {
  const queries = useQueryClient()
  const session = useSession()
  const refresh = (list: string) => queries.invalidateQueries({ queryKey: ['identity', list] })

  return {
    async changePassword(current: string, next: string): Promise<void> {
      const body = { current_password: current, new_password: next }
      session.adopt(await unwrap(api.POST('/api/v1/account/password', { body })))
      await refresh('sessions')
    },
    async endSession(id: string): Promise<void> {
      await unwrap(api.DELETE('/api/v1/account/sessions/{id}', { params: { path: { id } } }))
      await refresh('sessions')
    },
    async createToken(wish: TokenWish): Promise<TokenCreated> {
      const created = await unwrap(api.POST('/api/v1/tokens', { body: wish }))
      await refresh('tokens')
      return created
    },
    async deleteToken(id: string): Promise<void> {
      await unwrap(api.DELETE('/api/v1/tokens/{id}', { params: { path: { id } } }))
      await refresh('tokens')
    },
  }
}
