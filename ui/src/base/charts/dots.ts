/** Single values over a chart, as exemplars are: where each lies on the plot. Pure. */

/** One value at its instant. */
export interface Dot {
  id: string
  timeS: number
  value: number
  /** Read to whoever points at it: the value and its labels. */
  text: string
}

/** More are not drawn: they would hide each other and the lines. */
export const DOTS_MAX = 200

/** A dot with its place in pixels; `beyond` when its value lies outside the axis. */
export interface PlacedDot {
  dot: Dot
  left: number
  top: number
  beyond: '' | 'above' | 'below'
}

export interface DotScale {
  /** Pixels of the plot from its left edge, and its width. */
  x: (seconds: number) => number
  width: number
  /** Pixels from the top, and the height. */
  y: (value: number) => number
  height: number
}

/** Places dots; those of other times are left out, those of other values lie on the edge. */
export function placeDots(dots: readonly Dot[], scale: DotScale): PlacedDot[] {
  return dots.slice(0, DOTS_MAX).flatMap((dot) => {
    const left = scale.x(dot.timeS)
    const top = scale.y(dot.value)
    if (!(left >= 0 && left <= scale.width) || Number.isNaN(top)) return []
    const beyond = top < 0 ? 'above' : top > scale.height ? 'below' : ''
    return [{ dot, left, top: Math.min(Math.max(top, 0), scale.height), beyond }]
  })
}

/**
 * At most `most` of the values, spread over the times: the greatest of each stretch, since the
 * slow ones are what people look for.
 */
export function thinned<T extends { timeS: number; value: number }>(
  all: readonly T[],
  most: number,
): T[] {
  if (all.length <= most) return [...all].sort((a, b) => a.timeS - b.timeS)
  const times = all.map((one) => one.timeS)
  const start = times.reduce((least, time) => Math.min(least, time), Infinity)
  const end = times.reduce((greatest, time) => Math.max(greatest, time), -Infinity)
  const width = (end - start) / most || 1
  const kept = new Map<number, T>()
  for (const one of all) {
    const stretch = Math.min(Math.floor((one.timeS - start) / width), most - 1)
    const present = kept.get(stretch)
    if (!present || one.value > present.value) kept.set(stretch, one)
  }
  return [...kept].sort(([a], [b]) => a - b).map(([, one]) => one)
}
