/** Which pages exist for whom: read from the routes, so that a feature adds itself. */
import type { RouteRecordRaw } from 'vue-router'
import type { IconName } from '@/base/icons/icons'

/** Groups of the side navigation in the order shown. */
export const NAV_GROUPS: readonly NavGroup[] = [
  'workbench',
  'data',
  'collection',
  'settings',
  'help',
]

/** One page as the navigation and the palette list it. */
export interface PageEntry {
  /** Route name. */
  name: string
  /** Text key. */
  title: string
  group: NavGroup
  icon: IconName
  order: number
  goKey?: string
}

export interface PageGroup {
  group: NavGroup
  pages: PageEntry[]
}

type May = (permission: string | undefined) => boolean

/** The pages that the person may open, grouped and ordered; groups without pages are left out. */
export function navigation(routes: readonly RouteRecordRaw[], may: May): PageGroup[] {
  const entries = routes.flatMap((route) => pageEntry(route, may) ?? [])
  return NAV_GROUPS.map((group) => ({
    group,
    pages: entries
      .filter((entry) => entry.group === group)
      .sort((a, b) => a.order - b.order || a.name.localeCompare(b.name)),
  })).filter(({ pages }) => pages.length > 0)
}

/** Second keys of the `g` sequence and the route names they open. */
export function goKeys(groups: readonly PageGroup[]): Map<string, string> {
  const pages = groups.flatMap((group) => group.pages)
  return new Map(pages.flatMap((page) => (page.goKey ? [[page.goKey, page.name]] : [])))
}

function pageEntry(route: RouteRecordRaw, may: May): PageEntry | undefined {
  const { title, nav, permission, goKey } = route.meta ?? {}
  if (!nav || !title || !may(permission)) return undefined
  return { name: String(route.name), title, ...nav, goKey }
}
