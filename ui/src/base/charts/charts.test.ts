import { describe, expect, it } from 'vitest'
import { frameText, rowsText } from './csv'
import {
  alignSeries,
  distinctLabels,
  gridTimes,
  isEmptyFrame,
  isolatedPoints,
  labelText,
  mergeFrames,
  nearestIndex,
} from './frame'
import { assignSlots, preferredSlot, SERIES_COLOURS, withOpacity } from './palette'
import { readingsAt, spoken } from './readings'
import { hexagon, honeycombLayout, sparkPaths } from './sparkPath'
import { drawnColumns, valueRange } from './stack'
import { legendRows, nextHidden, nextSort, seriesStats } from './stats'
import { timeTicks, zoneText } from './timeAxis'
import { formatTicks, formatValue, scaleOf, tickSteps, unitOfMetric, type Unit } from './units'

const series = (key: string, values: (number | null)[], mirrored = false) => ({
  key,
  name: key,
  values,
  mirrored,
})
const NONE: ReadonlySet<string> = new Set()

describe('units', () => {
  it.each<[number | null, Unit, string]>([
    [null, 'bytes', '-'],
    [NaN, 'none', 'NaN'],
    [Infinity, 'none', '+Inf'],
    [0, 'bytes', '0 B'],
    [1536, 'bytes', '1.5 KiB'],
    [1024 ** 2 * 0.99999, 'bytes', '1 MiB'],
    [1023, 'bytes', '1023 B'],
    [2.5 * 1024 ** 3, 'bytes_per_s', '2.5 GiB/s'],
    [0.4237, 'percent', '42.4%'],
    [1, 'percent', '100%'],
    [0.00034, 'seconds', '340 µs'],
    [0.25, 'seconds', '250 ms'],
    [90, 'seconds', '1.5 min'],
    [86_400 * 3, 'seconds', '3 d'],
    [1_234_567, 'none', '1.23 M'],
    [999.96, 'none', '1 k'],
    [-12.34, 'celsius', '-12.3 °C'],
    [0.0000012, 'none', '1.2e-6'],
    [1500, 'per_s', '1.5 k/s'],
  ])('writes %s %s as %s', (value, unit, text) => {
    expect(formatValue(value, unit)).toBe(text)
  })

  it('writes all ticks of an axis in one scale', () => {
    expect(formatTicks([0, 512, 1024, 1536], 'bytes')).toEqual([
      '0',
      '0.5 KiB',
      '1.0 KiB',
      '1.5 KiB',
    ])
    expect(formatTicks([0, 0.25, 0.5], 'percent')).toEqual(['0', '25%', '50%'])
    expect(formatTicks([-2, 0, 2], 'none', true)).toEqual(['2', '0', '2'])
    expect(formatTicks([-2, 0, 2], 'none')).toEqual(['-2', '0', '2'])
  })

  it('keeps one scale per magnitude', () => {
    expect(scaleOf('hertz', 3.2e9)).toEqual({ divisor: 1e9, suffix: 'GHz' })
    expect(tickSteps('bytes')?.slice(0, 3)).toEqual([1, 2, 4])
    expect(tickSteps('seconds')).toContain(900)
    expect(tickSteps('none')).toBeUndefined()
  })

  it.each<[string, boolean, Unit]>([
    ['node_memory_MemTotal_bytes', false, 'bytes'],
    ['node_network_receive_bytes_total', true, 'bytes_per_s'],
    ['http_request_duration_seconds_sum', false, 'seconds'],
    ['http_request_duration_seconds_count', true, 'per_s'],
    ['node_boot_time_seconds', false, 'timestamp'],
    ['node_hwmon_temp_celsius', false, 'celsius'],
    ['node_load1', false, 'none'],
    ['node_cpu_seconds_total', true, 'none'],
  ])('guesses the unit of %s', (name, rate, unit) => {
    expect(unitOfMetric(name, '', rate)).toBe(unit)
  })
})

describe('palette', () => {
  it('gives a key the same slot whatever the order', () => {
    const keys = ['user', 'system', 'iowait', 'idle', 'nice']
    const forth = assignSlots(keys)
    const back = assignSlots([...keys].reverse())
    for (const key of keys) expect(back.get(key)).toBe(forth.get(key))
  })

  it('uses each colour once before any twice', () => {
    const keys = Array.from({ length: SERIES_COLOURS }, (_, index) => `cpu ${index}`)
    expect(new Set(assignSlots(keys).values()).size).toBe(SERIES_COLOURS)
    const many = assignSlots([...keys, 'one more', 'and another'])
    expect([...many.values()].every((slot) => slot >= 0 && slot < SERIES_COLOURS)).toBe(true)
  })

  it('lets fixed slots win', () => {
    const slots = assignSlots(['a', 'b'], { b: preferredSlot('a') })
    expect(slots.get('b')).toBe(preferredSlot('a'))
    expect(slots.get('a')).not.toBe(preferredSlot('a'))
  })

  it('adds opacity to plain colours only', () => {
    expect(withOpacity('#112233', 0.5)).toBe('#11223380')
    expect(withOpacity('rgb(1 2 3)', 0.5)).toBe('rgb(1 2 3)')
  })
})

