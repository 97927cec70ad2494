/** Pages about what is scraped. */
import type { RouteRecordRaw } from 'vue-router'

export const routes: RouteRecordRaw[] = [
  {
    path: '/targets',
    name: 'targets',
    component: () => import('./TargetsPage.vue'),
    meta: {
      title: 'targets.title',
      nav: { group: 'collection', order: 10, icon: 'target' },
      permission: 'targets.read',
      goKey: 't',
    },
  },
  {
    path: '/targets/jobs',
    name: 'target-jobs',
    component: () => import('./JobsPage.vue'),
    meta: { title: 'targets.jobs.title', permission: 'targets.read' },
  },
  {
    path: '/targets/jobs/new',
    name: 'target-job-new',
    component: () => import('./JobPage.vue'),
    meta: { title: 'targets.form.new', permission: 'targets.write' },
  },
  {
    path: '/targets/jobs/:id',
    name: 'target-job',
    component: () => import('./JobPage.vue'),
    meta: { title: 'targets.form.edit', permission: 'targets.write' },
  },
  {
    path: '/targets/doctor',
    name: 'target-doctor',
    component: () => import('./DoctorPage.vue'),
    meta: { title: 'targets.doctor.title', permission: 'targets.read' },
  },
]
