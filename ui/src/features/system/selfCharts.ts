/** What the System page draws of the appliance's own metrics. Pure. */
import type { Unit } from '@/base/charts/units'

/** One chart: expressions over series of `job="onemonitor"`, `$window` being the rate window. */
export interface SelfChart {
  /** Text key below `system.chart`. */
  key: string
  unit: Unit
  kind: 'line' | 'area' | 'stacked'
  queries: readonly {
    expr: string
    /** Label whose value names a series. */ by?: string
    name?: string
  }[]
}

const SELF = 'job="onemonitor"'

export const SELF_CHARTS: readonly SelfChart[] = [
  {
    key: 'ingest',
    unit: 'per_s',
    kind: 'line',
    queries: [
      {
        expr: `sum(rate(onemonitor_series_samples_appended_total{${SELF}}[$window]))`,
        name: 'samples',
      },
    ],
  },
  {
    key: 'active',
    unit: 'none',
    kind: 'line',
    queries: [{ expr: `sum(onemonitor_series_active{${SELF}})`, name: 'series' }],
  },
  {
    key: 'cpu',
    unit: 'percent',
    kind: 'line',
    queries: [{ expr: `sum(rate(process_cpu_seconds_total{${SELF}}[$window]))`, name: 'cpu' }],
  },
  {
    key: 'memory',
    unit: 'bytes',
    kind: 'line',
    queries: [{ expr: `sum(process_resident_memory_bytes{${SELF}})`, name: 'memory' }],
  },
  {
    key: 'requests',
    unit: 'per_s',
    kind: 'line',
    queries: [
      {
        expr: `sum by (status) (rate(onemonitor_http_requests_total{${SELF}}[$window]))`,
        by: 'status',
      },
    ],
  },
  {
    key: 'storage',
    unit: 'bytes',
    kind: 'line',
    queries: [{ expr: `sum by (store) (onemonitor_store_bytes{${SELF}})`, by: 'store' }],
  },
]

/** The expression with the rate window filled in: four steps, at least a minute. */
export function withWindow(expr: string, stepS: number): string {
  return expr.replaceAll('$window', `${Math.max(60, stepS * 4)}s`)
}
