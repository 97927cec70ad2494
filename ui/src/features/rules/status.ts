/** Filtering, counting and sorting of groups. Pure. */
import type { State } from '@/base/state'
import type { GroupStatus } from './queries'

export const CONDITIONS = ['ok', 'error', 'unknown', 'off'] as const
export type Condition = (typeof CONDITIONS)[number]

/** What a condition looks like among the five states. */
export const CONDITION_STATE: Record<Condition, State> = {
  ok: 'ok',
  error: 'critical',
  unknown: 'unknown',
  off: 'paused',
}

export function conditionOf(group: Pick<GroupStatus, 'enabled' | 'health'>): Condition {
  return group.enabled ? group.health : 'off'
}

/** The groups that have the condition and hold every word in their names or expressions. */
export function filterGroups(
  groups: readonly GroupStatus[],
  filter: { search: string; condition: string },
): GroupStatus[] {
  const words = filter.search.toLowerCase().split(/\s+/).filter(Boolean)
  return groups.filter(
    (group) =>
      (!filter.condition || conditionOf(group) === filter.condition) &&
      words.every((word) => haystack(group).includes(word)),
  )
}

export function countByCondition(groups: readonly GroupStatus[]): Record<Condition, number> {
  const counts: Record<Condition, number> = { ok: 0, error: 0, unknown: 0, off: 0 }
  for (const group of groups) counts[conditionOf(group)] += 1
  return counts
}

/** Sorts what needs a person first. */
export function urgency(group: GroupStatus): string {
  const rank = { error: 0, unknown: 1, ok: 2, off: 3 }[conditionOf(group)]
  return `${rank} ${group.name}`
}

/** What tells a group from all others. */
export function keyOf(group: Pick<GroupStatus, 'name' | 'file'>): string {
  return `${group.file ?? ''};${group.name}`
}

/** The route of a group. */
export function routeOf(group: Pick<GroupStatus, 'name' | 'file'>) {
  return {
    name: 'rule-group',
    query: { name: group.name, ...(group.file ? { file: group.file } : {}) },
  }
}

function haystack(group: GroupStatus): string {
  const rules = group.rules.flatMap((rule) => [rule.record, rule.expr])
  return [group.name, group.file ?? '', group.error ?? '', ...rules].join(' ').toLowerCase()
}
