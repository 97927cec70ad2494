/** Turns what a chart should look like into the options of the plotting library. */
import type uPlot from 'uplot'
import { isComparison } from './compare'
import { isolatedPoints, type ChartSeries, type Frame } from './frame'
import { withOpacity } from './palette'
import { valueRange, type Bands } from './stack'
import type { ChartTheme } from './theme'
import { timeTicks } from './timeAxis'
import { formatTicks, tickSteps, type Unit } from './units'

/** Lines alone, lines with a light ground, or areas piled on each other. */
export type ChartKind = 'line' | 'area' | 'stacked'

/** A level worth seeing, drawn across the chart. */
export interface Threshold {
  value: number
  state: 'warning' | 'critical'
  label?: string
}

/** Everything that shapes a plot besides its data. */
export interface PlotLook {
  unit: Unit
  kind: ChartKind
  fromZero: boolean
  /** True when series are drawn below zero but mean positive values. */
  mirrored: boolean
  /** Top of the axis while values stay below it, as 1 for a share. */
  ceiling?: number
  thresholds: readonly Threshold[]
  slots: ReadonlyMap<string, number>
  theme: ChartTheme
}

/** What the plot tells its component. */
export interface PlotEvents {
  hover: (plot: uPlot) => void
  select: (fromS: number, toS: number) => void
  reset: () => void
  /** Axes and lines have a new place. */
  drawn?: () => void
}

/** A selection narrower than this many pixels is a click. */
const SELECT_MIN_PX = 6

export function plotOptions(
  size: { width: number; height: number },
  frame: Frame,
  bands: Bands,
  look: PlotLook,
  group: string | undefined,
  events: PlotEvents,
): uPlot.Options {
  return {
    ...size,
    legend: { show: false },
    padding: [8, 10, 0, 0],
    scales: {
      x: { time: true, auto: false },
      y: { range: (_plot, min, max) => rangeOf(min, max, look) },
    },
    axes: axes(look),
    series: [{}, ...frame.series.map((series) => line(series, look))],
    bands: bands.map(([upper, lower]) => ({
      series: [upper, lower],
      fill: bandFill(frame, upper, look),
    })),
    // The earlier twin of the series at hand must stay readable.
    focus: { alpha: isComparison(frame) ? 0.6 : 0.25 },
    cursor: cursor(group, events),
    hooks: {
      draw: [(plot) => drawThresholds(plot, look), () => events.drawn?.()],
      setCursor: [(plot) => events.hover(plot)],
      setSelect: [(plot) => reportSelection(plot, events)],
    },
  }
}

function rangeOf(min: number | null, max: number | null, look: PlotLook): [number, number] {
  return valueRange(min, max, { fromZero: look.fromZero, ceiling: look.ceiling })
}

/** What the axes of all charts have in common. */
export function plainAxis({ grid, axis, font }: ChartTheme): uPlot.Axis {
  return {
    stroke: axis,
    font: `11px ${font}`,
    grid: { stroke: grid, width: 1 },
    ticks: { show: false },
    border: { show: false },
  }
}

/** The time axis of all charts. */
export function timeAxis(theme: ChartTheme): uPlot.Axis {
  return {
    ...plainAxis(theme),
    grid: { show: false },
    border: { show: true, stroke: theme.grid, width: 1 },
    size: 36,
    space: 72,
    gap: 6,
    values: (_plot, splits, _axis, _space, step) => timeTicks(splits, step),
  }
}

function axes(look: PlotLook): uPlot.Axis[] {
  return [
    timeAxis(look.theme),
    {
      ...plainAxis(look.theme),
      space: 34,
      gap: 6,
      size: (_plot, values) => axisWidth(values),
      incrs: tickSteps(look.unit),
      values: (_plot, splits) => formatTicks(splits, look.unit, look.mirrored),
    },
  ]
}

/** Width in pixels that the longest text needs; steady, so that charts in a column line up. */
export function axisWidth(values: readonly unknown[] | null): number {
  const longest = Math.max(0, ...(values ?? []).map((value) => String(value ?? '').length))
  return Math.max(58, Math.ceil(longest * 6.4) + 14)
}

function colourOf(key: string, look: PlotLook): string {
  return look.theme.series[look.slots.get(key) ?? 0] ?? look.theme.axis
}

/** Dash and gap of lines of an earlier period, in pixels, and how pale they are. */
const EARLIER_DASH = [5, 4]
const EARLIER_OPACITY = 0.6

function line(series: ChartSeries, look: PlotLook): uPlot.Series {
  const colour = colourOf(series.key, look)
  if (series.earlierOf) {
    return {
      stroke: withOpacity(colour, EARLIER_OPACITY),
      width: 1.5,
      dash: EARLIER_DASH,
      spanGaps: false,
      points: { show: false },
      label: series.name,
    }
  }
  const stacked = look.kind === 'stacked'
  const filled = stacked || look.kind === 'area'
  return {
    stroke: colour,
    width: stacked ? 1 : 1.5,
    // With bands, only the lowest area is filled by the series itself.
    fill: filled ? withOpacity(colour, stacked ? 0.4 : 0.12) : undefined,
    spanGaps: false,
    points: {
      show: true,
      size: 5,
      fill: colour,
      filter: (plot, index) => isolatedPoints(plot.data[index] as (number | null)[]),
    },
    value: '',
    label: series.name,
  }
}

function bandFill(frame: Frame, upper: number, look: PlotLook): string {
  const series = frame.series[upper - 1]
  return series ? withOpacity(colourOf(series.key, look), 0.4) : ''
}

/** Crosshair, selection by dragging, the way back by a double click. */
export function cursor(group: string | undefined, events: PlotEvents): uPlot.Cursor {
  return {
    y: false,
    points: { size: 7, width: 1.5 },
    focus: { prox: 24 },
    drag: { x: true, y: false, setScale: false, dist: SELECT_MIN_PX },
    sync: group ? { key: group, setSeries: false, scales: ['x', null] } : undefined,
    bind: {
      dblclick: () => () => {
        events.reset()
        return null
      },
    },
  }
}

/** Tells what was selected and takes the selection away. */
export function reportSelection(plot: uPlot, events: PlotEvents): void {
  const { left, width } = plot.select
  if (width < SELECT_MIN_PX) return
  const from = plot.posToVal(left, 'x')
  const to = plot.posToVal(left + width, 'x')
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
  events.select(from, to)
}

function drawThresholds(plot: uPlot, look: PlotLook): void {
  const { ctx, bbox } = plot
  const [low, high] = [plot.scales.y?.min, plot.scales.y?.max]
  if (low === undefined || high === undefined) return
  for (const threshold of look.thresholds) {
    if (threshold.value < low || threshold.value > high) continue
    const y = Math.round(plot.valToPos(threshold.value, 'y', true))
    ctx.save()
    ctx.strokeStyle = threshold.state === 'critical' ? look.theme.critical : look.theme.warning
    ctx.fillStyle = ctx.strokeStyle
    ctx.lineWidth = devicePixelRatio
    ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio])
    ctx.beginPath()
    ctx.moveTo(bbox.left, y)
    ctx.lineTo(bbox.left + bbox.width, y)
    ctx.stroke()
    if (threshold.label) {
      ctx.font = `${10 * devicePixelRatio}px ${look.theme.font}`
      ctx.textAlign = 'right'
      ctx.textBaseline = 'bottom'
      ctx.fillText(threshold.label, bbox.left + bbox.width - 4, y - 2)
    }
    ctx.restore()
  }
}
