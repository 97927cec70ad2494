/**
 * The Metrics page: the form and the text of a query, periods beside each other, heat maps,
 * exemplars, what a query costs, links. Against the real server, which samples itself.
 */
import { expect, test, type BrowserContext, type Page, type Route } from '@playwright/test'
import type { SyntaxNode } from '../src/api/syntax'
import { readTree } from '../src/features/telemetry/builder/read'
import { writeBuilt } from '../src/features/telemetry/builder/write'
import { startAppliance, type Appliance } from './appliance'
import { setFirstPassword, signIn } from './signIn'
import { watchContext, type Watch } from './watch'

const PASSWORD = 'quiet harbour 42 lamps'
const SHOTS = 'e2e/shots/metrics'
const BUCKETS = 'sum by (le) (rate(onemonitor_telemetry_scrape_seconds_bucket[1m]))'
const BY_MODE = 'sum by (mode) (rate(node_cpu_seconds_total[1m]))'

let appliance: Appliance
let context: BrowserContext
let page: Page
let watch: Watch

test.describe.configure({ mode: 'serial' })

test.beforeAll(async ({ browser }) => {
  appliance = await startAppliance()
  context = await browser.newContext({ ignoreHTTPSErrors: true, baseURL: appliance.url })
  watch = await watchContext(context, appliance.url)
  page = await context.newPage()
  await page.goto('/')
  await signIn(page, appliance.password)
  await setFirstPassword(page, appliance.password, PASSWORD)
  await expect(page.getByRole('heading', { name: 'Home', level: 1 })).toBeVisible()
  // Rates need samples: of the machine, and of the scrapes themselves.
  for (const expression of [BY_MODE, BUCKETS]) {
    await expect
      .poll(() => seriesOf(expression), { message: expression, timeout: 60_000 })
      .toBeGreaterThan(1)
  }
})

test.afterAll(async () => {
  await context?.close()
  await appliance?.stop()
})

async function seriesOf(query: string): Promise<number> {
  const answer = await context.request.get('/prometheus/api/v1/query', { params: { query } })
  return (await answer.json()).data?.result?.length ?? 0
}

async function open(query: string): Promise<void> {
  await page.goto(`/explore/metrics?from=now-5m&to=now&${query}`)
  await expect(page.getByRole('heading', { name: 'Metrics', level: 1 })).toBeVisible()
}

function q(expression: string): string {
  return `q=${encodeURIComponent(expression)}`
}

function search(): URLSearchParams {
  return new URL(page.url()).searchParams
}

test('a form writes the query step by step, and switching keeps it', async () => {
  await open('')
  await page.getByRole('button', { name: 'Form, query A' }).click()
  const metric = page.getByRole('combobox', { name: 'Metric' })
  await metric.click()
  await metric.fill('cpu seconds mode')
  await expect(page.getByRole('option').first()).toContainText('node_cpu_seconds_total')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await expect(metric).toHaveValue('node_cpu_seconds_total')

  await page.getByRole('button', { name: 'Add rate' }).click()
  await page.getByRole('button', { name: 'Add filter' }).click()
  const filter = page.getByRole('group', { name: 'Filter 1' })
  await filter.getByRole('combobox', { name: 'Label' }).click()
  await page.getByRole('option', { name: 'mode' }).click()
  await filter.getByLabel('Compared').selectOption('!=')
  await filter.getByRole('combobox', { name: 'Value' }).click()
  await page.getByRole('option', { name: 'idle' }).click()
  await page.getByRole('combobox', { name: 'Add step' }).selectOption('sum')
  await page.getByLabel('Grouping').selectOption('by')
  const labels = page.getByRole('group', { name: 'Labels of the groups' })
  await labels.getByRole('combobox').click()
  await labels.getByRole('option', { name: 'mode' }).click()

  const written = 'sum by (mode) (rate(node_cpu_seconds_total{mode!="idle"}[5m]))'
  await expect(page.getByText(written)).toBeVisible()
  // It runs by itself, and the address holds it.
  await expect.poll(() => search().get('q')).toBe(written)
  expect(search().get('form')).toBe('0')
  await expect(page.getByRole('figure').locator('canvas')).toBeVisible()
  await page.screenshot({ path: `${SHOTS}/form.png` })

  await page.getByRole('button', { name: 'Text, query A' }).click()
  await expect(page.getByRole('textbox', { name: 'Query A' })).toContainText(written)
  await page.reload()
  await expect(page.getByRole('textbox', { name: 'Query A' })).toContainText(written)
})

