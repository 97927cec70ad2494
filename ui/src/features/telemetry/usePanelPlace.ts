/** Where a chart stands on the screen: its width, and whether it is in sight or nearly so. */
import { onBeforeUnmount, onMounted, ref, type Ref } from 'vue'

/** Charts this far outside the screen are fetched already. */
const MARGIN = '300px'

export function usePanelPlace(place: Ref<HTMLElement | null>): {
  visible: Ref<boolean>
  width: Ref<number>
} {
  const visible = ref(false)
  const width = ref(600)
  let sight: IntersectionObserver | undefined
  let size: ResizeObserver | undefined

  onMounted(() => {
    sight = new IntersectionObserver(
      (entries) => (visible.value = entries.at(-1)?.isIntersecting ?? false),
      { rootMargin: MARGIN },
    )
    size = new ResizeObserver(([entry]) => {
      // Steps of 100 pixels, so that a window being dragged does not ask at every pixel.
      const wide = Math.round((entry?.contentRect.width ?? 0) / 100) * 100
      if (wide > 0) width.value = wide
    })
    if (place.value) {
      sight.observe(place.value)
      size.observe(place.value)
    }
  })
  onBeforeUnmount(() => {
    sight?.disconnect()
    size?.disconnect()
  })
  return { visible, width }
}
