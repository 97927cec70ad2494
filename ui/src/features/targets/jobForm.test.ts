import { describe, expect, it } from 'vitest'
import { formOf, NEW_JOB, probeOf, validateJob, writeOf, type JobForm } from './jobForm'
import type { Target } from './queries'

const TARGET: Target = {
  id: 'tgt_1',
  rev: 2,
  name: 'node',
  urls: ['http://a:9100/metrics', 'http://b:9100/metrics'],
  interval_s: 30,
  timeout_s: 5,
  tls: { insecure_skip_verify: false, ca_pem: 'PEM', server_name: 'a.example' },
  labels: { env: 'prod', note: 'a=b' },
  basic_user: 'scrape',
  has_secret: true,
  enabled: false,
  honor_labels: true,
  native_histograms: true,
  relabel: null,
  metric_relabel: '- action: drop',
  sample_limit: 1000,
  body_limit_bytes: 3 * 1_048_576,
  created_at: '2026-11-24T00:00:00Z',
  updated_at: '2026-11-24T00:00:00Z',
}
const form = (changes: Partial<JobForm>): JobForm => ({
  ...NEW_JOB,
  name: 'node',
  urls: 'http://a:9100/metrics',
  ...changes,
})
const wrong = (changes: Partial<JobForm>, hasSecret = false) =>
  Object.keys(validateJob(form(changes), hasSecret))

describe('job form', () => {
  it('gives back what it was made from', () => {
    const { id, rev, has_secret, created_at, updated_at, ...rest } = TARGET
    expect([id, rev, has_secret, created_at, updated_at]).toHaveLength(5)
    expect(writeOf(formOf(TARGET))).toEqual({
      ...rest,
      basic_password: undefined,
      bearer_token: null,
    })
  })
  it('accepts the defaults with a name and an address', () => {
    expect(wrong({})).toEqual([])
  })
  it.each<[Partial<JobForm>, string]>([
    [{ name: ' ' }, 'name'],
    [{ urls: '' }, 'urls'],
    [{ urls: 'http://a/metrics\nftp://b' }, 'urls'],
    [{ urls: 'a:9100' }, 'urls'],
    [{ intervalS: '0.01', timeoutS: '0.01' }, 'intervalS'],
    [{ intervalS: '100000' }, 'intervalS'],
    [{ timeoutS: '20' }, 'timeoutS'],
    [{ timeoutS: 'x' }, 'timeoutS'],
    [{ labels: 'env' }, 'labels'],
    [{ labels: '1env=x' }, 'labels'],
    [{ auth: 'basic', secret: 's' }, 'user'],
    [{ auth: 'bearer' }, 'secret'],
    [{ sampleLimit: '-1' }, 'sampleLimit'],
    [{ bodyLimitMib: 'much' }, 'bodyLimitMib'],
  ])('names the wrong field of %o', (changes, field) => {
    expect(wrong(changes)).toEqual([field])
  })
  it('lets a stored secret stand', () => {
    expect(wrong({ auth: 'bearer' }, true)).toEqual([])
  })
  it('forgets secrets when none are used', () => {
    expect(writeOf(form({ auth: 'none', secret: 'left over' }))).toMatchObject({
      basic_user: null,
      basic_password: null,
      bearer_token: null,
    })
  })
  it('probes the first address with what is typed', () => {
    const typed = form({ urls: '\n http://a/m \nhttp://b/m', auth: 'bearer', secret: 't' })
    expect(probeOf(typed, 'tgt_1')).toMatchObject({
      target_id: 'tgt_1',
      url: 'http://a/m',
      bearer_token: 't',
      timeout_s: 10,
    })
  })
})
