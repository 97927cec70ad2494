/** A heat map as options of the plotting library: its axes and gestures, cells of our own. */
import type uPlot from 'uplot'
import { heatLevel, type Heat } from './heat'
import { readableMarks, type HeatAxis } from './heatAxis'
import {
  axisWidth,
  cursor,
  plainAxis,
  reportSelection,
  timeAxis,
  type PlotEvents,
} from './plotOptions'
import type { ChartTheme } from './theme'
import { formatValue, type Unit } from './units'

/** What a heat map looks like, whatever it shows. */
export interface HeatLook {
  axis: HeatAxis
  unit: Unit
  theme: ChartTheme
  group?: string
}

/** `heat` gives what is to be drawn now: it changes with every refresh, the options stay. */
export function heatOptions(
  size: { width: number; height: number },
  look: HeatLook,
  heat: () => Heat,
  events: PlotEvents,
): uPlot.Options {
  return {
    ...size,
    legend: { show: false },
    padding: [8, 10, 0, 0],
    scales: { x: { time: true, auto: false }, y: { auto: false, range: [0, 1] } },
    axes: [timeAxis(look.theme), boundAxis(look)],
    // Without a line there would be no instants for the crosshair.
    series: [{}, { show: true, stroke: look.theme.axis, points: { show: false } }],
    cursor: { ...cursor(look.group, events), y: true, points: { show: false } },
    hooks: {
      drawClear: [(plot) => drawCells(plot, heat(), look)],
      draw: [() => events.drawn?.()],
      setCursor: [(plot) => events.hover(plot)],
      setSelect: [(plot) => reportSelection(plot, events)],
    },
  }
}

function boundAxis({ axis, unit, theme }: HeatLook): uPlot.Axis {
  const texts = (splits: number[]) =>
    splits.map((place) => {
      const mark = axis.marks.find((one) => one.place === place)
      return mark ? formatValue(mark.bound, unit) : ''
    })
  return {
    ...plainAxis(theme),
    grid: { show: false },
    gap: 6,
    size: (_plot, values) => axisWidth(values),
    splits: (plot) =>
      readableMarks(axis.marks, plot.bbox.height / devicePixelRatio).map((mark) => mark.place),
    values: (_plot, splits) => texts(splits),
  }
}

/** Edges are rounded to whole pixels, so that neighbours neither overlap nor leave a seam. */
function drawCells(plot: uPlot, heat: Heat, { axis, theme }: HeatLook): void {
  const { ctx, bbox } = plot
  const x = (seconds: number) => Math.round(plot.valToPos(seconds, 'x', true))
  const places = new Map(axis.marks.map(({ bound, place }) => [bound, place]))
  const y = (bound: number) => Math.round(plot.valToPos(places.get(bound) ?? 0, 'y', true))
  ctx.save()
  ctx.beginPath()
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height)
  ctx.clip()
  for (const cell of heat.cells) {
    const level = heatLevel(cell.count, heat)
    const at = heat.times[cell.column]
    if (level === 0 || at === undefined) continue
    const left = x(at - heat.stepS / 2)
    const right = x(at + heat.stepS / 2)
    const top = y(cell.upper)
    ctx.fillStyle = theme.ramp[level - 1] ?? theme.axis
    ctx.fillRect(left, top, Math.max(1, right - left), Math.max(1, y(cell.lower) - top))
  }
  ctx.restore()
}
