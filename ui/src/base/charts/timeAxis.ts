/** Texts on the time axis: local time, ISO order, the date where the day changes. */
import { formatTime } from '../format'

const DAY_S = 86_400

/**
 * Texts for ticks (seconds) that lie `stepS` apart. The first tick and each first tick of a day
 * also carry the date, on a second line.
 */
export function timeTicks(ticks: readonly number[], stepS: number): string[] {
  let shown = ''
  return ticks.map((tick) => {
    const [day = '', clock = ''] = formatTime(tick * 1000).split(' ')
    if (stepS >= DAY_S * 28) return day.slice(0, 7)
    if (stepS >= DAY_S) {
      const year = day.slice(0, 4)
      const first = year !== shown
      shown = year
      return first ? `${day.slice(5)}\n${year}` : day.slice(5)
    }
    const text = stepS < 1 ? withMillis(tick, clock) : stepS < 60 ? clock : clock.slice(0, 5)
    const first = day !== shown
    shown = day
    return first ? `${text}\n${day.slice(5)}` : text
  })
}

function withMillis(tick: number, clock: string): string {
  const millis = Math.round((tick - Math.floor(tick)) * 1000)
  return `${clock.slice(3)}.${String(millis).padStart(3, '0')}`
}

/** Offset of local time from UTC at an instant: `UTC+8`, `UTC-3:30`, `UTC`. */
export function zoneText(seconds: number): string {
  const minutes = -new Date(seconds * 1000).getTimezoneOffset()
  if (minutes === 0) return 'UTC'
  const size = Math.abs(minutes)
  const rest = size % 60
  const tail = rest === 0 ? '' : `:${String(rest).padStart(2, '0')}`
  return `UTC${minutes < 0 ? '-' : '+'}${Math.floor(size / 60)}${tail}`
}
