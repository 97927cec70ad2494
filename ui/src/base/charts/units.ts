/** Units of values: one table for axes, legends, tooltips and tables. Pure, no locale state. */
import { formatTime, NO_VALUE } from '../format'

/**
 * What a value means. `percent` is a ratio (0.42 shows as 42%); `bytes` and `bytes_per_s` scale
 * by 1024, `seconds` by the clock, everything else by 1000.
 */
export type Unit =
  | 'none'
  | 'percent'
  | 'bytes'
  | 'bytes_per_s'
  | 'seconds'
  | 'per_s'
  | 'celsius'
  | 'hertz'
  | 'volts'
  | 'timestamp'

/** How one magnitude is written: the value divided by `divisor`, followed by `suffix`. */
export interface UnitScale {
  divisor: number
  suffix: string
}

const KIBI = 1024
const IEC = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB']
const SI_LARGE = ['', 'k', 'M', 'G', 'T', 'P', 'E']

const CLOCK: UnitScale[] = [
  { divisor: 86_400, suffix: 'd' },
  { divisor: 3_600, suffix: 'h' },
  { divisor: 60, suffix: 'min' },
  { divisor: 1, suffix: 's' },
  { divisor: 1e-3, suffix: 'ms' },
  { divisor: 1e-6, suffix: 'µs' },
  { divisor: 1e-9, suffix: 'ns' },
]

/** The scale in which `magnitude` reads best. One scale serves a whole axis. */
export function scaleOf(unit: Unit, magnitude: number): UnitScale {
  const size = Number.isFinite(magnitude) ? Math.abs(magnitude) : 0
  switch (unit) {
    case 'percent':
      return { divisor: 0.01, suffix: '%' }
    case 'bytes':
      return powerScale(size, KIBI, IEC, '')
    case 'bytes_per_s':
      return powerScale(size, KIBI, IEC, '/s')
    case 'seconds':
      if (size === 0) return { divisor: 1, suffix: 's' }
      return CLOCK.find((scale) => size >= scale.divisor) ?? { divisor: 1e-9, suffix: 'ns' }
    case 'per_s':
      return powerScale(size, 1000, SI_LARGE, '/s')
    case 'celsius':
      return { divisor: 1, suffix: '°C' }
    case 'hertz':
      return powerScale(size, 1000, SI_LARGE, 'Hz')
    case 'volts':
      return { divisor: 1, suffix: 'V' }
    case 'timestamp':
      return { divisor: 1, suffix: '' }
    case 'none':
      return powerScale(size, 1000, SI_LARGE, '')
  }
}

function powerScale(size: number, base: number, names: string[], tail: string): UnitScale {
  let power = 0
  // 999.95 would be written as 1000.0, so it already belongs to the next power.
  while (power < names.length - 1 && size >= base ** (power + 1) * 0.99995) power += 1
  return { divisor: base ** power, suffix: `${names[power] ?? ''}${tail}` }
}

/** A value with its unit: `1.45 GiB`, `12.3%`, `340 ms`; `-` when there is none. */
export function formatValue(value: number | null | undefined, unit: Unit = 'none'): string {
  if (value === null || value === undefined) return NO_VALUE
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  if (unit === 'timestamp') return formatTime(value * 1000)
  const { divisor, suffix } = scaleOf(unit, value)
  return join(significant(value / divisor), suffix)
}

/**
 * Texts for the ticks of one axis: the same scale and the same number of decimals for all.
 * `absolute` drops the sign, for charts that mirror one direction below zero.
 */
export function formatTicks(ticks: number[], unit: Unit = 'none', absolute = false): string[] {
  if (unit === 'timestamp') return ticks.map((tick) => formatTime(tick * 1000))
  const largest = Math.max(0, ...ticks.map((tick) => Math.abs(tick)))
  const { divisor, suffix } = scaleOf(unit, largest)
  const step = ticks.length > 1 ? Math.abs((ticks[1] ?? 0) - (ticks[0] ?? 0)) / divisor : 1
  const decimals = decimalsFor(step)
  return ticks.map((tick) =>
    tick === 0
      ? '0'
      : join((Math.abs(tick) / divisor).toFixed(decimals), suffix, tick < 0 && !absolute),
  )
}

/** Distances between ticks that give round numbers in the unit; undefined leaves the default. */
export function tickSteps(unit: Unit): number[] | undefined {
  if (unit === 'bytes' || unit === 'bytes_per_s') {
    return Array.from({ length: 61 }, (_, power) => 2 ** power)
  }
  if (unit !== 'seconds') return undefined
  const below = [9, 8, 7, 6, 5, 4, 3, 2, 1].flatMap((power) =>
    [1, 2, 5].map((digit) => digit / 10 ** power),
  )
  const clock = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200]
  const days = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 10_000].map((count) => count * 86_400)
  return [...below, ...clock, ...days]
}

/** The unit that a metric's name and type promise, as far as naming conventions go. */
export function unitOfMetric(name: string, type = '', rate = false): Unit {
  const base = name.replace(/_(?:total|sum|bucket|count|created)$/, '')
  if (/_(?:count|bucket)$/.test(name)) return rate ? 'per_s' : 'none'
  if (/_bytes$/.test(base)) return rate ? 'bytes_per_s' : 'bytes'
  if (/_(?:ratio|percent_ratio)$/.test(base)) return 'percent'
  if (/_celsius$/.test(base)) return 'celsius'
  if (/_hertz$/.test(base)) return 'hertz'
  if (/_volts$/.test(base)) return 'volts'
  if (/_(?:timestamp|time|boot_time)_seconds$/.test(base) && type !== 'counter') {
    return /(?:timestamp|boot_time|node_time|start_time|creation_time)_seconds$/.test(base)
      ? 'timestamp'
      : 'seconds'
  }
  // Seconds per second is a share of one processor or device.
  if (/_seconds$/.test(base)) return rate ? 'none' : 'seconds'
  return rate ? 'per_s' : 'none'
}

/** About three significant digits, never in powers of ten between 0.001 and 10,000. */
function significant(value: number): string {
  const size = Math.abs(value)
  if (size === 0) return '0'
  if (size < 0.001) return value.toExponential(1)
  if (size >= 100_000) return value.toExponential(2)
  const decimals = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3
  return trimZeros(value.toFixed(decimals))
}

function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text
}

function decimalsFor(step: number): number {
  if (!(step > 0) || !Number.isFinite(step)) return 0
  for (let decimals = 0; decimals < 6; decimals += 1) {
    const scaled = step * 10 ** decimals
    if (Math.abs(scaled - Math.round(scaled)) < 1e-6 * Math.max(1, scaled)) return decimals
  }
  return 3
}

function join(digits: string, suffix: string, negative = false): string {
  const signed = negative ? `-${digits}` : digits
  const gap = suffix === '' || suffix === '%' ? '' : ' '
  return `${signed}${gap}${suffix}`
}
