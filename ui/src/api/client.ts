/** The one door to the server: typed requests, problem documents as `ApiError`, CSRF header. */
import createClient, { type Middleware } from 'openapi-fetch'
import { ApiError, networkError, problemToError } from './errors'
import type { components, paths } from './schema'

export type Schemas = components['schemas']

let csrfToken = ''
let onSignedOut: (code: string) => void = () => {}

/** Sets the token sent with every unsafe method; the session store calls this. */
export function setCsrfToken(token: string): void {
  csrfToken = token
}

/** Registers what happens when the server no longer knows the session (HTTP 401). */
export function whenSignedOut(handler: (code: string) => void): void {
  onSignedOut = handler
}

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])

const session: Middleware = {
  onRequest({ request }) {
    if (!SAFE_METHODS.has(request.method) && csrfToken) {
      request.headers.set('X-CSRF-Token', csrfToken)
    }
    return request
  },
}

export const api = createClient<paths>({ baseUrl: location.origin, credentials: 'same-origin' })
api.use(session)

/**
 * Awaits a request made with `api` and returns its data, or throws an `ApiError`.
 * Every failure of the server, of the network and of a proxy between ends as an `ApiError`.
 */
export async function unwrap<T>(
  request: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<T> {
  let answer
  try {
    answer = await request
  } catch (cause) {
    throw networkError(cause)
  }
  if (answer.response.ok) return answer.data as T
  throw refuse(problemToError(answer.error, answer.response))
}

/** Same contract as `unwrap` for plain `fetch`, with the body parsed as JSON. */
export async function fetchJson<T>(input: string, init: RequestInit = {}): Promise<T> {
  let response: Response
  let body: unknown
  try {
    response = await fetch(input, { ...init, credentials: 'same-origin' })
    body = await response.json().catch(() => undefined)
  } catch (cause) {
    throw networkError(cause)
  }
  if (response.ok && body !== undefined) return body as T
  throw refuse(problemToError(body, response))
}

function refuse(error: ApiError): ApiError {
  if (error.status === 401 && error.code !== 'identity.bad_credentials') onSignedOut(error.code)
  if (error.code === 'identity.password_change_required') onSignedOut(error.code)
  return error
}
