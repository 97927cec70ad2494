import { beforeAll, describe, expect, it } from 'vitest'
import { ApiError } from '@/api/errors'
import { setLocale, t } from '@/text/i18n'
import { errorCode, errorText } from './errorText'

const refused = (code: string, status: number, text = '', retryAfterS?: number) =>
  new ApiError(code, text, { status, retryAfterS })

beforeAll(() => setLocale('en'))

describe('errorText', () => {
  it('goes by the code', () => {
    const text = errorText(refused('identity.bad_credentials', 401, 'nope'))
    expect(text).toBe(t('errors.identity.bad_credentials'))
  })
  it('shows what the server says about a code without a text', () => {
    expect(errorText(refused('target.invalid', 400, 'no such scheme'))).toBe('no such scheme')
  })
  it('tells what to do about a failure inside the appliance', () => {
    expect(errorText(refused('query.damaged', 500, 'internal error'))).toBe(t('errors.http.500'))
  })
  it('never says nothing', () => {
    expect(errorText(refused('x.y', 418))).toBe(t('errors.unknown'))
    expect(errorText(refused('http.404', 404))).toBe(t('errors.http.404'))
    expect(errorText(new Error('broken'))).toBe('broken')
    expect(errorText('odd')).toBe('odd')
  })
  it('does not take a group of texts for a text', () => {
    expect(errorText(refused('identity', 400, 'detail'))).toBe('detail')
  })
})

it('names the code, also of a failure in the page', () => {
  expect(errorCode(refused('network', 0))).toBe('network')
  expect(errorCode(new TypeError('x'))).toBe('client')
})
