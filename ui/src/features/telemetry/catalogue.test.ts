import { describe, expect, it } from 'vitest'
import { catalogueOf, searchCatalogue, sendersOf, sendersQuery } from './catalogue'

const about = (type: string, help = '') => [{ type, help, unit: '' }]
const metadata = {
  requests: about('counter', 'Requests of clients'),
  load: about('gauge', 'Load of the processors'),
  wait_seconds: about('histogram', 'Time waited'),
  native_seconds: about('histogram'),
  size_bytes: about('summary'),
  gc_seconds: about('summary'),
}
const names = [
  'wait_seconds_sum',
  'wait_seconds_bucket',
  'wait_seconds_count',
  'requests_total',
  'load',
  'native_seconds',
  'size_bytes_sum',
  'size_bytes_count',
  'gc_seconds',
  'gc_seconds_sum',
  'word_count',
  'errors_total',
  'http.open',
]
const entries = catalogueOf(names, metadata)
const find = (name: string) => entries.find((entry) => entry.name === name)

describe('the catalogue', () => {
  it('has one entry for each metric, in order', () => {
    expect(entries.map(({ name }) => name)).toEqual([
      'errors_total',
      'gc_seconds',
      'http.open',
      'load',
      'native_seconds',
      'requests_total',
      'size_bytes',
      'wait_seconds',
      'word_count',
    ])
    expect(find('wait_seconds')?.members).toHaveLength(3)
  })

  it('asks what makes sense for the kind', () => {
    expect(find('load')?.query).toBe('load')
    expect(find('requests_total')).toMatchObject({
      type: 'counter',
      help: 'Requests of clients',
      query: 'rate(requests_total[5m])',
    })
    expect(find('errors_total')?.type).toBe('counter')
    expect(find('wait_seconds')?.query).toBe(
      'histogram_quantile(0.95, sum by (le) (rate(wait_seconds_bucket[5m])))',
    )
    expect(find('native_seconds')?.query).toBe(
      'histogram_quantile(0.95, sum(rate(native_seconds[5m])))',
    )
    expect(find('size_bytes')?.query).toBe('rate(size_bytes_sum[5m]) / rate(size_bytes_count[5m])')
    expect(find('gc_seconds')?.query).toBe('gc_seconds')
    expect(find('word_count')).toMatchObject({ type: 'other', query: 'word_count' })
    expect(find('http.open')?.query).toBe('{__name__="http.open"}')
  })

  it('finds names before help texts', () => {
    const found = (text: string, type: Parameters<typeof searchCatalogue>[2] = '') =>
      searchCatalogue(entries, text, type).map(({ name }) => name)
    expect(found('')).toHaveLength(9)
    expect(found('seconds w')).toEqual(['wait_seconds'])
    expect(found('WAIT')).toEqual(['wait_seconds'])
    expect(found('o')).toEqual(expect.arrayContaining(['load', 'word_count', 'requests_total']))
    expect(found('processors')).toEqual(['load'])
    expect(found('', 'summary')).toEqual(['gc_seconds', 'size_bytes'])
    expect(found('nothing like it')).toEqual([])
  })

  it('tells senders by job, those that send most first', () => {
    const count = (job: string, instance: string, series: number) => ({ job, instance, series })
    expect(sendersOf([count('a', '1', 2), count('b', '2', 9), count('a', '3', 4)])).toEqual([
      { job: 'b', series: 9, targets: [{ instance: '2', series: 9 }] },
      {
        job: 'a',
        series: 6,
        targets: [
          { instance: '3', series: 4 },
          { instance: '1', series: 2 },
        ],
      },
    ])
  })

  it('asks who sends all parts', () => {
    expect(sendersQuery(['load'])).toBe('topk(200, count by (job, instance) (load))')
    expect(sendersQuery(['a_sum', 'a_count'])).toBe(
      'topk(200, count by (job, instance) ({__name__=~"a_sum|a_count"}))',
    )
  })
})
