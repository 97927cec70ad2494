/** How long samples are kept, what they take, and what they will take. Pure, times as arguments. */
import type { Schemas } from '@/api/client'

export type RetentionReport = Schemas['RetentionReport']
export type RetentionUse = Schemas['RetentionUse']
export type StoredSpan = Schemas['StoredSpan']
export type ThinnedUse = Schemas['ThinnedUse']

export const DAY_MS = 86_400_000
/** Nobody plans further ahead. */
export const HORIZON_DAYS = 730

/** A few series that are kept for years do not put off the day on which the size stands still. */
const NEARLY = 0.99

/** What becomes of the size if as much is stored each day as lately. */
export interface Forecast {
  /** Size at each day from today on, as `[milliseconds, bytes]`. */
  points: [number, number][]
  /** What a day takes at present, samples and rows. */
  bytesPerDay: number
  /** The size at which as much goes as comes; undefined when it never stops growing. */
  steadyBytes?: number
  /** When that size is nearly reached. */
  steadyAtMs?: number
  /** When the disk is full, if that comes first. */
  fullAtMs?: number
  /** When the bound of the size is reached and the oldest days begin to go for it. */
  cappedAtMs?: number
}

interface Stream {
  bytesPerDay: number
  /** Infinite when samples are kept for ever. */
  keepDays: number
  /** How many days lie there already. */
  ageDays: number
}

/** Undefined as long as the server does not know how much a day takes. */
export function forecastOf(report: RetentionReport, nowMs: number): Forecast | undefined {
  if (report.bytes_per_day === null || report.bytes_per_day === undefined) return undefined
  const streams = [
    ...streamsOf(report, report.bytes_per_day, nowMs),
    ...thinnedStreams(report, nowMs),
  ]
  const cap = report.bytes_max ?? Infinity
  const room = report.bytes + report.disk_free_bytes
  const points: [number, number][] = []
  const bytesPerDay = streams.reduce((sum, stream) => sum + stream.bytesPerDay, 0)
  const forecast: Forecast = { points, bytesPerDay }
  for (let day = 0; day <= HORIZON_DAYS; day += 1) {
    const wanted = report.bytes + growth(streams, day)
    const atMs = nowMs + day * DAY_MS
    if (wanted >= cap) forecast.cappedAtMs ??= atMs
    const size = Math.min(wanted, cap)
    if (size >= room) forecast.fullAtMs ??= atMs
    // A full disk takes no more.
    points.push([atMs, Math.min(size, room)])
  }
  const steady = report.bytes + growth(streams, Infinity)
  if (Number.isFinite(steady)) {
    forecast.steadyBytes = Math.min(steady, cap)
    const nearly = forecast.steadyBytes * NEARLY
    forecast.steadyAtMs = points.find(([, bytes]) => bytes >= nearly)?.[0]
  }
  return forecast
}

/** What a day takes, divided among the rules by their active series. */
function streamsOf(report: RetentionReport, bytesPerDay: number, nowMs: number): Stream[] {
  const series = report.rules.reduce((sum, rule) => sum + rule.active_series, 0)
  return report.rules.map((rule) => {
    const share = series > 0 ? rule.active_series / series : 1 / report.rules.length
    const oldest = rule.oldest_at ? Date.parse(rule.oldest_at) : nowMs
    return {
      bytesPerDay: bytesPerDay * share,
      keepDays: rule.keep_s ? rule.keep_s / 86_400 : Infinity,
      ageDays: Math.max(0, (nowMs - oldest) / DAY_MS),
    }
  })
}

/** Rows come by as much a day as those that lie there tell. */
function thinnedStreams(report: RetentionReport, nowMs: number): Stream[] {
  return report.thinned.flatMap(({ keep_s: keep, bytes, oldest_at: oldest }) => {
    if (keep === 0 || bytes === 0 || !oldest) return []
    const ageDays = (nowMs - rowsSinceMs(report, Date.parse(oldest), nowMs)) / DAY_MS
    // The rows of less than a day say nothing about a day.
    if (ageDays < 1) return []
    return [{ bytesPerDay: bytes / ageDays, keepDays: keep ? keep / 86_400 : Infinity, ageDays }]
  })
}

/**
 * Since when there are rows: a file of rows may begin weeks before its first row, but as long as
 * no samples went there are no rows from before the samples.
 */
function rowsSinceMs(report: RetentionReport, fileMs: number, nowMs: number): number {
  const samplesMs = oldestMs(report) ?? fileMs
  const keep = report.rules.at(-1)?.keep_s
  const whole = !keep || nowMs - samplesMs < keep * 1_000 - DAY_MS
  return whole ? Math.max(fileMs, samplesMs) : fileMs
}

/** How much more there is after so many days: new ones come, and those too old go. */
function growth(streams: readonly Stream[], days: number): number {
  return streams.reduce((sum, { bytesPerDay, keepDays, ageDays }) => {
    if (bytesPerDay === 0) return sum
    return sum + bytesPerDay * (Math.min(keepDays, ageDays + days) - Math.min(keepDays, ageDays))
  }, 0)
}

/** The days of the chart of the future: as far as something happens, and a bit further. */
export function horizonMs(forecast: Forecast, nowMs: number): number {
  const { fullAtMs, cappedAtMs, steadyAtMs, steadyBytes } = forecast
  // What stands still later than anybody plans ahead is shown as far as it is known.
  const otherwise = nowMs + (steadyBytes === undefined ? 90 : HORIZON_DAYS) * DAY_MS
  const last = fullAtMs ?? cappedAtMs ?? steadyAtMs ?? otherwise
  const wanted = Math.max(30 * DAY_MS, (last - nowMs) * 1.15)
  return nowMs + Math.min(wanted, HORIZON_DAYS * DAY_MS)
}

/** One bar of the chart of days. */
export interface DayBar {
  key: string
  startMs: number
  endMs: number
  bytes: number
  series: number
  samples: number | null
  /** Bytes as a part of the largest, from 0 to 1. */
  share: number
}

/** More bars cannot be told apart; the newest are shown. */
export const BARS_MAX = 120

export function dayBars(spans: readonly StoredSpan[]): DayBar[] {
  const shown = spans.slice(-BARS_MAX)
  const most = shown.reduce((greatest, span) => Math.max(greatest, span.bytes), 0)
  return shown.map((span) => ({
    key: span.start,
    startMs: Date.parse(span.start),
    endMs: Date.parse(span.end),
    bytes: span.bytes,
    series: span.series,
    samples: span.samples ?? null,
    share: most > 0 ? span.bytes / most : 0,
  }))
}

/** Beginning of the oldest data; undefined when there is none. */
export function oldestMs(report: RetentionReport): number | undefined {
  const [first] = report.spans
  return first && Date.parse(first.start)
}

/** Whole days of a time in seconds, as `90` or `0.5`. */
export function daysOf(seconds: number): number {
  return Math.round((seconds / 86_400) * 10) / 10
}
