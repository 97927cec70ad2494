/** All English texts, in a chunk of their own. */
import { mergeTexts } from './merge'

export const messages = mergeTexts(
  import.meta.glob<Record<string, unknown>>(
    ['./en.json', '../features/*/en.json', '../base/*/en.json'],
    { eager: true, import: 'default' },
  ),
)
