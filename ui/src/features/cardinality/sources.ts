/** Who sends series, and how near the limits are. Pure. */
import type { Schemas } from '@/api/client'
import type { Condition, ShareRow } from './cardinality'

export type SeriesLimit = Schemas['SeriesLimit']

export const SOURCE_KINDS = [
  'scrape',
  'token',
  'user',
  'address',
  'system',
  'other',
  'none',
] as const
export type SourceKind = (typeof SOURCE_KINDS)[number]

/** One sender: what it is, its name, and the series that are known to be its own. */
export interface SourceRow extends ShareRow {
  kind: SourceKind
  /** Its name without the kind. */
  text: string
  created: number
  /** Which part of its series is new. */
  churn: number | null
  /** The labels that its series carry; only of scrape targets. */
  where?: Condition[]
}

/** `scrape:node/web-1:9100`, `token:agents`, `address:10.1.2.3`; empty for nobody known. */
export function sourceRow(group: Schemas['CardinalityGroup'], whole: number): SourceRow {
  const at = group.name.indexOf(':')
  const said = at < 0 ? '' : group.name.slice(0, at)
  const kind = SOURCE_KINDS.find((one) => one === said) ?? (group.name === '' ? 'none' : 'other')
  const text = kind === 'other' || kind === 'none' ? group.name : group.name.slice(at + 1)
  return {
    name: group.name,
    kind,
    text,
    count: group.series,
    share: whole > 0 ? Math.min(1, group.series / whole) : null,
    created: group.created,
    churn: group.series > 0 ? Math.min(1, group.created / group.series) : null,
    where: kind === 'scrape' ? targetLabels(text) : undefined,
  }
}

/** Names of jobs hold no slash, those of instances may. */
function targetLabels(text: string): Condition[] | undefined {
  const at = text.indexOf('/')
  if (at <= 0) return undefined
  return [
    { label: 'job', value: text.slice(0, at) },
    { label: 'instance', value: text.slice(at + 1) },
  ]
}

/** How full a limit is, from 0 to 1; null where there is none. */
export function usedShare({ max, used }: SeriesLimit): number | null {
  if (max === null || max === undefined) return null
  return max > 0 ? Math.min(1, used / max) : 1
}

/** New series by metric, for the list of metrics. */
export function createdByName(
  report: Schemas['CardinalityReport'] | undefined,
): Map<string, number> {
  return new Map((report?.items ?? []).map(({ name, created }) => [name, created]))
}
