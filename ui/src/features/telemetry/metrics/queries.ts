/** What only the parts of the Metrics page ask the server for. */
import { formatQuery } from '@/api/prometheus'

/** The expression laid out; an `ApiError` that tells the place when it is wrong. */
export function formatExpression(expression: string): Promise<string> {
  return formatQuery(expression)
}
