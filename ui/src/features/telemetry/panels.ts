/** What a chart of a host is made of, and the charts of its processes. */
import type { Unit } from '@/base/charts/units'
import type { ChartKind, Threshold } from '@/base/charts/plotOptions'

/** One expression of a panel. */
export interface PanelQuery {
  /** With `$host` and `$window` to fill in. */
  expr: string
  /** Label whose value names the series; without one, `text` alone does. */
  label?: string
  /** Text key under `telemetry.host.series`, put behind the label's value. */
  text?: string
  /** Drawn below zero: the other direction. */
  mirrored?: boolean
}

export interface Panel {
  /** Also the text key of the title, under `telemetry.host.panels`. */
  id: string
  unit: Unit
  kind: ChartKind
  queries: PanelQuery[]
  ceiling?: number
  thresholds?: Threshold[]
  /** Order from the bottom up, by label value or text key; the rest follows by name. */
  order?: string[]
  /** Colour slots by label value or text key. */
  colours?: Record<string, number>
  /** A line at the number of processors. */
  cpuLine?: boolean
  /** Series that never leave zero are left out. */
  quietZero?: boolean
  /** Text key under `telemetry.host.nothing` for an empty chart that is good news. */
  nothing?: string
  /** Not shown at all when there is no data, as swap on a machine without. */
  optional?: boolean
}

export interface Section {
  /** Text key under `telemetry.host.sections`, also the anchor. */
  id: string
  panels: Panel[]
}

/** Busiest process groups, as process-exporter names them. */
export const PROCESS_CPU: Panel = {
  id: 'processCpu',
  unit: 'percent',
  kind: 'stacked',
  queries: [
    {
      expr:
        'sum by (groupname)' +
        ' (rate(namedprocess_namegroup_cpu_seconds_total{$host,$names}[$window]))' +
        ' / scalar(count(node_cpu_seconds_total{$host,mode="idle"}))',
      label: 'groupname',
    },
  ],
}

export const PROCESS_MEMORY: Panel = {
  id: 'processMemory',
  unit: 'bytes',
  kind: 'stacked',
  queries: [
    {
      expr: 'sum by (groupname) (namedprocess_namegroup_memory_bytes{$host,$names,memtype="resident"})',
      label: 'groupname',
    },
  ],
}
