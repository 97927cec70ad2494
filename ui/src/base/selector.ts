/** Selectors of the query language, made of names and labels. Pure. */

/** The label that holds the metric's name. */
export const METRIC_NAME = '__name__'

const PLAIN_METRIC = /^[a-zA-Z_:][\w:]*$/
const PLAIN_LABEL = /^[a-zA-Z_]\w*$/
/** Words that mean something else where a metric's name may stand. */
const WORDS = new Set(
  (
    'and or unless by without on ignoring group_left group_right bool offset nan inf start end ' +
    'atan2 sum min max avg count stddev stdvar group topk bottomk quantile count_values ' +
    'limitk limit_ratio'
  ).split(' '),
)

/** A text as a quoted string of the language. */
export function quote(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
  return `"${escaped}"`
}

/** A label's name as it stands in a grouping or a matcher; quoted when it is not a plain one. */
export function labelRef(name: string): string {
  return PLAIN_LABEL.test(name) ? name : quote(name)
}

/** True when the name may stand before the braces of a selector. */
export function isPlainMetric(name: string): boolean {
  return PLAIN_METRIC.test(name) && !WORDS.has(name.toLowerCase())
}

/** All series of one metric. */
export function metricSelector(name: string): string {
  return isPlainMetric(name) ? name : `{${METRIC_NAME}=${quote(name)}}`
}
