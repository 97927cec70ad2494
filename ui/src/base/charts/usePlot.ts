/** Life of one plot: made when its place has a size, redrawn with data, theme and width. */
import 'uplot/dist/uPlot.min.css'
import './plot.css'
import uPlot from 'uplot'
import { onBeforeUnmount, onMounted, shallowRef, watch, type Ref, type ShallowRef } from 'vue'
import type { Columns } from './stack'

/** What is drawn. `shape` changes when the plot has to be built anew, not only filled. */
export interface PlotInput {
  columns: Columns
  /** Shown range in seconds. */
  window: { from: number; to: number }
  /** Equal texts mean that the same options still serve. */
  shape: string
  options: (size: { width: number; height: number }) => uPlot.Options
}

/** Draws `input` into `place` until the component goes. */
export function usePlot(
  place: Ref<HTMLElement | null>,
  height: Ref<number>,
  input: Ref<PlotInput>,
): ShallowRef<uPlot | undefined> {
  const plot = shallowRef<uPlot>()
  const width = shallowRef(0)
  let shape = ''
  let observer: ResizeObserver | undefined

  function build(): void {
    destroy()
    const element = place.value
    if (!element || width.value === 0) return
    const { columns, options, window } = input.value
    shape = input.value.shape
    plot.value = new uPlot(options({ width: width.value, height: height.value }), columns, element)
    plot.value.setScale('x', { min: window.from, max: window.to })
  }

  function refill(): void {
    const current = plot.value
    if (!current || input.value.shape !== shape) {
      build()
      return
    }
    const { columns, window } = input.value
    current.batch(() => {
      current.setData(columns, false)
      current.setScale('x', { min: window.from, max: window.to })
    })
  }

  function destroy(): void {
    plot.value?.destroy()
    plot.value = undefined
  }

  onMounted(() => {
    observer = new ResizeObserver(([entry]) => {
      width.value = Math.floor(entry?.contentRect.width ?? 0)
    })
    if (place.value) observer.observe(place.value)
  })
  watch(place, (now, before) => {
    if (before) observer?.unobserve(before)
    if (now) observer?.observe(now)
    else destroy()
  })
  watch([width, height], () => {
    if (plot.value && width.value > 0) {
      plot.value.setSize({ width: width.value, height: height.value })
    } else {
      build()
    }
  })
  watch(input, refill)
  onBeforeUnmount(() => {
    observer?.disconnect()
    destroy()
  })
  return plot
}