describe('frame', () => {
  const grid = { startMs: 60_000, endMs: 120_000, stepS: 15 }

  it('puts samples on the grid and leaves gaps', () => {
    const frame = alignSeries(
      [
        {
          metric: { __name__: 'up', job: 'n' },
          values: [
            [60, '1'],
            [90, '0'],
            [120, 'NaN'],
          ],
        },
      ],
      grid,
    )
    expect(frame.times).toEqual([60, 75, 90, 105, 120])
    expect(frame.series[0]?.values).toEqual([1, null, 0, null, NaN])
    expect(frame.series[0]?.key).toBe('up{job="n"}')
  })

  it('ignores samples outside the grid', () => {
    const frame = alignSeries(
      [
        {
          metric: {},
          values: [
            [30, '1'],
            [500, '2'],
          ],
        },
      ],
      grid,
    )
    expect(isEmptyFrame(frame)).toBe(true)
  })

  it('counts the instants without drift', () => {
    expect(gridTimes({ startMs: 0, endMs: 300, stepS: 0.1 })).toHaveLength(4)
    expect(gridTimes({ startMs: 10, endMs: 0, stepS: 1 })).toHaveLength(0)
  })

  it('writes label sets in the notation of the language', () => {
    expect(labelText({ b: 'x"y', a: '1' })).toBe('{a="1", b="x\\"y"}')
    expect(labelText({ __name__: 'up' })).toBe('up')
    expect(labelText({})).toBe('{}')
  })

  it('finds the labels that differ', () => {
    expect(
      distinctLabels([
        { a: '1', b: '2' },
        { a: '1', b: '3', c: '4' },
      ]),
    ).toEqual(['b', 'c'])
  })

  it('merges frames without key collisions', () => {
    const one = { times: [1], series: [series('x', [1])] }
    expect(mergeFrames([one, one]).series.map((entry) => entry.key)).toEqual(['0 x', '1 x'])
    expect(mergeFrames([one]).series[0]?.key).toBe('x')
  })

  it('finds lone points and the nearest instant', () => {
    expect(isolatedPoints([1, null, 2, 3, null, 4])).toEqual([0, 5])
    expect(nearestIndex([10, 20, 30], 24)).toBe(1)
    expect(nearestIndex([10, 20, 30], 26)).toBe(2)
    expect(nearestIndex([], 1)).toBe(-1)
  })
})

describe('stats', () => {
  it('ignores gaps and infinities', () => {
    expect(seriesStats([1, null, 3, Infinity])).toEqual({ last: Infinity, min: 1, max: 3, avg: 2 })
    expect(seriesStats([null])).toEqual({ last: null, min: null, max: null, avg: null })
  })

  it('sorts with empty rows last', () => {
    const rows = [series('a', [1]), series('b', [null]), series('c', [5])]
    const names = (descending: boolean) =>
      legendRows(rows, { column: 'max', descending }).map((row) => row.series.name)
    expect(names(true)).toEqual(['c', 'a', 'b'])
    expect(names(false)).toEqual(['a', 'c', 'b'])
  })

  it('cycles the order of a column', () => {
    const first = nextSort('max')
    expect(first).toEqual({ column: 'max', descending: true })
    const second = nextSort('max', first)
    expect(second?.descending).toBe(false)
    expect(nextSort('max', second)).toBeUndefined()
    expect(nextSort('name')?.descending).toBe(false)
  })

  it('isolates, returns and toggles', () => {
    const keys = ['a', 'b', 'c']
    const alone = nextHidden(keys, NONE, 'a', false)
    expect([...alone]).toEqual(['b', 'c'])
    expect(nextHidden(keys, alone, 'a', false).size).toBe(0)
    expect([...nextHidden(keys, alone, 'b', false)]).toEqual(['a', 'c'])
    expect([...nextHidden(keys, NONE, 'b', true)]).toEqual(['b'])
    expect(nextHidden(keys, new Set(['a', 'c']), 'b', true).size).toBe(0)
  })
})

