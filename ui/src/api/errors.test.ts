import { describe, expect, it } from 'vitest'
import { ApiError, networkError, problemToError } from './errors'

const response = (status: number, headers: Record<string, string> = {}) =>
  new Response(null, { status, headers })

describe('problemToError', () => {
  it('reads a problem document', () => {
    const body = {
      code: 'target.invalid',
      detail: 'no such scheme',
      field: 'urls',
      request_id: 'r1',
    }
    const error = problemToError(body, response(400))
    expect(error).toMatchObject({
      code: 'target.invalid',
      message: 'no such scheme',
      field: 'urls',
      requestId: 'r1',
      status: 400,
    })
    expect(error.body).toBe(body)
  })
  it('reads an error of the Prometheus API', () => {
    const error = problemToError({ errorType: 'bad_data', error: 'parse error' }, response(400))
    expect(error).toMatchObject({ code: 'bad_data', message: 'parse error' })
  })
  it('makes do with a status when a proxy answered', () => {
    const error = problemToError('<html>', response(502, { 'X-Request-Id': 'r2' }))
    expect(error).toMatchObject({ code: 'http.502', requestId: 'r2' })
  })
  it('takes over how long to wait', () => {
    expect(problemToError({}, response(429, { 'Retry-After': '7' })).retryAfterS).toBe(7)
    expect(problemToError({}, response(429)).retryAfterS).toBeUndefined()
  })
})

describe('networkError', () => {
  it('lets a cancelled request be cancelled', () => {
    const cancelled = new DOMException('gone', 'AbortError')
    expect(networkError(cancelled)).toBe(cancelled)
    expect(networkError(new TypeError('x'))).toBeInstanceOf(ApiError)
  })
})
