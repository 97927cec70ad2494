/** The charts of a host page: what each asks for, how it is drawn. Names are node exporter's. */
import type { Threshold } from '@/base/charts/plotOptions'
import type { Panel, Section } from './panels'

const FULL: Threshold[] = [
  { value: 0.8, state: 'warning' },
  { value: 0.9, state: 'critical' },
]
const CPU_MODES = ['user', 'system', 'iowait', 'nice', 'softirq', 'irq', 'steal']
const REAL_FS = 'fstype!~"tmpfs|devtmpfs|ramfs|squashfs|overlay|iso9660|autofs|rootfs"'
const REAL_DISK = 'device!~"loop.*|ram.*|sr.*|dm-.*|fd.*|zram.*"'
const REAL_NET = 'device!~"lo|veth.*|docker.*|br-.*|cali.*|flannel.*|cni.*|ifb.*"'

export const SECTIONS: Section[] = [
  {
    id: 'cpu',
    panels: [
      {
        id: 'cpuModes',
        unit: 'percent',
        kind: 'stacked',
        ceiling: 1,
        order: CPU_MODES,
        colours: { user: 0, system: 1, iowait: 8, nice: 2, softirq: 5, irq: 10, steal: 3 },
        queries: [
          {
            expr: 'avg by (mode) (rate(node_cpu_seconds_total{$host,mode!~"idle|guest.*"}[$window]))',
            label: 'mode',
          },
        ],
      },
      {
        id: 'load',
        unit: 'none',
        kind: 'line',
        cpuLine: true,
        colours: { load1: 0, load5: 1, load15: 4 },
        queries: [
          { expr: 'node_load1{$host}', text: 'load1' },
          { expr: 'node_load5{$host}', text: 'load5' },
          { expr: 'node_load15{$host}', text: 'load15' },
        ],
      },
    ],
  },
  {
    id: 'memory',
    panels: [
      {
        id: 'memory',
        unit: 'bytes',
        kind: 'stacked',
        colours: { used: 0, cache: 6, free: 2 },
        queries: [
          {
            expr:
              'node_memory_MemTotal_bytes{$host} - node_memory_MemFree_bytes{$host}' +
              ' - node_memory_Buffers_bytes{$host} - node_memory_Cached_bytes{$host}' +
              ' - node_memory_SReclaimable_bytes{$host}',
            text: 'used',
          },
          {
            expr:
              'node_memory_Buffers_bytes{$host} + node_memory_Cached_bytes{$host}' +
              ' + node_memory_SReclaimable_bytes{$host}',
            text: 'cache',
          },
          { expr: 'node_memory_MemFree_bytes{$host}', text: 'free' },
        ],
      },
      {
        id: 'swap',
        optional: true,
        unit: 'bytes',
        kind: 'area',
        colours: { swapUsed: 8 },
        queries: [
          {
            expr:
              'node_memory_SwapTotal_bytes{$host} - node_memory_SwapFree_bytes{$host}' +
              ' and node_memory_SwapTotal_bytes{$host} > 0',
            text: 'swapUsed',
          },
        ],
      },
    ],
  },
  {
    id: 'disk',
    panels: [
      {
        id: 'diskSpace',
        unit: 'percent',
        kind: 'line',
        ceiling: 1,
        thresholds: FULL,
        queries: [
          {
            expr:
              `max by (mountpoint) ((node_filesystem_size_bytes{$host,${REAL_FS}} - node_filesystem_free_bytes)` +
              ` / (node_filesystem_size_bytes - node_filesystem_free_bytes + node_filesystem_avail_bytes > 0))`,
            label: 'mountpoint',
          },
        ],
      },
      {
        id: 'diskIo',
        unit: 'bytes_per_s',
        kind: 'area',
        queries: [
          {
            expr: `rate(node_disk_read_bytes_total{$host,${REAL_DISK}}[$window])`,
            label: 'device',
            text: 'read',
          },
          {
            expr: `rate(node_disk_written_bytes_total{$host,${REAL_DISK}}[$window])`,
            label: 'device',
            text: 'written',
            mirrored: true,
          },
        ],
      },
      {
        id: 'diskLatency',
        unit: 'seconds',
        kind: 'line',
        queries: [
          {
            expr:
              `rate(node_disk_read_time_seconds_total{$host,${REAL_DISK}}[$window])` +
              ` / (rate(node_disk_reads_completed_total{$host,${REAL_DISK}}[$window]) > 0)`,
            label: 'device',
            text: 'read',
          },
          {
            expr:
              `rate(node_disk_write_time_seconds_total{$host,${REAL_DISK}}[$window])` +
              ` / (rate(node_disk_writes_completed_total{$host,${REAL_DISK}}[$window]) > 0)`,
            label: 'device',
            text: 'written',
          },
        ],
      },
      {
        id: 'diskBusy',
        unit: 'percent',
        kind: 'line',
        ceiling: 1,
        queries: [
          {
            expr: `rate(node_disk_io_time_seconds_total{$host,${REAL_DISK}}[$window])`,
            label: 'device',
          },
        ],
      },
      {
        id: 'inodes',
        unit: 'percent',
        kind: 'line',
        ceiling: 1,
        thresholds: FULL,
        queries: [
          {
            expr:
              `1 - max by (mountpoint) (node_filesystem_files_free{$host,${REAL_FS}})` +
              ` / max by (mountpoint) (node_filesystem_files{$host,${REAL_FS}} > 0)`,
            label: 'mountpoint',
          },
        ],
      },
    ],
  },
  {
    id: 'network',
    panels: [
      {
        id: 'traffic',
        unit: 'bytes_per_s',
        kind: 'area',
        queries: [
          {
            expr: `rate(node_network_receive_bytes_total{$host,${REAL_NET}}[$window])`,
            label: 'device',
            text: 'received',
          },
          {
            expr: `rate(node_network_transmit_bytes_total{$host,${REAL_NET}}[$window])`,
            label: 'device',
            text: 'sent',
            mirrored: true,
          },
        ],
      },
      {
        id: 'netErrors',
        unit: 'per_s',
        kind: 'line',
        quietZero: true,
        nothing: 'netErrors',
        queries: [
          {
            expr: `rate(node_network_receive_errs_total{$host,${REAL_NET}}[$window])`,
            label: 'device',
            text: 'receiveErrors',
          },
          {
            expr: `rate(node_network_transmit_errs_total{$host,${REAL_NET}}[$window])`,
            label: 'device',
            text: 'sendErrors',
          },
          {
            expr: `rate(node_network_receive_drop_total{$host,${REAL_NET}}[$window])`,
            label: 'device',
            text: 'receiveDrops',
          },
          {
            expr: `rate(node_network_transmit_drop_total{$host,${REAL_NET}}[$window])`,
            label: 'device',
            text: 'sendDrops',
          },
        ],
      },
      {
        id: 'connections',
        unit: 'none',
        kind: 'line',
        colours: { established: 0, tcpSockets: 1 },
        queries: [
          { expr: 'node_netstat_Tcp_CurrEstab{$host}', text: 'established' },
          { expr: 'node_sockstat_TCP_inuse{$host}', text: 'tcpSockets' },
        ],
      },
    ],
  },
  {
    id: 'kernel',
    panels: [
      {
        id: 'pressure',
        unit: 'percent',
        kind: 'line',
        colours: { pressureCpu: 0, pressureMemory: 3, pressureIo: 1 },
        queries: [
          {
            expr: 'rate(node_pressure_cpu_waiting_seconds_total{$host}[$window])',
            text: 'pressureCpu',
          },
          {
            expr: 'rate(node_pressure_memory_waiting_seconds_total{$host}[$window])',
            text: 'pressureMemory',
          },
          {
            expr: 'rate(node_pressure_io_waiting_seconds_total{$host}[$window])',
            text: 'pressureIo',
          },
        ],
      },
      {
        id: 'switches',
        unit: 'per_s',
        kind: 'line',
        colours: { contextSwitches: 0, interrupts: 1 },
        queries: [
          { expr: 'rate(node_context_switches_total{$host}[$window])', text: 'contextSwitches' },
          { expr: 'rate(node_intr_total{$host}[$window])', text: 'interrupts' },
        ],
      },
      {
        id: 'descriptors',
        unit: 'none',
        kind: 'area',
        colours: { descriptors: 0 },
        queries: [{ expr: 'node_filefd_allocated{$host}', text: 'descriptors' }],
      },
      {
        id: 'processStates',
        unit: 'none',
        kind: 'line',
        colours: { running: 0, blocked: 8 },
        queries: [
          { expr: 'node_procs_running{$host}', text: 'running' },
          { expr: 'node_procs_blocked{$host}', text: 'blocked' },
        ],
      },
      {
        id: 'temperature',
        optional: true,
        unit: 'celsius',
        kind: 'line',
        queries: [
          { expr: 'max by (chip, sensor) (node_hwmon_temp_celsius{$host})', label: 'sensor' },
        ],
      },
    ],
  },
]

const byId = (id: string) => SECTIONS.flatMap(({ panels }) => panels).filter((one) => one.id === id)

/** Charts of the only machine known, on Home. */
export const HOME_PANELS: Panel[] = ['cpuModes', 'memory', 'traffic'].flatMap(byId)
