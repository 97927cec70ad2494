import { expect, it } from 'vitest'
import { ref } from 'vue'
import { ApiError } from '@/api/errors'
import { useFormat } from './useFormat'

/** An editor's text, and an answer that comes when the test says so. */
function setUp(text: string) {
  const written = ref(text)
  const answers: { give: (text: string) => void; refuse: (reason: unknown) => void }[] = []
  const ask = () =>
    new Promise<string>((give, refuse) => {
      answers.push({ give, refuse })
    })
  const format = useFormat(
    () => written.value,
    (next) => (written.value = next),
    ask,
  )
  return { written, answers, format }
}

it('puts the layout in place and knows that it means the same', async () => {
  const { written, answers, format } = setUp(' sum(a) ')
  const running = format.run()
  expect(format.busy.value).toBe(true)
  answers[0]?.give('sum(\n  a\n)')
  await running
  expect(written.value).toBe('sum(\n  a\n)')
  expect(format.busy.value).toBe(false)
  expect(format.done.value).toBe(true)
  expect(format.isLayoutOf(written.value, 'sum(a)')).toBe(true)
  expect(format.isLayoutOf(written.value, 'sum(b)')).toBe(false)
  // Undone: the text is the old one again.
  written.value = ' sum(a) '
  expect(format.done.value).toBe(false)
})

it('still means what was run when it is laid out twice', async () => {
  const { written, answers, format } = setUp('a+b')
  const first = format.run()
  answers[0]?.give('a + b')
  await first
  const second = format.run()
  answers[1]?.give('a + b')
  await second
  expect(format.isLayoutOf(written.value, 'a+b')).toBe(true)
})

it('leaves alone what was written meanwhile', async () => {
  const { written, answers, format } = setUp('a')
  const running = format.run()
  written.value = 'a + b'
  answers[0]?.give('a')
  await running
  expect(written.value).toBe('a + b')
})

it('tells the place of a fault until the text changes', async () => {
  const { written, answers, format } = setUp('sum(x')
  const running = format.run()
  const words = 'invalid parameter "query": 1:6: parse error: unclosed left parenthesis'
  answers[0]?.refuse(new ApiError('bad_data', words, { status: 400 }))
  await running
  expect(format.fault.value).toMatchObject({ message: 'unclosed left parenthesis', column: 5 })
  expect(format.error.value).toBeUndefined()
  written.value = 'sum(x)'
  expect(format.fault.value).toBeUndefined()
})

it('tells of a server that does not answer', async () => {
  const { answers, format } = setUp('x')
  const running = format.run()
  const lost = new ApiError('network', 'gone', { status: 0 })
  answers[0]?.refuse(lost)
  await running
  expect(format.fault.value).toBeUndefined()
  expect(format.error.value).toBe(lost)
})

it('asks nothing about nothing, and once at a time', async () => {
  const empty = setUp('  ')
  await empty.format.run()
  expect(empty.answers).toHaveLength(0)
  const { answers, format } = setUp('x')
  void format.run()
  void format.run()
  expect(answers).toHaveLength(1)
})
