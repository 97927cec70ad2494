/** All Chinese texts, in a chunk of their own. */
import { mergeTexts } from './merge'

export const messages = mergeTexts(
  import.meta.glob<Record<string, unknown>>(
    ['./zh-CN.json', '../features/*/zh-CN.json', '../base/*/zh-CN.json'],
    { eager: true, import: 'default' },
  ),
)
