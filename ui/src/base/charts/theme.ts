/** The colours of the present theme as plain values, for drawing on a canvas. */
import { onBeforeUnmount, onMounted, readonly, shallowRef, type Ref } from 'vue'
import { HEAT_LEVELS } from './heat'
import { SERIES_COLOURS, tokenValue } from './palette'

export interface ChartTheme {
  series: string[]
  /** From little to much. */
  ramp: string[]
  grid: string
  axis: string
  surface: string
  warning: string
  critical: string
  accent: string
  font: string
}

function readTheme(): ChartTheme {
  const numbers = Array.from({ length: SERIES_COLOURS }, (_, slot) => slot + 1)
  const levels = Array.from({ length: HEAT_LEVELS }, (_, level) => level + 1)
  return {
    series: numbers.map((number) => tokenValue(`--om-series-${number}`)),
    ramp: levels.map((level) => tokenValue(`--om-ramp-${level}`)),
    grid: tokenValue('--om-chart-grid'),
    axis: tokenValue('--om-chart-axis'),
    surface: tokenValue('--om-surface'),
    warning: tokenValue('--om-warning'),
    critical: tokenValue('--om-critical'),
    accent: tokenValue('--om-accent'),
    font: tokenValue('--om-font'),
  }
}

const theme = shallowRef<ChartTheme>()
let observer: MutationObserver | undefined
let users = 0

/** The theme; a new object whenever the page switches between light and dark. */
export function useChartTheme(): Readonly<Ref<ChartTheme>> {
  theme.value ??= readTheme()
  onMounted(() => {
    users += 1
    theme.value = readTheme()
    observer ??= new MutationObserver(() => (theme.value = readTheme()))
    observer.observe(document.documentElement, { attributeFilter: ['class'] })
  })
  onBeforeUnmount(() => {
    users -= 1
    if (users === 0) observer?.disconnect()
  })
  return readonly(theme) as Readonly<Ref<ChartTheme>>
}