describe('drawing', () => {
  const frame = {
    times: [1, 2],
    series: [series('a', [1, 2]), series('b', [3, null]), series('c', [5, 6])],
  }

  it('leaves a gap in the pile only where no series has a value', () => {
    const gaps = { times: [1, 2], series: [series('a', [1, null]), series('b', [null, null])] }
    expect(drawnColumns(gaps, true, NONE).columns).toEqual([
      [1, 2],
      [1, null],
      [1, null],
    ])
  })

  it('piles up', () => {
    const { columns, bands } = drawnColumns(frame, true, NONE)
    expect(columns).toEqual([
      [1, 2],
      [1, 2],
      [4, 2],
      [9, 8],
    ])
    expect(bands).toEqual([
      [2, 1],
      [3, 2],
    ])
  })

  it('leaves hidden series out of the pile', () => {
    const { columns, bands } = drawnColumns(frame, true, new Set(['b']))
    expect(columns).toEqual([
      [1, 2],
      [1, 2],
      [null, null],
      [6, 8],
    ])
    expect(bands).toEqual([[3, 1]])
  })

  it('mirrors below zero and drops what cannot be drawn', () => {
    const mirrored = { times: [1, 2], series: [series('a', [1, Infinity], true)] }
    expect(drawnColumns(mirrored, false, NONE).columns[1]).toEqual([-1, null])
  })

  it.each([
    [null, null, { fromZero: true }, [0, 1]],
    [0, 0, { fromZero: true }, [0, 1]],
    [0.1, 0.5, { fromZero: true, ceiling: 1 }, [0, 1]],
    [0.1, 2, { fromZero: true, ceiling: 1 }, [0, 2.12]],
    [5, 5, {}, [4.5, 5.5]],
    [1000, 1001, {}, [999.94, 1001.06]],
    [-4, 6, { fromZero: true }, [-4.6, 6.6]],
  ])('ranges %s to %s', (min, max, options, range) => {
    const [low, high] = valueRange(min, max, options)
    expect(low).toBeCloseTo(range[0] as number, 6)
    expect(high).toBeCloseTo(range[1] as number, 6)
  })

  it('breaks sparklines at gaps', () => {
    const { line } = sparkPaths([0, 1, null, 1], 30, 10)
    expect(line.match(/M/g)).toHaveLength(2)
    expect(sparkPaths([null, null], 30, 10)).toEqual({ line: '', area: '' })
  })

  it('lays out a honeycomb inside its width', () => {
    const layout = honeycombLayout(50, 800)
    expect(layout.centres).toHaveLength(50)
    const right = Math.max(...layout.centres.map(([x]) => x))
    expect(right + (Math.sqrt(3) / 2) * layout.radius).toBeLessThanOrEqual(800.1)
    expect(honeycombLayout(3, 10).columns).toBe(1)
    expect(hexagon(10).split(' ')).toHaveLength(6)
  })
})

describe('time axis', () => {
  const at = (text: string) => new Date(text).getTime() / 1000

  it('shows the date where it changes', () => {
    const ticks = [at('2026-11-22T23:00:00'), at('2026-11-22T23:30:00'), at('2026-11-23T00:00:00')]
    expect(timeTicks(ticks, 1800)).toEqual(['23:00\n11-22', '23:30', '00:00\n11-23'])
  })

  it('shows seconds, days and months as the step asks', () => {
    expect(timeTicks([at('2026-11-22T23:00:05')], 5)[0]).toBe('23:00:05\n11-22')
    expect(timeTicks([at('2026-11-22T00:00:00')], 86_400)[0]).toBe('11-22\n2026')
    expect(timeTicks([at('2026-11-01T00:00:00')], 86_400 * 30)[0]).toBe('2026-11')
    expect(zoneText(at('2026-11-22T00:00:00'))).toMatch(/^UTC/)
  })
})

describe('readings and text', () => {
  const frame = { times: [0, 60], series: [series('a', [1, 2]), series('b, c', [7, null])] }

  it('lists values greatest first', () => {
    const here = readingsAt(frame, 0, 'none', NONE)
    expect(here.map((reading) => reading.key)).toEqual(['b, c', 'a'])
    expect(readingsAt(frame, 1, 'none', NONE)).toHaveLength(1)
    expect(spoken(0, here)).toContain('b, c 7, a 1')
  })

  it('writes gaps as empty fields and quotes separators', () => {
    expect(frameText(frame)).toBe(
      'time,a,"b, c"\r\n1970-01-01T00:00:00.000Z,1,7\r\n1970-01-01T00:01:00.000Z,2,\r\n',
    )
  })

  it('disarms formulas', () => {
    expect(rowsText([['=1+1', '-5', '@x']])).toBe("'=1+1,-5,'@x\r\n")
  })
})
