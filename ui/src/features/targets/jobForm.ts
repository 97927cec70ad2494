/** The scrape job as a form: from the API's shape to text fields and back. Pure. */
import type { ProbeRequest, Target, TargetWrite } from './queries'

export type AuthKind = 'none' | 'basic' | 'bearer'

/** All fields as they are typed. */
export interface JobForm {
  name: string
  urls: string
  intervalS: string
  timeoutS: string
  labels: string
  auth: AuthKind
  user: string
  /** Empty keeps the stored secret. */
  secret: string
  skipVerify: boolean
  caPem: string
  serverName: string
  sampleLimit: string
  bodyLimitMib: string
  relabel: string
  metricRelabel: string
  enabled: boolean
  honorLabels: boolean
  nativeHistograms: boolean
}

/** Names of fields with a text key of what is wrong with them. */
export type JobErrors = Partial<Record<keyof JobForm, { key: string; at?: string }>>

const MIB = 1_048_576
const INTERVAL_MIN_S = 0.1
const INTERVAL_MAX_S = 86_400

export const NEW_JOB: JobForm = {
  name: '',
  urls: '',
  intervalS: '15',
  timeoutS: '10',
  labels: '',
  auth: 'none',
  user: '',
  secret: '',
  skipVerify: false,
  caPem: '',
  serverName: '',
  sampleLimit: '',
  bodyLimitMib: '',
  relabel: '',
  metricRelabel: '',
  enabled: true,
  honorLabels: false,
  nativeHistograms: false,
}

export function formOf(target: Target): JobForm {
  return {
    name: target.name,
    urls: target.urls.join('\n'),
    intervalS: String(target.interval_s),
    timeoutS: String(target.timeout_s),
    labels: Object.entries(target.labels)
      .map(([name, value]) => `${name}=${value}`)
      .join('\n'),
    auth: target.basic_user ? 'basic' : target.has_secret ? 'bearer' : 'none',
    user: target.basic_user ?? '',
    secret: '',
    skipVerify: target.tls.insecure_skip_verify ?? false,
    caPem: target.tls.ca_pem ?? '',
    serverName: target.tls.server_name ?? '',
    sampleLimit: target.sample_limit ? String(target.sample_limit) : '',
    bodyLimitMib: target.body_limit_bytes ? String(target.body_limit_bytes / MIB) : '',
    relabel: target.relabel ?? '',
    metricRelabel: target.metric_relabel ?? '',
    enabled: target.enabled,
    honorLabels: target.honor_labels,
    nativeHistograms: target.native_histograms,
  }
}

/** Everything that is wrong before the server is asked. */
export function validateJob(form: JobForm, hasSecret: boolean): JobErrors {
  const errors: JobErrors = {}
  const urls = lines(form.urls)
  const badUrl = urls.find((url) => !isUrl(url))
  if (!form.name.trim()) errors.name = { key: 'nameMissing' }
  if (urls.length === 0) errors.urls = { key: 'urlMissing' }
  else if (badUrl) errors.urls = { key: 'urlWrong', at: badUrl }
  const interval = Number(form.intervalS)
  const timeout = Number(form.timeoutS)
  if (!(interval >= INTERVAL_MIN_S && interval <= INTERVAL_MAX_S))
    errors.intervalS = { key: 'intervalWrong' }
  if (!(timeout > 0 && timeout <= interval)) errors.timeoutS = { key: 'timeoutWrong' }
  const badLabel = lines(form.labels).find((line) => !LABEL.test(line))
  if (badLabel) errors.labels = { key: 'labelWrong', at: badLabel }
  if (form.auth === 'basic' && !form.user.trim()) errors.user = { key: 'userMissing' }
  if (form.auth !== 'none' && !form.secret && !hasSecret) errors.secret = { key: 'secretMissing' }
  if (!isLimit(form.sampleLimit)) errors.sampleLimit = { key: 'limitWrong' }
  if (!isLimit(form.bodyLimitMib)) errors.bodyLimitMib = { key: 'limitWrong' }
  return errors
}

/** The body of a create or update; an empty secret is left out, so that the stored one stays. */
export function writeOf(form: JobForm): TargetWrite {
  return {
    name: form.name.trim(),
    urls: lines(form.urls),
    interval_s: Number(form.intervalS),
    timeout_s: Number(form.timeoutS),
    labels: parseLabels(form.labels),
    enabled: form.enabled,
    honor_labels: form.honorLabels,
    native_histograms: form.nativeHistograms,
    relabel: form.relabel.trim() || null,
    metric_relabel: form.metricRelabel.trim() || null,
    sample_limit: form.sampleLimit ? Number(form.sampleLimit) : null,
    body_limit_bytes: form.bodyLimitMib ? Math.round(Number(form.bodyLimitMib) * MIB) : null,
    ...access(form),
  }
}

/** What the doctor tries: the first address with the settings of the form. */
export function probeOf(form: JobForm, id: string | undefined): ProbeRequest {
  return {
    ...(id ? { target_id: id } : {}),
    url: lines(form.urls)[0] ?? '',
    timeout_s: Number(form.timeoutS) || undefined,
    ...access(form),
  }
}

function access(form: JobForm) {
  const secret = form.secret || undefined
  return {
    tls: {
      insecure_skip_verify: form.skipVerify,
      ca_pem: form.caPem.trim() || null,
      server_name: form.serverName.trim() || null,
    },
    basic_user: form.auth === 'basic' ? form.user.trim() : null,
    ...(form.auth === 'basic' ? { basic_password: secret, bearer_token: null } : {}),
    ...(form.auth === 'bearer' ? { bearer_token: secret, basic_password: null } : {}),
    ...(form.auth === 'none' ? { basic_password: null, bearer_token: null } : {}),
  }
}

const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*\s*=.*$/

function parseLabels(text: string): Record<string, string> {
  return Object.fromEntries(
    lines(text).map((line) => {
      const at = line.indexOf('=')
      return [line.slice(0, at).trim(), line.slice(at + 1).trim()]
    }),
  )
}

function lines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
}

function isUrl(text: string): boolean {
  try {
    const { protocol, hostname } = new URL(text)
    return (protocol === 'http:' || protocol === 'https:') && hostname !== ''
  } catch {
    return false
  }
}

function isLimit(text: string): boolean {
  return text === '' || Number(text) > 0
}
