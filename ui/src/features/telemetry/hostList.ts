/** Filtering, ordering and colouring of the host list; the URL holds the choices. Pure. */
import type { LocationQuery, LocationQueryRaw } from 'vue-router'
import { formatValue } from '@/base/charts/units'
import type { Host } from './queries'

export const HEALTHS = ['critical', 'warning', 'unknown', 'ok'] as const
export type Health = (typeof HEALTHS)[number]

/** What a honeycomb cell can be coloured by. */
export const MEASURES = ['cpu', 'memory', 'disk', 'load'] as const
export type Measure = (typeof MEASURES)[number]

export interface HostView {
  search: string
  health: Health | 'all'
  view: 'table' | 'honeycomb'
  measure: Measure
}

/** Reads the choices from the URL; what is not understood takes its default. */
export function viewOf(query: LocationQuery): HostView {
  const text = (name: string) => (typeof query[name] === 'string' ? (query[name] as string) : '')
  return {
    search: text('search'),
    health: HEALTHS.find((one) => one === text('state')) ?? 'all',
    view: text('view') === 'honeycomb' ? 'honeycomb' : 'table',
    measure: MEASURES.find((one) => one === text('by')) ?? 'cpu',
  }
}

/** The choices as URL parameters; undefined takes a parameter that is at its default out. */
export function queryOf(view: HostView): LocationQueryRaw {
  return {
    search: view.search || undefined,
    state: view.health === 'all' ? undefined : view.health,
    view: view.view === 'table' ? undefined : view.view,
    by: view.measure === 'cpu' ? undefined : view.measure,
  }
}

/** How many hosts are in each state. */
export function countHealths(hosts: readonly Host[]): Record<Health, number> {
  const counts: Record<Health, number> = { critical: 0, warning: 0, unknown: 0, ok: 0 }
  for (const host of hosts) counts[host.health] += 1
  return counts
}

/** Receiving and sending together; null when neither is known. */
export function trafficOf(host: Host): number | null {
  const received = host.network_receive_bytes_per_s ?? null
  const sent = host.network_transmit_bytes_per_s ?? null
  return received === null ? sent : received + (sent ?? 0)
}

/** Hosts in one state or all, by name. */
export function inState(hosts: readonly Host[], health: Health | 'all'): Host[] {
  return hosts
    .filter((host) => health === 'all' || host.health === health)
    .sort((a, b) => byText(a.instance, b.instance))
}

/** Hosts that are not ok, gravest first. */
export function unwell(hosts: readonly Host[]): Host[] {
  return hosts
    .filter((host) => host.health !== 'ok')
    .sort(
      (a, b) =>
        HEALTHS.indexOf(a.health) - HEALTHS.indexOf(b.health) || byText(a.instance, b.instance),
    )
}

function byText(a: string, b: string): number {
  return a.localeCompare(b, undefined, { numeric: true })
}

/** A measure of a host: its ratio for the colour and its text. Load is per processor. */
export function measureOf(host: Host, measure: Measure): { ratio: number | null; text: string } {
  if (measure === 'load') {
    const load = host.load1 ?? null
    const ratio = load === null ? null : load / Math.max(host.cpu_count ?? 1, 1)
    return { ratio, text: formatValue(load, 'none') }
  }
  const ratio =
    {
      cpu: host.cpu_used_ratio,
      memory: host.memory_used_ratio,
      disk: host.disk_used_ratio,
    }[measure] ?? null
  return { ratio, text: ratio === null ? '-' : `${Math.round(ratio * 100)}%` }
}

/** Lower ends of the levels 2 to 5. */
export const LEVEL_ENDS = [0.5, 0.7, 0.85, 0.95] as const

/** Level of a ratio from 1 to 5; 0 when there is no value. */
export function levelOf(ratio: number | null | undefined): number {
  if (ratio === null || ratio === undefined || Number.isNaN(ratio)) return 0
  return 1 + LEVEL_ENDS.filter((end) => ratio >= end).length
}

/** What each level means: `< 50%`, `50 - 70%`, ... */
export function levelTexts(): string[] {
  const percents = LEVEL_ENDS.map((end) => Math.round(end * 100))
  const [first = 0] = percents
  const last = percents.at(-1) ?? 0
  const between = percents.slice(0, -1).map((low, index) => `${low} – ${percents[index + 1]}%`)
  return [`< ${first}%`, ...between, `≥ ${last}%`]
}
