import { expect, it } from 'vitest'
import { labelRef, metricSelector, quote } from './selector'

it('quotes what is not a plain name', () => {
  expect(quote('a"b\\c\nd')).toBe('"a\\"b\\\\c\\nd"')
  expect(labelRef('instance')).toBe('instance')
  expect(labelRef('service.name')).toBe('"service.name"')
  expect(labelRef('1st')).toBe('"1st"')
})

it('names a metric by its selector where the name alone would be read as something else', () => {
  expect(metricSelector('job:up:sum')).toBe('job:up:sum')
  expect(metricSelector('http.server.duration')).toBe('{__name__="http.server.duration"}')
  expect(metricSelector('offset')).toBe('{__name__="offset"}')
  expect(metricSelector('Inf')).toBe('{__name__="Inf"}')
})
