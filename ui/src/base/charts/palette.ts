/** Colours of series: twelve slots, safe for colour-blind eyes, the same slot for the same series. */

/** How many colours there are; a chart with more series repeats them. */
export const SERIES_COLOURS = 12

/** The slot that a key prefers, whatever else is in the chart. */
export function preferredSlot(key: string): number {
  // FNV-1a: short, well spread, and the same in every browser.
  let hash = 0x811c9dc5
  for (let index = 0; index < key.length; index += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193)
  }
  return (hash >>> 0) % SERIES_COLOURS
}

/**
 * A slot for each key. Fixed slots win; the others get the slot they prefer or the next free one.
 * The order of the keys does not matter, so a series keeps its colour when the list is re-sorted.
 */
export function assignSlots(
  keys: readonly string[],
  fixed: Readonly<Record<string, number>> = {},
): Map<string, number> {
  const slots = new Map<string, number>()
  const taken = new Set<number>()
  for (const key of keys) {
    const slot = fixed[key]
    if (slot !== undefined) {
      slots.set(key, slot % SERIES_COLOURS)
      taken.add(slot % SERIES_COLOURS)
    }
  }
  for (const key of [...keys].sort()) {
    if (slots.has(key)) continue
    if (taken.size >= SERIES_COLOURS) taken.clear()
    let slot = preferredSlot(key)
    while (taken.has(slot)) slot = (slot + 1) % SERIES_COLOURS
    slots.set(key, slot)
    taken.add(slot)
  }
  return slots
}

/** Slots by series key, where series with the same colour key share one. */
export function seriesSlots(
  series: readonly { key: string; colourKey?: string }[],
  fixed: Readonly<Record<string, number>> = {},
): Map<string, number> {
  const colours = assignSlots([...new Set(series.map((one) => one.colourKey ?? one.key))], fixed)
  return new Map(series.map((one) => [one.key, colours.get(one.colourKey ?? one.key) ?? 0]))
}

/** The token of a slot, for style sheets and elements. */
export function slotColour(slot: number): string {
  return `var(--om-series-${(slot % SERIES_COLOURS) + 1})`
}

/** The present value of a token, for drawing on a canvas. */
export function tokenValue(name: string, element: Element = document.documentElement): string {
  return getComputedStyle(element).getPropertyValue(name).trim()
}

/** A colour of six hexadecimal digits with an opacity from 0 to 1; others stay as they are. */
export function withOpacity(colour: string, opacity: number): string {
  if (!/^#[\da-f]{6}$/i.test(colour)) return colour
  const alpha = Math.round(Math.min(1, Math.max(0, opacity)) * 255)
  return `${colour}${alpha.toString(16).padStart(2, '0')}`
}
