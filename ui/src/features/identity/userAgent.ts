/** A browser's long self-description as `Chrome · Windows`. Pure. */
const BROWSERS: [RegExp, string][] = [
  [/\bEdgA?\/|\bEdg\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bFirefox\//, 'Firefox'],
  [/\bHeadlessChrome\//, 'Headless Chrome'],
  [/\bChrom(?:e|ium)\//, 'Chrome'],
  [/\bVersion\/.*Safari\//, 'Safari'],
  [/^curl\//, 'curl'],
]

const SYSTEMS: [RegExp, string][] = [
  [/Windows/, 'Windows'],
  [/Android/, 'Android'],
  [/iPhone|iPad/, 'iOS'],
  [/Mac OS X|Macintosh/, 'macOS'],
  [/Linux|X11/, 'Linux'],
]

/** Falls back to the beginning of the text itself. */
export function describeUserAgent(text: string): string {
  const find = (table: [RegExp, string][]) => table.find(([pattern]) => pattern.test(text))?.[1]
  const known = [find(BROWSERS), find(SYSTEMS)].filter(Boolean).join(' · ')
  return known || text.slice(0, 60) || '-'
}
