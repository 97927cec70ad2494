/** Where series come from. */
import type { RouteRecordRaw } from 'vue-router'

export const routes: RouteRecordRaw[] = [
  {
    path: '/explore/cardinality',
    name: 'cardinality',
    component: () => import('./CardinalityPage.vue'),
    meta: {
      title: 'cardinality.title',
      nav: { group: 'data', order: 3, icon: 'layers' },
      permission: 'metrics.read',
      goKey: 'n',
    },
  },
]
