import type { RouteRecordRaw } from 'vue-router'
import { describe, expect, it } from 'vitest'
import { goKeys, navigation } from './navigation'

const page = (name: string, meta: RouteRecordRaw['meta']): RouteRecordRaw => ({
  path: `/${name}`,
  name,
  component: {},
  meta,
})
const ROUTES = [
  page('b', { title: 'b', nav: { group: 'data', order: 2, icon: 'host' }, goKey: 'b' }),
  page('a', { title: 'a', nav: { group: 'data', order: 1, icon: 'host' }, permission: 'p.read' }),
  page('hidden', { title: 'x' }),
  page('h', { title: 'h', nav: { group: 'workbench', order: 1, icon: 'home' } }),
]

describe('navigation', () => {
  it('groups and orders pages and leaves out those without a place', () => {
    const groups = navigation(ROUTES, () => true)
    expect(groups.map(({ group }) => group)).toEqual(['workbench', 'data'])
    expect(groups[1]?.pages.map(({ name }) => name)).toEqual(['a', 'b'])
  })
  it('hides what is not allowed', () => {
    const groups = navigation(ROUTES, (permission) => permission !== 'p.read')
    expect(groups.flatMap(({ pages }) => pages).map(({ name }) => name)).toEqual(['h', 'b'])
  })
  it('gives the keys of listed pages', () => {
    expect(goKeys(navigation(ROUTES, () => true))).toEqual(new Map([['b', 'b']]))
  })
})
