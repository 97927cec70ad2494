/** The busiest process groups of a host, from three readings. Pure. */
import type { Reading } from './queries'

export interface ProcessRow {
  name: string
  /** Processors in use: 1.5 means one and a half. */
  cpu: number | null
  memoryBytes: number | null
  count: number | null
}

/** Rows of the table and names of the chart. */
export const PROCESSES_MAX = 10

/** Expressions for use of processors, resident memory and number of processes by group. */
export function processExpressions(host: string, windowS: number): string[] {
  return [
    `topk(${PROCESSES_MAX}, sum by (groupname) (rate(namedprocess_namegroup_cpu_seconds_total{${host}}[${windowS}s])))`,
    `topk(${PROCESSES_MAX}, sum by (groupname) (namedprocess_namegroup_memory_bytes{${host},memtype="resident"}))`,
    `sum by (groupname) (namedprocess_namegroup_num_procs{${host}})`,
  ]
}

/** Joins the readings by group; the busiest by processor time first, then the largest. */
export function processRows(answers: readonly (readonly Reading[])[]): ProcessRow[] {
  const [cpu, memory, count] = [0, 1, 2].map((index) => byGroup(answers[index] ?? []))
  const names = new Set([...(cpu?.keys() ?? []), ...(memory?.keys() ?? [])])
  return [...names]
    .map((name) => ({
      name,
      cpu: cpu?.get(name) ?? null,
      memoryBytes: memory?.get(name) ?? null,
      count: count?.get(name) ?? null,
    }))
    .sort(
      (a, b) =>
        (b.cpu ?? -1) - (a.cpu ?? -1) ||
        (b.memoryBytes ?? -1) - (a.memoryBytes ?? -1) ||
        a.name.localeCompare(b.name),
    )
}

function byGroup(readings: readonly Reading[]): Map<string, number> {
  return new Map(readings.map(({ labels, value }) => [labels.groupname ?? '', value]))
}
