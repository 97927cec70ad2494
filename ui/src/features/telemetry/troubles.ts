/** Why a host is not well, in the words of the page. Pure. */
import type { Host } from './queries'

export type TroubleKey = 'down' | 'cpu' | 'memory' | 'disk' | 'noData'

export interface Trouble {
  key: TroubleKey
  /** Whole percent of the measure, empty for the others. */
  percent: string
}

/** From here on a measure is worth naming; the server decides on the state itself. */
const NOTABLE = 0.8

/** What stands out, gravest first; never empty for a host that is not ok. */
export function troublesOf(host: Host): Trouble[] {
  if (!host.up) return [{ key: 'down', percent: '' }]
  const measures: [TroubleKey, number | null | undefined][] = [
    ['disk', host.disk_used_ratio],
    ['memory', host.memory_used_ratio],
    ['cpu', host.cpu_used_ratio],
  ]
  const found = measures
    .filter((entry): entry is [TroubleKey, number] => (entry[1] ?? 0) >= NOTABLE)
    .sort((a, b) => b[1] - a[1])
    .map(([key, ratio]) => ({ key, percent: String(Math.round(ratio * 100)) }))
  return found.length > 0 || host.health === 'ok' ? found : [{ key: 'noData', percent: '' }]
}
