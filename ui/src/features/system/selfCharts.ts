/** What the System page draws of the appliance's own metrics. Pure. */
import type { ChartKind } from '@/base/charts/plotOptions'
import type { Unit } from '@/base/charts/units'

/** One expression over series of `job="onemonitor"`, `$window` being the rate window. */
export interface SelfQuery {
  expr: string
  /** Label whose value names each series. */
  by?: string
  /** Text key below `system.line` that names the only series. */
  line?: string
}

export interface SelfChart {
  /** Text key below `system.chart`. */
  key: string
  unit: Unit
  kind: ChartKind
  queries: readonly SelfQuery[]
}

const SELF = '{job="onemonitor"}'
const LATENCY = `sum by (le) (rate(onemonitor_http_request_duration_seconds_bucket${SELF}[$window]))`

export const SELF_CHARTS: readonly SelfChart[] = [
  {
    key: 'ingest',
    unit: 'per_s',
    kind: 'line',
    queries: [
      { expr: `sum(rate(onemonitor_series_samples_total${SELF}[$window]))`, line: 'stored' },
      {
        expr: `sum(rate(onemonitor_series_rejected_samples_total${SELF}[$window]))`,
        line: 'refused',
      },
    ],
  },
  {
    key: 'active',
    unit: 'none',
    kind: 'line',
    queries: [{ expr: `sum(onemonitor_series_active${SELF})`, line: 'series' }],
  },
  {
    key: 'cpu',
    unit: 'percent',
    kind: 'line',
    queries: [{ expr: `sum(rate(process_cpu_seconds_total${SELF}[$window]))`, line: 'process' }],
  },
  {
    key: 'memory',
    unit: 'bytes',
    kind: 'line',
    queries: [{ expr: `sum(process_resident_memory_bytes${SELF})`, line: 'process' }],
  },
  {
    key: 'requests',
    unit: 'per_s',
    kind: 'line',
    queries: [
      {
        expr: `sum by (status) (rate(onemonitor_http_requests_total${SELF}[$window]))`,
        by: 'status',
      },
    ],
  },
  {
    key: 'latency',
    unit: 'seconds',
    kind: 'line',
    queries: [
      { expr: `histogram_quantile(0.5, ${LATENCY})`, line: 'median' },
      { expr: `histogram_quantile(0.99, ${LATENCY})`, line: 'p99' },
    ],
  },
  {
    key: 'storage',
    unit: 'bytes',
    kind: 'line',
    queries: [{ expr: `sum by (store) (onemonitor_store_bytes${SELF})`, by: 'store' }],
  },
  {
    key: 'scrapes',
    unit: 'per_s',
    kind: 'line',
    queries: [
      {
        expr: `sum by (outcome) (rate(onemonitor_telemetry_scrapes_total${SELF}[$window]))`,
        by: 'outcome',
      },
    ],
  },
]

/** The expression with the rate window filled in: four steps, at least a minute. */
export function withWindow(expr: string, stepS: number): string {
  return expr.replaceAll('$window', `${Math.max(60, stepS * 4)}s`)
}
