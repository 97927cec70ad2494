/** How long samples are kept. */
import type { RouteRecordRaw } from 'vue-router'

export const routes: RouteRecordRaw[] = [
  {
    path: '/retention',
    name: 'retention',
    component: () => import('./RetentionPage.vue'),
    meta: {
      title: 'retention.title',
      nav: { group: 'settings', order: 15, icon: 'disk' },
      permission: 'metrics.read',
      goKey: 'k',
    },
  },
]