test('a text that the form cannot show stays as it is, with the reason', async () => {
  const text = 'up # who is here?'
  await open(`${q(text)}&form=0`)
  await expect(page.getByText('This expression is beyond the builder')).toBeVisible()
  await expect(page.getByText('It holds a comment')).toBeVisible()
  await page.getByRole('button', { name: 'Edit as text', exact: true }).click()
  await expect(page.getByRole('textbox', { name: 'Query A' })).toContainText(text)
})

test('form and server understand the same', async () => {
  const parse = async (query: string): Promise<SyntaxNode> => {
    const answer = await context.request.get('/prometheus/api/v1/parse_query', {
      params: { query },
    })
    expect(answer.status(), query).toBe(200)
    return (await answer.json()).data
  }
  for (const text of [
    'up{job="node", instance=~"a|b.*"} offset -5m',
    '(-1) ^ up * -1',
    'a + b * c{x="\\"#\\""} ^ 2',
    '(a and on (job) b) or ignoring (le) c',
    'a / on (job) group_left (version) (sum without (cpu) (b))',
    'max_over_time(rate(a[5m])[1h:1m])',
    'topk(3, quantile by (mode) (0.5, a)) > bool 1e6',
    'count_values("value", a) == Inf',
    'label_replace(up, "host", "$1", "instance", "([^:]+).*")',
    '{"my.metric", "k8s.pod"!="x"} % time()',
    'histogram_quantile(0.99, sum by (le) (rate(a_bucket[5m]))) * 1000',
  ]) {
    const { built, beyond } = readTree(await parse(text))
    expect(beyond, text).toBeUndefined()
    const again = readTree(await parse(writeBuilt(built!)))
    expect(again.built, text).toEqual(built)
  }
})

test('an earlier period lies beside, also after zooming', async () => {
  await open(q(BY_MODE))
  await page.getByLabel('Compare').selectOption('Own period')
  await page.getByLabel('How much earlier').fill('10s')
  await page.keyboard.press('Enter')
  await expect.poll(() => search().get('compare')).toBe('10s')
  const legend = page.getByRole('table', { name: /their values now, then/ })
  // The server is young: a moment later it has an earlier period.
  await expect(legend.getByRole('row').filter({ hasText: 'user' })).toContainText('%', {
    timeout: 40_000,
  })
  await expect(page.getByText(/^\d+ series$/)).not.toHaveText('16 series')
  await page.screenshot({ path: `${SHOTS}/compare.png` })
  const chart = page.getByRole('application')
  await chart.focus()
  await page.keyboard.press('End')
  await page.keyboard.press('+')
  await expect.poll(() => search().get('from')).not.toBe('now-5m')
  expect(search().get('compare')).toBe('10s')
  await expect(legend).toBeVisible()
})

test('buckets are drawn as a heat map that keys read', async () => {
  await open(q(BUCKETS))
  await page.getByText('Heat map', { exact: true }).click()
  await expect.poll(() => search().get('mode')).toBe('heat')
  const map = page.getByRole('application')
  await expect(map.locator('canvas')).toBeVisible()
  await map.focus()
  await page.keyboard.press('ArrowLeft')
  const spoken = page.getByRole('status').filter({ hasText: /ms|\d s/ })
  await expect(spoken.filter({ hasText: '%' })).toHaveCount(1)
  await page.getByText('Even', { exact: true }).click()
  await expect.poll(() => search().get('scale')).toBe('even')
  await page.screenshot({ path: `${SHOTS}/heat.png` })
  await open(`${q(BY_MODE)}&mode=heat`)
  await expect(page.getByText('No buckets to draw')).toBeVisible()
  await page.getByRole('button', { name: 'Show lines' }).click()
  await expect(page.getByRole('table')).toContainText('user')
})

