/**
 * Every page in both sizes, themes and languages: no error, no request to another host, nothing
 * against the policy, nothing wider than the window, nothing that axe calls serious; a picture of
 * each lies in e2e/shots.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { expect, test, type Browser, type BrowserContext, type Page } from '@playwright/test'
import type { AxeResults } from 'axe-core'
import { HOSTNAME, startAppliance, type Appliance } from './appliance'
import { setFirstPassword, signIn } from './signIn'
import { watchContext, type Watch } from './watch'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const PASSWORD = 'quiet harbour 42 lamps'
const SIZES = { wide: { width: 1440, height: 900 }, narrow: { width: 390, height: 844 } }
const THEMES = ['light', 'dark'] as const
/** Of a picture; longer pages repeat themselves. */
const HEIGHT_MAX = 7_000
/** For one language and size; a free machine needs a tenth of it. */
const ROUND_MS = 300_000
const SETTLE = { message: 'the page is loaded', timeout: 60_000, intervals: [50, 100, 200] }
const BROKEN = 'http://127.0.0.1:1/metrics'
const RULES = 'node-utilisation'
const CPU = '__name__%3Dnode_cpu_seconds_total'
const BUCKETS = 'sum by (le) (rate(onemonitor_telemetry_scrape_seconds_bucket[1m]))'
const QUERY = 'sum by (mode) (rate(node_cpu_seconds_total[1m]))'

interface Stop {
  name: string
  path: string
  /** Left out: without a session. */
  bare?: boolean
  /** What to click once the page is there. */
  click?: string
}

let appliance: Appliance
let session: Awaited<ReturnType<BrowserContext['storageState']>>
let stops: Stop[]

test.beforeAll(async ({ browser }) => {
  appliance = await startAppliance()
  const context = await browser.newContext({ ignoreHTTPSErrors: true, baseURL: appliance.url })
  const page = await context.newPage()
  await page.goto('/')
  await signIn(page, appliance.password)
  await setFirstPassword(page, appliance.password, PASSWORD)
  await expect(page.getByRole('heading', { name: 'Home', level: 1 })).toBeVisible()
  const job = await furnish(context)
  const group = await furnishRules(context)
  session = await context.storageState()
  await context.close()
  stops = route(job, group)
})

test.afterAll(() => appliance?.stop())

/** Something to see on every list: a job that fails and a token. The job's id. */
async function furnish(context: BrowserContext): Promise<string> {
  const { csrf_token: csrf } = await (await context.request.get('/api/v1/session')).json()
  const headers = { 'X-CSRF-Token': csrf as string }
  const token = { name: 'prometheus-dc1', role: 'ingest', expires_in_s: 86_400 }
  expect((await context.request.post('/api/v1/tokens', { headers, data: token })).status()).toBe(
    201,
  )
  const data = {
    name: 'payment-gateway-exporters',
    urls: [BROKEN, 'http://payments-and-settlement-03.internal.example:9100/metrics'],
    interval_s: 1,
    timeout_s: 1,
    labels: { env: 'prod' },
    enabled: true,
  }
  const answer = await context.request.post('/api/v1/targets', { headers, data })
  expect(answer.status(), await answer.text()).toBe(201)
  const wait = { message: 'the broken target is down and the machine has rates', timeout: 30_000 }
  await expect
    .poll(async () => {
      const status = await (await context.request.get('/api/v1/target-status')).json()
      const host = await context.request.get(`/api/v1/hosts/${HOSTNAME}`)
      const rated = host.ok() && (await host.json()).network_receive_bytes_per_s !== null
      return rated && status.items.some((one: { health: string }) => one.health === 'down')
    }, wait)
    .toBe(true)
  return (await answer.json()).id as string
}

