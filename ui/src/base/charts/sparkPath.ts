/** Geometry of small charts. */

/** Line and ground of a sparkline in a box of `width` by `height`; gaps break both. */
export function sparkPaths(
  values: readonly (number | null)[],
  width: number,
  height: number,
  ceiling?: number,
): { line: string; area: string } {
  const finite = values.filter((value): value is number => value !== null && Number.isFinite(value))
  if (finite.length === 0) return { line: '', area: '' }
  const top = Math.max(ceiling ?? 0, ...finite) || 1
  const floor = Math.min(0, ...finite)
  const x = (index: number) => round((index / Math.max(values.length - 1, 1)) * width)
  const y = (value: number) => round(height - ((value - floor) / (top - floor)) * height)
  let line = ''
  let area = ''
  for (const run of runs(values)) {
    const points = run.map((index) => `${x(index)} ${y(values[index] as number)}`)
    // A lone value would be an invisible line of no length.
    if (points.length === 1)
      points.push(`${round(x(run[0] as number) + 0.01)} ${points[0]?.split(' ')[1]}`)
    const path = points.join('L')
    line += `M${path}`
    area += `M${x(run[0] as number)} ${height}L${path}V${height}Z`
  }
  return { line, area }
}

/** Stretches of indices between gaps. */
function runs(values: readonly (number | null)[]): number[][] {
  const found: number[][] = []
  let open: number[] | undefined
  values.forEach((value, index) => {
    if (value === null || !Number.isFinite(value)) {
      open = undefined
      return
    }
    if (!open) found.push((open = []))
    open.push(index)
  })
  return found
}

/** Where the cells of a honeycomb lie: rows of pointed hexagons, every second row shifted. */
export interface HoneycombLayout {
  radius: number
  columns: number
  width: number
  height: number
  centres: [number, number][]
}

const ROOT3 = Math.sqrt(3)

/** Lays out `count` cells in `width` pixels; many cells get smaller, down to a legible size. */
export function honeycombLayout(count: number, width: number): HoneycombLayout {
  const radius = count <= 40 ? 46 : count <= 120 ? 36 : count <= 400 ? 24 : 15
  const cell = ROOT3 * radius
  // The shifted rows need half a cell more.
  const columns = Math.max(1, Math.floor((width - cell / 2) / cell))
  const centres: [number, number][] = []
  for (let index = 0; index < count; index += 1) {
    const row = Math.floor(index / columns)
    const column = index % columns
    const shift = row % 2 === 1 ? cell / 2 : 0
    centres.push([round(cell / 2 + column * cell + shift), round(radius + row * radius * 1.5)])
  }
  const rows = Math.ceil(count / columns)
  const height = count === 0 ? 0 : radius * 2 + (rows - 1) * radius * 1.5
  return { radius, columns, width, height: round(height), centres }
}

/** Corners of a pointed hexagon around the origin, a little smaller than its place. */
export function hexagon(radius: number, gap = 2): string {
  const size = radius - gap
  return [0, 1, 2, 3, 4, 5]
    .map((corner) => {
      const angle = (Math.PI / 3) * corner + Math.PI / 6
      return `${round(size * Math.cos(angle))},${round(size * Math.sin(angle))}`
    })
    .join(' ')
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
