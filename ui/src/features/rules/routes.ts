/** Pages about metrics that are computed from other metrics. */
import type { RouteRecordRaw } from 'vue-router'

export const routes: RouteRecordRaw[] = [
  {
    path: '/rules',
    name: 'rules',
    component: () => import('./RulesPage.vue'),
    meta: {
      title: 'rules.title',
      nav: { group: 'data', order: 4, icon: 'sigma' },
      permission: 'rules.read',
      goKey: 'r',
    },
  },
  {
    path: '/rules/group',
    name: 'rule-group',
    component: () => import('./GroupPage.vue'),
    meta: { title: 'rules.group.title', permission: 'rules.read' },
  },
  {
    path: '/rules/new',
    name: 'rule-group-new',
    component: () => import('./GroupFormPage.vue'),
    meta: { title: 'rules.form.new', permission: 'rules.write' },
  },
  {
    path: '/rules/edit/:id',
    name: 'rule-group-edit',
    component: () => import('./GroupFormPage.vue'),
    meta: { title: 'rules.form.edit', permission: 'rules.write' },
  },
  {
    path: '/rules/import',
    name: 'rule-import',
    component: () => import('./ImportPage.vue'),
    meta: { title: 'rules.import.title', permission: 'rules.write' },
  },
]
