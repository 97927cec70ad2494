/** What a failed request looks like to the pages, whatever the reason was. */

/** Details of an `ApiError` besides its code and text. */
export interface ErrorFacts {
  /** HTTP status; 0 when no answer came. */
  status: number
  /** The field of the request that was refused, for showing the text beside it. */
  field?: string
  /** Finds the request in the server's log. */
  requestId?: string
  /** Seconds to wait before trying again. */
  retryAfterS?: number
  /** The whole answer, for what only one endpoint says (a position in an expression). */
  body?: unknown
}

/** A refused or failed request. `code` is stable and has texts in both languages. */
export class ApiError extends Error {
  readonly status: number
  readonly field?: string
  readonly requestId?: string
  readonly retryAfterS?: number
  readonly body?: unknown

  constructor(
    readonly code: string,
    message: string,
    facts: ErrorFacts,
  ) {
    super(message)
    this.name = 'ApiError'
    this.status = facts.status
    this.field = facts.field
    this.requestId = facts.requestId
    this.retryAfterS = facts.retryAfterS
    this.body = facts.body
  }
}

/** Reads a problem document (RFC 9457); anything else becomes `http.<status>`. */
export function problemToError(body: unknown, response: Response): ApiError {
  const problem = isRecord(body) ? body : {}
  const retryAfter = Number(response.headers.get('Retry-After'))
  return new ApiError(
    text(problem.code) ?? text(problem.errorType) ?? `http.${response.status}`,
    text(problem.detail) ?? text(problem.error) ?? text(problem.title) ?? response.statusText,
    {
      status: response.status,
      field: text(problem.field),
      requestId: text(problem.request_id) ?? response.headers.get('X-Request-Id') ?? undefined,
      retryAfterS: retryAfter > 0 ? retryAfter : undefined,
      body,
    },
  )
}

/** No answer came. A request that was cancelled on purpose keeps its `AbortError`. */
export function networkError(cause: unknown): unknown {
  if (cause instanceof DOMException && cause.name === 'AbortError') return cause
  return new ApiError('network', String(cause), { status: 0 })
}

/** True for an object that is not an array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
