/** A time range as a short text: a preset's words, else both ends. */
import { formatTime } from '@/base/format'
import { NAMED, resolveInstant, type TimeRange } from './timeGrammar'

/** Words the description needs, from the text files. */
export interface RangeWords {
  /** `last {amount}` with a whole count and its unit. */
  last(count: number, unit: string): string
  named(name: string): string
}

/** `Last 1 hour`, `Yesterday`, `2026-11-23 08:00:00 - 09:30:00`, `now-3h - now-1h`. */
export function describeRange(range: TimeRange, words: RangeWords): string {
  const named = Object.entries(NAMED).find(
    ([, value]) => value.from === range.from && value.to === range.to,
  )
  if (named) return words.named(named[0].replace(' ', '_'))
  const last = range.to === 'now' ? /^now-(\d+)([smhdwMy])$/.exec(range.from) : null
  if (last) return words.last(Number(last[1]), last[2] as string)
  return `${describeEnd(range.from)} – ${shortEnd(range)}`
}

function describeEnd(text: string): string {
  if (text.startsWith('now')) return text
  return trimSeconds(formatTime(resolveInstant(text, 0)))
}

/** The end without the day when both ends are on the same one. */
function shortEnd(range: TimeRange): string {
  const start = describeEnd(range.from)
  const end = describeEnd(range.to)
  return end.slice(0, 10) === start.slice(0, 10) ? end.slice(11) : end
}

function trimSeconds(time: string): string {
  return time.endsWith(':00') ? time.slice(0, -3) : time
}
