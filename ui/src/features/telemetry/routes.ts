/** Pages about machines and metrics. */
import type { RouteRecordRaw } from 'vue-router'

export const routes: RouteRecordRaw[] = [
  {
    path: '/',
    name: 'home',
    component: () => import('./HomePage.vue'),
    meta: {
      title: 'telemetry.home.title',
      nav: { group: 'workbench', order: 1, icon: 'home' },
      permission: 'metrics.read',
      time: true,
      goKey: 'h',
    },
  },
  {
    path: '/hosts',
    name: 'hosts',
    component: () => import('./HostsPage.vue'),
    meta: {
      title: 'telemetry.hosts.title',
      nav: { group: 'data', order: 1, icon: 'host' },
      permission: 'metrics.read',
      goKey: 'o',
    },
  },
  {
    path: '/hosts/:instance',
    name: 'host',
    component: () => import('./HostPage.vue'),
    meta: { title: 'telemetry.host.title', permission: 'metrics.read', time: true },
  },
  {
    // Not /metrics: there the appliance serves its own metrics as text.
    path: '/explore/metrics',
    name: 'metrics',
    component: () => import('./MetricsPage.vue'),
    meta: {
      title: 'telemetry.metrics.title',
      nav: { group: 'data', order: 2, icon: 'metrics' },
      permission: 'metrics.read',
      time: true,
      goKey: 'e',
    },
  },
]
