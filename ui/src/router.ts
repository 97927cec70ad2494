/** Merges the routes of all features and guards them; knows no page itself. */
import { createRouter, createWebHistory, type RouteRecordRaw } from 'vue-router'
import { useSession } from '@/shell/session'
import { useTimeRange } from '@/shell/timeRange'

const features = import.meta.glob<RouteRecordRaw[]>('./features/*/routes.ts', {
  eager: true,
  import: 'routes',
})

export const routes: RouteRecordRaw[] = [
  ...Object.values(features).flat(),
  {
    path: '/:path(.*)*',
    name: 'not-found',
    component: () => import('@/shell/NotFoundPage.vue'),
    meta: { title: 'shell.notFound.title' },
  },
]

export const router = createRouter({
  history: createWebHistory(),
  routes,
  scrollBehavior: (to, from, saved) => saved ?? (to.path === from.path ? false : { top: 0 }),
})

router.beforeEach(async (to) => {
  const session = useSession()
  await session.ensureLoaded()
  if (to.meta.public) return true
  if (!session.user) {
    return { name: 'sign-in', query: to.fullPath === '/' ? {} : { next: to.fullPath } }
  }
  if (session.mustChangePassword && to.name !== 'first-password') {
    return { name: 'first-password', query: to.fullPath === '/' ? {} : { next: to.fullPath } }
  }
  return true
})

router.beforeEach((to) => {
  if (!to.meta.time) return true
  const missing = useTimeRange().queryToCarry(to.query)
  return missing ? { ...to, query: { ...to.query, ...missing }, replace: true } : true
})
