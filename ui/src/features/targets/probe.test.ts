import { describe, expect, it } from 'vitest'
import { completeUrl, problemsBeyond, sampleLines, stepViews } from './probe'
import type { ProbeReport } from './queries'

const REPORT: ProbeReport = {
  steps: [
    { step: 'dns', ok: true, duration_ms: 1, detail: '' },
    { step: 'tcp', ok: true, duration_ms: 1, detail: '' },
    { step: 'http', ok: false, duration_ms: 2, detail: '503' },
  ],
  sample: '# HELP a b\na 1\nb{ 2\n',
  samples: 1,
  problems: [
    { line: 3, text: 'b{ 2', reason: 'not closed' },
    { line: 9000, text: 'c', reason: 'no value' },
  ],
}

describe('steps', () => {
  it('shows all five, with what was not reached', () => {
    expect(stepViews(REPORT).map(({ name, outcome }) => [name, outcome])).toEqual([
      ['dns', 'ok'],
      ['tcp', 'ok'],
      ['tls', 'skipped'],
      ['http', 'failed'],
      ['parse', 'skipped'],
    ])
  })
  it('places each in the whole time', () => {
    const http = stepViews(REPORT)[3]
    expect(http).toMatchObject({ offset: 0.5, share: 0.5 })
  })
  it('copes with no time at all', () => {
    const still = { ...REPORT, steps: REPORT.steps.map((step) => ({ ...step, duration_ms: 0 })) }
    for (const { offset, share } of stepViews(still)) expect([offset, share]).toEqual([0, 0])
  })
})

describe('sample', () => {
  it('marks comments and refused lines', () => {
    expect(sampleLines(REPORT).map(({ kind }) => kind)).toEqual(['comment', 'sample', 'problem'])
    expect(sampleLines(REPORT)[2]?.reason).toBe('not closed')
    expect(sampleLines({ ...REPORT, sample: '' })).toEqual([])
  })
  it('lists problems beyond the part that is shown', () => {
    expect(problemsBeyond(REPORT).map(({ line }) => line)).toEqual([9000])
  })
})

it.each([
  ['10.0.4.11:9100', 'http://10.0.4.11:9100/metrics'],
  [' https://a.example ', 'https://a.example/metrics'],
  ['http://a/custom?x=1', 'http://a/custom?x=1'],
  ['http://a/', 'http://a/'],
  ['', ''],
])('completes %s', (typed, url) => expect(completeUrl(typed)).toBe(url))
