/** Pages about the appliance itself. */
import type { RouteRecordRaw } from 'vue-router'

export const routes: RouteRecordRaw[] = [
  {
    path: '/system',
    name: 'system',
    component: () => import('./SystemPage.vue'),
    meta: {
      title: 'system.title',
      nav: { group: 'settings', order: 10, icon: 'system' },
      permission: 'system.read',
      time: true,
      goKey: 's',
    },
  },
  {
    path: '/api-docs',
    name: 'api-docs',
    component: () => import('./ApiDocsPage.vue'),
    meta: {
      title: 'system.api.title',
      nav: { group: 'help', order: 10, icon: 'book' },
      goKey: 'i',
    },
  },
]
