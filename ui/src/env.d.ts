/// <reference types="vite/client" />

import 'vue-router'
import type { IconName } from '@/base/icons/icons'

declare module 'vue-router' {
  interface RouteMeta {
    /** Text key of the page's name: document title, navigation, command palette. */
    title?: string
    /** Where the page stands in the side navigation; absent = not listed there. */
    nav?: { group: NavGroup; order: number; icon: IconName }
    /** Permission without which the page is neither listed nor opened. */
    permission?: string
    /** True for pages that follow the time range of the top bar. */
    time?: boolean
    /** `bare` pages stand without navigation; they need no session when `public`. */
    layout?: 'bare'
    public?: boolean
    /** Second key of the `g` sequence that opens the page. */
    goKey?: string
  }
}

declare global {
  /** Groups of the side navigation, in the order shown. */
  type NavGroup = 'workbench' | 'data' | 'collection' | 'settings' | 'help'
}
