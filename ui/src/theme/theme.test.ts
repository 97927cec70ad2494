/** Colours stand in the theme alone, and texts are readable on every ground. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const css = (name: string) => readFileSync(`src/theme/${name}`, 'utf8')
const light = css('tokens.css')
const dark = css('dark.css')

const SOURCES = import.meta.glob<string>('../**/*.vue', {
  query: '?raw',
  import: 'default',
  eager: true,
})

function tokens(css: string): Map<string, string> {
  return new Map(
    [...css.matchAll(/--(om-[\w-]+):\s*(#[0-9a-f]{6});/g)].map(([, name, value]) => [
      name as string,
      value as string,
    ]),
  )
}

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5]
    .map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

function contrast(a: string, b: string): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y)
  return (high + 0.05) / (low + 0.05)
}

const GROUNDS = ['om-bg', 'om-surface', 'om-surface-2', 'om-surface-3', 'om-nav-bg', 'om-hover']
const PAIRS: [string, string][] = [
  ...['om-text', 'om-text-2', 'om-text-3'].flatMap((text) =>
    GROUNDS.map((ground): [string, string] => [text, ground]),
  ),
  ['om-accent', 'om-surface'],
  ['om-accent', 'om-selected'],
  ['om-text-on-solid', 'om-accent-solid'],
  ['om-text-on-solid', 'om-critical-solid'],
  ...['ok', 'warning', 'critical', 'unknown', 'paused'].flatMap((state): [string, string][] => [
    [`om-${state}`, `om-${state}-soft`],
    [`om-${state}`, 'om-surface'],
  ]),
]

describe.each([
  ['light', tokens(light)],
  ['dark', new Map([...tokens(light), ...tokens(dark)])],
])('%s theme', (_name, theme) => {
  it.each(PAIRS)('%s on %s is readable', (text, ground) => {
    const ratio = contrast(theme.get(text) ?? '#000000', theme.get(ground) ?? '#000000')
    expect(ratio).toBeGreaterThanOrEqual(4.5)
  })
})

it('keeps colours and shadows out of components', () => {
  const literal = /#[0-9a-f]{3,8}\b(?=[^}]*;)|\b(?:rgba?|hsla?)\(/i
  const offenders = Object.entries(SOURCES)
    .filter(([, text]) => literal.test(text.split('<style')[1] ?? ''))
    .map(([path]) => path)
  expect(offenders).toEqual([])
})