/** A group with a rule that works and one that fails, and one that is off. The first one's id. */
async function furnishRules(context: BrowserContext): Promise<string> {
  const { csrf_token: csrf } = await (await context.request.get('/api/v1/session')).json()
  const headers = { 'X-CSRF-Token': csrf as string }
  const groups = [
    {
      name: RULES,
      interval_s: 1,
      labels: { team: 'infra' },
      rules: [
        {
          record: 'instance_mode:node_cpu_seconds:rate1m',
          expr: 'sum by (instance, mode) (\n  rate(node_cpu_seconds_total{mode!="idle"}[1m])\n)',
        },
        { record: 'node:mixed', expr: 'label_replace(node_cpu_seconds_total, "mode", "", "", "")' },
      ],
    },
    { name: 'capacity', enabled: false, rules: [{ record: 'one', expr: '1', labels: { a: 'b' } }] },
  ]
  const ids: string[] = []
  for (const data of groups) {
    const answer = await context.request.post('/api/v1/recording-groups', { headers, data })
    expect(answer.status(), await answer.text()).toBe(201)
    ids.push((await answer.json()).id as string)
  }
  await expect
    .poll(async () => {
      const status = await (await context.request.get('/api/v1/recording-status')).json()
      return status.items.map((one: { health: string }) => one.health).sort()
    })
    .toEqual(['error', 'unknown'])
  return ids[0] ?? ''
}

function route(job: string, group: string): Stop[] {
  const q = encodeURIComponent(QUERY)
  const buckets = encodeURIComponent(BUCKETS)
  return [
    { name: 'sign-in', path: '/sign-in', bare: true },
    { name: 'home', path: '/' },
    { name: 'hosts', path: '/hosts' },
    { name: 'hosts-honeycomb', path: '/hosts?view=honeycomb' },
    { name: 'host', path: `/hosts/${HOSTNAME}` },
    { name: 'metrics-empty', path: '/explore/metrics' },
    { name: 'metrics', path: `/explore/metrics?from=now-5m&to=now&q=${q}` },
    { name: 'metrics-table', path: `/explore/metrics?from=now-5m&to=now&mode=table&q=${q}` },
    { name: 'metrics-form', path: `/explore/metrics?from=now-5m&to=now&form=0&q=${q}` },
    { name: 'metrics-compare', path: `/explore/metrics?from=now-5m&to=now&compare=10s&q=${q}` },
    { name: 'metrics-heat', path: `/explore/metrics?from=now-5m&to=now&mode=heat&q=${buckets}` },
    { name: 'metrics-analysis', path: `/explore/metrics?from=now-5m&to=now&mode=analysis&q=${q}` },
    { name: 'metrics-exemplars', path: `/explore/metrics?from=now-5m&to=now&exemplars=1&q=${q}` },
    { name: 'catalogue', path: '/explore/metrics', click: '[data-opens="catalogue"]' },
    { name: 'cardinality', path: '/explore/cardinality' },
    { name: 'cardinality-labels', path: '/explore/cardinality?view=labels' },
    { name: 'cardinality-pairs', path: '/explore/cardinality?view=pairs&search=job' },
    { name: 'cardinality-sources', path: '/explore/cardinality?view=sources' },
    { name: 'cardinality-metric', path: `/explore/cardinality?where=${CPU}` },
    { name: 'cardinality-label', path: '/explore/cardinality?where=device&where=job%3Dnode' },
    { name: 'rules', path: '/rules' },
    { name: 'rule-group', path: `/rules/group?name=${RULES}` },
    { name: 'rule-group-new', path: '/rules/new' },
    { name: 'rule-group-edit', path: `/rules/edit/${group}` },
    { name: 'rule-import', path: '/rules/import' },
    { name: 'targets', path: '/targets' },
    { name: 'target-jobs', path: '/targets/jobs' },
    { name: 'target-job-new', path: '/targets/jobs/new' },
    { name: 'target-job', path: `/targets/jobs/${job}` },
    { name: 'doctor-empty', path: '/targets/doctor' },
    { name: 'doctor', path: `/targets/doctor?url=${encodeURIComponent(BROKEN)}` },
    { name: 'system', path: '/system' },
    { name: 'retention', path: `/retention?match=${encodeURIComponent('{job="node"}')}` },
    { name: 'api-docs', path: '/api-docs' },
    { name: 'account', path: '/account' },
    { name: 'account-sessions', path: '/account/sessions' },
    { name: 'account-tokens', path: '/account/tokens' },
    { name: 'not-found', path: '/no/such/page' },
  ]
}

interface Look {
  browser: Browser
  locale: string
  size: keyof typeof SIZES
}

