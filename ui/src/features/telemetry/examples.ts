/** Questions to begin with; each reads names that every host brings. */
export const EXAMPLES: readonly { id: string; expression: string }[] = [
  {
    id: 'cpu',
    expression: '1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m]))',
  },
  {
    id: 'memory',
    expression: '1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes',
  },
  {
    id: 'diskFull',
    expression:
      'topk(5, 1 - node_filesystem_avail_bytes{fstype!="tmpfs"} / node_filesystem_size_bytes)',
  },
  {
    id: 'diskSoon',
    expression: 'predict_linear(node_filesystem_avail_bytes{fstype!="tmpfs"}[6h], 86400) < 0',
  },
  {
    id: 'traffic',
    expression: 'sum by (instance) (rate(node_network_receive_bytes_total{device!="lo"}[5m]))',
  },
  { id: 'down', expression: 'up == 0' },
]
