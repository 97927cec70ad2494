/** Pages about the person at the screen. */
import type { RouteRecordRaw } from 'vue-router'

export const routes: RouteRecordRaw[] = [
  {
    path: '/sign-in',
    name: 'sign-in',
    component: () => import('./SignInPage.vue'),
    meta: { title: 'identity.signIn.title', layout: 'bare', public: true },
  },
  {
    path: '/first-password',
    name: 'first-password',
    component: () => import('./FirstPasswordPage.vue'),
    meta: { title: 'identity.firstPassword.title', layout: 'bare' },
  },
  {
    path: '/account/:section(password|sessions|tokens)?',
    name: 'account',
    component: () => import('./AccountPage.vue'),
    meta: {
      title: 'identity.account.title',
      nav: { group: 'settings', order: 20, icon: 'account' },
      permission: 'account.self',
      goKey: 'p',
    },
  },
]
