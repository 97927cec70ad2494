import { describe, expect, it } from 'vitest'
import { effectScope, nextTick, ref } from 'vue'
import type { SyntaxNode } from '@/api/prometheus'
import { newCall } from './functions'
import { useBuilder } from './useBuilder'

const plain = { matchers: [], offset: 0, timestamp: null, startOrEnd: null }
const up: SyntaxNode = { type: 'vectorSelector', name: 'up', ...plain }
const TREES: Record<string, SyntaxNode> = {
  up,
  '  up ': up,
  '-up': { type: 'unaryExpr', op: '-', expr: up },
}

/** A form beside a text, with what the form wrote and what the server was asked. */
function beside(first: string) {
  const text = ref(first)
  const written: string[] = []
  const asked: string[] = []
  const parse = async (query: string): Promise<SyntaxNode> => {
    asked.push(query)
    const tree = TREES[query]
    if (!tree) throw new Error('parse error')
    return tree
  }
  const write = (next: string) => {
    written.push(next)
    text.value = next
  }
  const scope = effectScope()
  const builder = scope.run(() => useBuilder(() => text.value, write, parse))!
  return { text, written, asked, builder, stop: () => scope.stop() }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await nextTick()
}

describe('form beside a text', () => {
  it('shows the text and leaves its layout alone', async () => {
    const { text, written, builder } = beside('  up ')
    await settled()
    expect(builder.built.value?.metric).toBe('up')
    builder.built.value?.filters.push({ label: '', op: '=', value: '' })
    await settled()
    expect(written).toEqual([])
    expect(text.value).toBe('  up ')
  })

  it('writes what it was changed to, without asking about its own words', async () => {
    const { text, asked, builder } = beside('up')
    await settled()
    builder.built.value?.steps.push(newCall('rate'))
    await settled()
    expect(text.value).toBe('rate(up[5m])')
    expect(asked).toEqual(['up'])
    expect(builder.built.value?.steps).toHaveLength(1)
  })

  it('follows a text that was changed elsewhere', async () => {
    const { text, builder } = beside('')
    await settled()
    expect(builder.built.value?.metric).toBe('')
    text.value = 'up'
    await settled()
    expect(builder.built.value?.metric).toBe('up')
  })

  it('touches nothing that it cannot show', async () => {
    for (const first of ['-up', 'up # why?', 'up +']) {
      const { text, written, builder } = beside(first)
      await settled()
      expect(builder.built.value).toBeUndefined()
      expect([written, text.value]).toEqual([[], first])
    }
    const { builder } = beside('-up')
    await settled()
    expect(builder.beyond.value).toEqual({ reason: 'sign', what: '-' })
    const wrong = beside('up +')
    await settled()
    expect(wrong.builder.failure.value).toBeInstanceOf(Error)
    wrong.text.value = 'up'
    await settled()
    expect(wrong.builder.failure.value).toBeUndefined()
    expect(wrong.builder.built.value?.metric).toBe('up')
    wrong.stop()
  })
})
