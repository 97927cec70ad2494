/** The sentence for an error: by its code in the reader's language, else what the server said. */
import { ApiError } from '@/api/errors'
import { hasText, t } from '@/text/i18n'

/** Texts lie under `errors.<code>`, with the dots of the code as nesting. */
export function errorText(error: unknown): string {
  if (!(error instanceof ApiError)) return error instanceof Error ? error.message : String(error)
  const key = `errors.${error.code}`
  if (hasText(key)) return t(key, { s: error.retryAfterS ?? '', detail: error.message })
  // What went wrong inside the appliance is in its log; the status says what to do.
  const byStatus = `errors.http.${error.status}`
  if ((error.status >= 500 || !error.message) && hasText(byStatus)) return t(byStatus)
  return error.message || t('errors.unknown')
}

/** The stable code, or `client` for a failure inside the page. */
export function errorCode(error: unknown): string {
  return error instanceof ApiError ? error.code : 'client'
}
