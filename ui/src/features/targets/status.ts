/** Filtering and counting of target states. Pure. */
import type { State } from '@/base/state'
import type { TargetStatus } from './queries'

export const HEALTHS = ['up', 'down', 'unknown'] as const
export type Health = (typeof HEALTHS)[number]

/** What a target's health looks like among the five states. */
export const HEALTH_STATE: Record<Health, State> = {
  up: 'ok',
  down: 'critical',
  unknown: 'unknown',
}

export interface StatusFilter {
  /** Words that all must occur in job, address, labels or error. */
  search: string
  health: string
  job: string
  origin: string
}

/** The targets that fit everything that is set. */
export function filterTargets(
  targets: readonly TargetStatus[],
  filter: StatusFilter,
): TargetStatus[] {
  const words = filter.search.toLowerCase().split(/\s+/).filter(Boolean)
  return targets.filter(
    (target) =>
      (!filter.health || target.health === filter.health) &&
      (!filter.job || target.job === filter.job) &&
      (!filter.origin || target.origin === filter.origin) &&
      words.every((word) => haystack(target).includes(word)),
  )
}

/** How many targets there are of each health, by the other filters. */
export function countByHealth(targets: readonly TargetStatus[]): Record<Health, number> {
  const counts: Record<Health, number> = { up: 0, down: 0, unknown: 0 }
  for (const target of targets) counts[target.health] += 1
  return counts
}

/** Sorts what needs a person first: down, unknown, up; then by job and address. */
export function urgency(target: TargetStatus): string {
  const rank = { down: 0, unknown: 1, up: 2 }[target.health]
  return `${rank} ${target.job} ${target.instance}`
}

/** The labels besides job and instance, which have columns of their own. */
export function extraLabels(target: TargetStatus): [string, string][] {
  return Object.entries(target.labels).filter(([name]) => name !== 'job' && name !== 'instance')
}

/** True for an address that can be tried from here; the own machine is read without HTTP. */
export function canProbe(target: TargetStatus): boolean {
  return /^https?:\/\//.test(target.url)
}

function haystack(target: TargetStatus): string {
  const labels = extraLabels(target).map(([name, value]) => `${name}=${value}`)
  return [target.job, target.instance, target.url, target.error ?? '', ...labels]
    .join(' ')
    .toLowerCase()
}
