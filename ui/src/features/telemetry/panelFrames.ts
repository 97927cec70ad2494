/** From the panels of a host to what is asked for, and from the answers to a chart. Pure. */
import {
  alignSeries,
  type ChartSeries,
  type Frame,
  type Grid,
  type RawSeries,
} from '@/base/charts/frame'
import { metricNames } from './promql'
import type { Panel, PanelQuery, Section } from './panels'

/** Sections with the panels for which the host has at least one metric; empty ones are left out. */
export function presentSections(
  sections: readonly Section[],
  names: ReadonlySet<string>,
): Section[] {
  return sections
    .map((section) => ({
      ...section,
      panels: section.panels.filter((panel) => isPresent(panel, names)),
    }))
    .filter((section) => section.panels.length > 0)
}

/** A panel is shown when one of its expressions has all the metrics that it reads. */
export function isPresent(panel: Panel, names: ReadonlySet<string>): boolean {
  return panel.queries.some((query) => metricNames(query.expr).every((name) => names.has(name)))
}

/** Translates a text key under `telemetry.host.series`. */
export type Words = (key: string) => string

/** The answers of a panel's expressions, in their order, as one frame. */
export function panelFrame(
  panel: Panel,
  answers: readonly (readonly RawSeries[])[],
  grid: Grid,
  words: Words,
): Frame {
  const frames = panel.queries.map((query, index) =>
    alignSeries(answers[index] ?? [], grid, (labels) => seriesName(query, labels, words)),
  )
  const series = frames.flatMap((frame, index) =>
    frame.series.map((one) => dressed(panel, one, index)),
  )
  const kept = panel.quietZero ? series.filter(isLively) : series
  return { times: frames[0]?.times ?? [], series: kept.sort((a, b) => compare(panel, a, b)) }
}

function seriesName(query: PanelQuery, labels: Record<string, string>, words: Words): string {
  const value = query.label ? (labels[query.label] ?? '') : ''
  const text = query.text ? words(query.text) : ''
  return [value, text].filter((part) => part !== '').join(' ')
}

/** Gives a series its keys. */
function dressed(panel: Panel, series: ChartSeries, index: number): ChartSeries {
  const query = panel.queries[index] as PanelQuery
  return {
    ...series,
    key: `${index} ${series.key}`,
    colourKey: colourKey(panel, query, series),
    mirrored: query.mirrored,
  }
}

/** Both directions of one device have the same colour when one is mirrored below the other. */
function colourKey(panel: Panel, query: PanelQuery, series: ChartSeries): string {
  const value = query.label ? series.labels?.[query.label] : undefined
  if (value === undefined) return query.text ?? series.key
  const single = panel.queries.length === 1 || panel.queries.some((other) => other.mirrored)
  return single ? value : `${value} ${query.text ?? ''}`
}

function isLively(series: ChartSeries): boolean {
  return series.values.some((value) => value !== null && value !== 0)
}

function compare(panel: Panel, a: ChartSeries, b: ChartSeries): number {
  const rank = (series: ChartSeries) => {
    const at = panel.order?.indexOf(series.colourKey ?? '') ?? -1
    return at < 0 ? Number.MAX_SAFE_INTEGER : at
  }
  if (panel.order) return rank(a) - rank(b) || byName(a, b)
  // Text-named series keep the order in which the panel lists them.
  const listed = panel.queries.every((query) => query.label === undefined)
  return listed ? 0 : byName(a, b)
}

function byName(a: ChartSeries, b: ChartSeries): number {
  return a.name.localeCompare(b.name, undefined, { numeric: true })
}
