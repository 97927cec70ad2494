/** The three "which machine is fullest" lists of Home. Pure. */
import type { Reading } from './queries'

export type TopMeasure = 'cpu' | 'memory' | 'disk'

export const TOP_ROWS = 6

/** Expressions of the lists, in the order of `TOP_MEASURES`. */
export const TOP_MEASURES: readonly TopMeasure[] = ['cpu', 'memory', 'disk']

const REAL_FS = 'fstype!~"tmpfs|devtmpfs|ramfs|squashfs|overlay|iso9660|autofs|rootfs"'

export const TOP_EXPRESSIONS: readonly string[] = [
  `topk(${TOP_ROWS}, 1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[2m])))`,
  `topk(${TOP_ROWS}, max by (instance) (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes))`,
  // As df counts: what is reserved for root is neither used nor free.
  `topk(${TOP_ROWS}, max by (instance, mountpoint) ((node_filesystem_size_bytes{${REAL_FS}} - node_filesystem_free_bytes)` +
    ` / (node_filesystem_size_bytes - node_filesystem_free_bytes + node_filesystem_avail_bytes > 0)))`,
]

/** Over the range: hosts that are in the busiest dozen now, so that the lines stay few. */
export const CPU_BY_HOST =
  '1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[2m]))' +
  ' and on (instance) topk(12, 1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[2m] @ end())))'
export const MEMORY_BY_HOST =
  'max by (instance) (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)' +
  ' and on (instance) topk(12, max by (instance) (1 - node_memory_MemAvailable_bytes @ end() / node_memory_MemTotal_bytes @ end()))'

export interface TopRow {
  key: string
  instance: string
  /** Mount point, where a host has several values. */
  part?: string
  ratio: number
}

/** Readings as rows, greatest first; what is not a number is left out. */
export function topRows(readings: readonly Reading[]): TopRow[] {
  return readings
    .filter(({ value, labels }) => Number.isFinite(value) && labels.instance)
    .map(({ labels, value }) => ({
      key: `${labels.instance} ${labels.mountpoint ?? ''}`,
      instance: labels.instance ?? '',
      part: labels.mountpoint,
      // Rounding of counters can give a little less than nothing.
      ratio: Math.min(1, Math.max(0, value)),
    }))
    .sort((a, b) => b.ratio - a.ratio || a.key.localeCompare(b.key))
}