test('exemplars lie over the chart and stand in a list', async () => {
  const id = '4bf92f3577b34da6a3ce929d0e0e4736'
  await page.route('**/query_exemplars*', (route: Route) => {
    const end = Number(new URL(route.request().url()).searchParams.get('end'))
    const one = { labels: { trace_id: id, path: '/x' }, value: '0.02', timestamp: end - 60 }
    const seriesLabels = { __name__: 'onemonitor_telemetry_scrape_seconds_bucket', le: '0.05' }
    const data = [{ seriesLabels, exemplars: [one] }]
    return route.fulfill({ json: { status: 'success', data } })
  })
  await open(`${q(`histogram_quantile(0.9, ${BUCKETS})`)}`)
  await page.getByLabel('Exemplars').check()
  await expect.poll(() => search().get('exemplars')).toBe('1')
  const list = page.getByRole('region', { name: 'Exemplars' })
  await expect(list.getByText(id)).toBeVisible()
  await list.getByRole('button', { name: '20 ms' }).focus()
  await expect(page.locator('.dot.on')).toHaveCount(1)
  await expect(page.locator('.tip')).toContainText('path: /x')
  await page.screenshot({ path: `${SHOTS}/exemplars.png` })
  await page.unroute('**/query_exemplars*')
})

test('the analysis shows what costs most and where it stands', async () => {
  await open(`${q(BY_MODE)}&mode=analysis`)
  const table = page.getByRole('region', { name: 'What query A costs' })
  await expect(table.getByRole('row')).toHaveCount(4)
  await expect(table).toContainText('most time')
  await table.getByRole('row').filter({ hasText: 'select range' }).hover()
  await expect(page.locator('.cm-part')).toHaveText('node_cpu_seconds_total[1m]')
  await page.screenshot({ path: `${SHOTS}/analysis.png` })
})

test('the catalogue knows who sends, and opens a metric in the form', async () => {
  await open('')
  await page.getByRole('button', { name: 'Browse metrics' }).click()
  const sheet = page.getByRole('dialog')
  await sheet.getByRole('searchbox').fill('onemonitor_telemetry_scrape_seconds')
  await sheet
    .getByRole('button', { name: /^Details of/ })
    .first()
    .click()
  await expect(sheet).toContainText(/series of 1/)
  await sheet.getByRole('button', { name: 'Open in the form' }).click()
  await expect(page.getByRole('combobox', { name: 'Metric' })).toHaveValue(
    'onemonitor_telemetry_scrape_seconds_bucket',
  )
})

test('a rule of retention can be tried before it is written', async () => {
  await page.goto('/retention')
  await expect(page.getByRole('row').filter({ hasText: 'everything' })).toContainText('90 days')
  await page.getByRole('textbox', { name: 'Selector' }).click()
  await page.keyboard.type('{job="node"')
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Show', exact: true }).click()
  await expect.poll(() => search().get('match')).toBe('{job="node"}')
  const told = page.getByRole('status').filter({ hasText: 'Series' })
  await expect(told).toContainText(/\d/)
  await expect(told).toContainText(`{ match = '{job="node"}', days = 30 }`)
  await page.screenshot({ path: `${SHOTS}/retention.png` })
})

test('senders and limits of series are told', async () => {
  await page.goto('/explore/cardinality?view=sources')
  await expect(page.getByRole('region', { name: 'Limits of active series' })).toContainText('of')
  const row = page.getByRole('row').filter({ hasText: 'node/' })
  await expect(row).toContainText('Scrape target')
  await row.getByRole('link').click()
  await expect.poll(() => search().getAll('where').length).toBe(2)
})

test('nothing failed on the way', () => {
  // The browser itself reports the question whether there is a session already.
  const asked = /status of 401 .*\/api\/v1\/session\)/
  expect(watch.notes.filter((note) => !asked.test(note))).toEqual([])
})
