/** The two languages have the same texts, every text is used, and sources hold no Chinese. */
import { describe, expect, it } from 'vitest'
import { messages as en } from './load-en'
import { messages as zh } from './load-zh-CN'
import { preferredLocale } from './i18n'

const SOURCES = import.meta.glob<string>(['../**/*.ts', '../**/*.vue', '!../**/*.test.ts'], {
  query: '?raw',
  import: 'default',
  eager: true,
})

function leaves(tree: unknown, path = ''): Map<string, string> {
  if (typeof tree === 'string') return new Map([[path, tree]])
  return new Map(
    Object.entries(tree as Record<string, unknown>).flatMap(([key, value]) => [
      ...leaves(value, path ? `${path}.${key}` : key),
    ]),
  )
}

/** Names of placeholders, sorted and without repetition. */
function placeholders(text: string): string {
  return [...new Set([...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name))].sort().join()
}

const english = leaves(en)
const chinese = leaves(zh)

describe('texts', () => {
  it('exist in both languages', () => {
    expect([...chinese.keys()].sort()).toEqual([...english.keys()].sort())
  })
  it('are not empty', () => {
    for (const [key, text] of [...english, ...chinese]) expect(text.trim(), key).not.toBe('')
  })
  it('take the same values', () => {
    for (const [key, text] of english) {
      const other = placeholders(chinese.get(key) ?? '')
      // A plural may leave the count unsaid in one of its forms.
      const expected = placeholders(text)
      if (other !== expected) expect([key, other], key).toEqual([key, expected])
    }
  })
  it('are all used', () => {
    const code = Object.values(SOURCES).join('\n')
    const literal = new Set(
      [...code.matchAll(/['"`]([\w-]+(?:\.[\w-]+)+)['"`]/g)].map(([, key]) => key),
    )
    const patterns = [...code.matchAll(/`((?:[\w.-]+|\$\{[^}`]+\})+)`/g)]
      .map(([, text]) => text ?? '')
      .filter((text) => text.includes('.') && text.includes('${'))
      .map((text) => {
        const parts = text.split(/\$\{[^}]+\}/).map((part) => part.replaceAll('.', '\\.'))
        return new RegExp(`^${parts.join('[\\w.-]+')}$`)
      })
    const unused = [...english.keys()].filter(
      (key) => !literal.has(key) && !patterns.some((pattern) => pattern.test(key)),
    )
    expect(unused).toEqual([])
  })
  it('are not written into sources', () => {
    const offenders = Object.entries(SOURCES)
      .filter(([, text]) => /[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]/.test(text))
      .map(([path]) => path)
    expect(offenders).toEqual([])
  })
})

describe('preferred language', () => {
  it('is the stored one, else the browser has its say, else English', () => {
    expect(preferredLocale('en', ['zh-CN'])).toBe('en')
    expect(preferredLocale(null, ['zh-TW', 'en'])).toBe('zh-CN')
    expect(preferredLocale(null, ['fr', 'en-GB', 'zh'])).toBe('en')
    expect(preferredLocale('xx', ['fr'])).toBe('en')
  })
})