/** A page as somebody of that language with that window sees it. */
async function open(look: Look, signedIn: boolean): Promise<{ page: Page; watch: Watch }> {
  const context = await look.browser.newContext({
    ignoreHTTPSErrors: true,
    baseURL: appliance.url,
    viewport: SIZES[look.size],
    locale: look.locale,
    reducedMotion: 'reduce',
    storageState: signedIn ? session : undefined,
  })
  context.setDefaultNavigationTimeout(SETTLE.timeout)
  const watch = await watchContext(context, appliance.url)
  return { page: await context.newPage(), watch }
}

/** Charts ask for data when they come in sight: makes the window as high as the page is. */
async function settle(page: Page, width: number): Promise<void> {
  await expect(page.locator('h1')).toBeVisible({ timeout: SETTLE.timeout })
  const state = () =>
    page.evaluate(() => ({
      height: document.documentElement.scrollHeight,
      waiting: [...document.querySelectorAll('.skeleton')]
        .filter((one) => one.getBoundingClientRect().top < innerHeight)
        .map((one) => one.closest('section, figure')?.textContent?.slice(0, 40) ?? 'page')
        .join(', '),
    }))
  await expect
    .poll(async () => {
      const { height, waiting } = await state()
      const wanted = Math.min(height, HEIGHT_MAX)
      if (wanted <= (page.viewportSize()?.height ?? 0))
        return waiting ? `loading ${waiting}` : 'settled'
      await page.setViewportSize({ width, height: wanted })
      return 'growing'
    }, SETTLE)
    .toBe('settled')
}

/** What is wrong on the page as it now looks. */
async function faults(page: Page, theme: (typeof THEMES)[number]): Promise<string[]> {
  const found: string[] = []
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
  if (over > 0) found.push(`${over} pixels wider than the window`)
  // Themes differ in colours alone.
  const rules = theme === 'light' ? {} : { runOnly: { type: 'rule', values: ['color-contrast'] } }
  const { violations } = (await page.evaluate(
    async (options) => {
      const { axe } = window as unknown as { axe: { run: (options: object) => Promise<unknown> } }
      return axe.run(options)
    },
    { resultTypes: ['violations'], ...rules },
  )) as AxeResults
  for (const { id, impact, nodes } of violations) {
    if (impact !== 'serious' && impact !== 'critical') continue
    for (const node of nodes.slice(0, 3)) {
      found.push(`axe ${id}: ${node.target.join(' ')} ${node.html.slice(0, 120)}`)
      found.push(...node.any.slice(0, 1).map((check) => `  ${check.message}`))
    }
  }
  return found
}

for (const locale of ['en', 'zh-CN']) {
  for (const size of Object.keys(SIZES) as (keyof typeof SIZES)[]) {
    test(`every page, ${locale}, ${size}`, async ({ browser }) => {
      test.setTimeout(ROUND_MS)
      const found: string[] = []
      for (const bare of [true, false]) {
        const { page, watch } = await open({ browser, locale, size }, !bare)
        await page.addInitScript({ content: AXE })
        for (const stop of stops.filter((one) => Boolean(one.bare) === bare)) {
          watch.at(stop.name)
          await page.setViewportSize(SIZES[size])
          await page.emulateMedia({ colorScheme: THEMES[0] })
          await page.goto(stop.path, { waitUntil: 'commit' })
          await settle(page, SIZES[size].width)
          if (stop.click) await page.click(stop.click)
          for (const theme of THEMES) {
            await page.emulateMedia({ colorScheme: theme })
            await expect(page.locator('html')).toHaveClass(theme === 'dark' ? /dark/ : /^$/)
            await expect(page.locator('html')).toHaveAttribute('lang', locale)
            const wrong = await faults(page, theme)
            found.push(...wrong.map((text) => `${stop.name} ${theme}: ${text}`))
            const path = `e2e/shots/${size}/${stop.name}-${locale}-${theme}.png`
            await page.screenshot({ path })
          }
        }
        // The browser itself reports the question whether there is a session already.
        const asked = /status of 401 .*\/api\/v1\/session\)/
        found.push(...watch.notes.filter((note) => !(bare && asked.test(note))))
        await page.context().close()
      }
      expect(found).toEqual([])
    })
  }
}
