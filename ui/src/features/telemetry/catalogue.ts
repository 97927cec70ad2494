/** All metrics as a list to look through: one entry each, also for those made of parts. Pure. */
import { metricSelector } from '@/base/selector'
import type { Metadata } from './metricsAnswer'
import { oneOf } from './promql'

/** Kinds that the list can be narrowed down to. */
export const METRIC_TYPES = ['counter', 'gauge', 'histogram', 'summary', 'other'] as const
export type MetricType = (typeof METRIC_TYPES)[number]

/** One metric of the list. */
export interface CatalogueEntry {
  name: string
  type: MetricType
  help: string
  unit: string
  /** Names under which its series are stored. */
  members: string[]
  /** A question that makes sense for this kind of metric. */
  query: string
}

/** Targets beyond are not listed; the page of series tells of all. */
export const SENDERS_MAX = 200

const PARTS = /_(?:bucket|sum|count)$/
/** How far a rate looks back. */
const WINDOW = '5m'

/** Entries by name; `_bucket`, `_sum` and `_count` of one histogram are one entry. */
export function catalogueOf(names: readonly string[], metadata: Metadata): CatalogueEntry[] {
  const members = new Map<string, string[]>()
  for (const name of names) {
    const base = baseOf(name, metadata)
    members.set(base, [...(members.get(base) ?? []), name])
  }
  return [...members]
    .map(([name, parts]) => entryOf(name, parts, metadata))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

function baseOf(name: string, metadata: Metadata): string {
  const base = name.replace(PARTS, '')
  const type = metadata[base]?.[0]?.type ?? ''
  return base !== name && /^(?:gauge)?histogram$|^summary$/.test(type) ? base : name
}

function entryOf(name: string, members: string[], metadata: Metadata): CatalogueEntry {
  // OpenMetrics describes a counter without its suffix.
  const said = metadata[name]?.[0] ?? metadata[name.replace(/_total$/, '')]?.[0]
  const type = typeOf(name, said?.type ?? '')
  const { help = '', unit = '' } = said ?? {}
  return { name, type, help, unit, members, query: queryFor(name, type, members) }
}

function typeOf(name: string, said: string): MetricType {
  const known = METRIC_TYPES.find((type) => type === said)
  if (known) return known
  if (said === 'gaugehistogram') return 'histogram'
  return said === '' && name.endsWith('_total') ? 'counter' : 'other'
}

function queryFor(name: string, type: MetricType, members: readonly string[]): string {
  const rate = (of: string) => `rate(${metricSelector(of)}[${WINDOW}])`
  if (type === 'counter') return rate(name)
  if (type === 'histogram') {
    return members.includes(`${name}_bucket`)
      ? `histogram_quantile(0.95, sum by (le) (${rate(`${name}_bucket`)}))`
      : `histogram_quantile(0.95, sum(${rate(name)}))`
  }
  if (type === 'summary' && !members.includes(name)) {
    return `${rate(`${name}_sum`)} / ${rate(`${name}_count`)}`
  }
  return metricSelector(name)
}

/**
 * The entries of which name or help hold every word: those that begin with the text first, then
 * those that have all words in the name.
 */
export function searchCatalogue(
  entries: readonly CatalogueEntry[],
  text: string,
  type: MetricType | '',
): CatalogueEntry[] {
  const ofType = type === '' ? entries : entries.filter((entry) => entry.type === type)
  const whole = text.trim().toLowerCase()
  if (whole === '') return [...ofType]
  const words = whole.split(/\s+/)
  const ranks: CatalogueEntry[][] = [[], [], []]
  for (const entry of ofType) {
    const name = entry.name.toLowerCase()
    if (name.startsWith(whole)) ranks[0]?.push(entry)
    else if (words.every((word) => name.includes(word))) ranks[1]?.push(entry)
    else if (holds(`${name} ${entry.help.toLowerCase()}`, words)) ranks[2]?.push(entry)
  }
  return ranks.flat()
}

function holds(hay: string, words: readonly string[]): boolean {
  return words.every((word) => hay.includes(word))
}

/** How many series each target sends of the metric, for the targets that send most. */
export function sendersQuery(members: readonly string[]): string {
  const [only] = members
  const selector =
    members.length === 1 && only ? metricSelector(only) : `{${oneOf('__name__', members)}}`
  return `topk(${SENDERS_MAX}, count by (job, instance) (${selector}))`
}

/** A job with its targets; those that send most stand first. */
export interface Sender {
  job: string
  series: number
  targets: { instance: string; series: number }[]
}

/** Counts per target by job. */
export function sendersOf(
  counts: readonly { job: string; instance: string; series: number }[],
): Sender[] {
  const jobs = new Map<string, Sender>()
  for (const { job, instance, series } of counts) {
    const sender = jobs.get(job) ?? { job, series: 0, targets: [] }
    sender.series += series
    sender.targets.push({ instance, series })
    jobs.set(job, sender)
  }
  for (const { targets } of jobs.values()) {
    targets.sort((a, b) => b.series - a.series || (a.instance < b.instance ? -1 : 1))
  }
  return [...jobs.values()].sort((a, b) => b.series - a.series || (a.job < b.job ? -1 : 1))
}
