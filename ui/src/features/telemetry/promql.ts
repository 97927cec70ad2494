/** Building expressions of the query language from parts. Pure. */
import { quote } from '@/base/selector'

/** Matchers that pick one host: equality on each of the labels. */
export type HostLabels = Record<string, string>

/** `instance="a",job="node"`: the inside of a selector. */
export function matchers(labels: HostLabels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${quote(value)}`)
    .join(',')
}

/** A text as part of a regular expression that matches only itself. */
export function literal(text: string): string {
  return text.replaceAll(/[\\.+*?()|[\]{}^$]/g, '\\$&')
}

/** Selector for a few values of one label: `name=~"a|b"`. */
export function oneOf(label: string, values: readonly string[]): string {
  return `${label}=~${quote(values.map(literal).join('|'))}`
}

/** What the placeholders of an expression stand for. */
export interface Blanks {
  /** `$host`: matchers that pick the host. */
  host: string
  /** `$window`: how far a rate looks back, in seconds. */
  windowS: number
  /** `$names`: one further matcher, for charts that depend on an earlier answer. */
  names?: string
}

/** Fills in `$host`, `$window` and `$names`, each place once: what is put in stays as it is. */
export function fill(template: string, blanks: Blanks): string {
  const values: Record<string, string> = {
    host: blanks.host,
    window: `${blanks.windowS}s`,
    names: blanks.names ?? '',
  }
  return template.replaceAll(/\$(host|window|names)\b/g, (_, name: string) => values[name] ?? '')
}

/** Names of the metrics that an expression reads, as far as they stand before a selector. */
export function metricNames(expression: string): string[] {
  const found = expression.matchAll(/([a-zA-Z_:][\w:]*)\s*\{/g)
  const names = [...found].map((match) => match[1] as string)
  return [...new Set(names)]
}

/** Words of an expression that may be names of metrics: no labels, no functions. */
export function metricWords(expression: string): string[] {
  const bare = expression
    .replaceAll(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`/g, '""')
    .replaceAll(/\{[^}]*\}|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ')
  const found = bare.matchAll(/\b[a-zA-Z_:][\w:]*\b(?!\s*\()/g)
  return [...new Set([...found].map(([word]) => word))].filter((word) => word.includes('_'))
}
