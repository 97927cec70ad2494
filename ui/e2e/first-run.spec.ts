/** A newcomer's first minutes: from an empty directory to charts, and through every page. */
import {
  expect,
  request,
  test,
  type BrowserContext,
  type Locator,
  type Page,
} from '@playwright/test'
import { HOSTNAME, startAppliance, type Appliance } from './appliance'
import { setFirstPassword, signIn } from './signIn'
import { watchContext, type Watch } from './watch'

const PASSWORD = 'quiet harbour 42 lamps'
/** From the start of the process until Home shows values of this machine. */
const FIRST_VALUES_MS = 60_000
const BROKEN = 'http://127.0.0.1:1/metrics'
const SHOTS = 'e2e/shots/first-run'

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
})

test.afterAll(async () => {
  await context?.close()
  expect(await appliance?.stop(), 'exit status after SIGTERM').toBe(0)
})

async function shot(name: string): Promise<void> {
  await page.evaluate(() => scrollTo(0, 0))
  await page.screenshot({ path: `${SHOTS}/${name}.png`, fullPage: true })
}

/** The number before the percent sign. */
async function percent(of: Locator): Promise<number> {
  const text = await of.innerText({ timeout: 1_000 })
  return Number(/([\d.]+)\s*%/.exec(text)?.[1] ?? Number.NaN)
}

function navigate(name: string): Promise<void> {
  return page.getByRole('navigation', { name: 'Main navigation' }).getByText(name).click()
}

function chart(title: string): Locator {
  return page.getByRole('figure').filter({ has: page.getByRole('heading', { name: title }) })
}

/** A drawing surface with ink on it, and a legend with a number. */
async function expectDrawn(title: string, timeout = 20_000): Promise<void> {
  const figure = chart(title).first()
  await figure.scrollIntoViewIfNeeded()
  await expect(figure.locator('canvas'), `${title} has a plot`).toBeVisible({ timeout })
  await expect.poll(() => inkOf(figure), { message: `${title} is drawn` }).toBeGreaterThan(200)
}

/** How many pixels of the plot are not blank. */
function inkOf(figure: Locator): Promise<number> {
  return figure.locator('canvas').evaluate((canvas: HTMLCanvasElement) => {
    const pen = canvas.getContext('2d')
    if (!pen || canvas.width === 0) return 0
    const { data } = pen.getImageData(0, 0, canvas.width, canvas.height)
    let ink = 0
    for (let at = 3; at < data.length; at += 4) if (data[at] !== 0) ink += 1
    return ink
  })
}

test('the one-time password lets in once, Home shows this machine in time', async () => {
  expect(appliance.password, 'printed at the first start').toMatch(/^\S{12,}$/)
  await page.goto('/')
  await expect(page).toHaveURL(/\/sign-in/)
  await shot('sign-in')
  await signIn(page, 'not the password')
  await expect(page.getByRole('alert').first()).toContainText('Name or password is wrong.')
  await signIn(page, appliance.password)
  await shot('first-password')
  await setFirstPassword(page, appliance.password, PASSWORD)

  await expect(page.getByRole('heading', { name: 'Home', level: 1 })).toBeVisible()
  const left = () => Math.max(1, appliance.startedAt + FIRST_VALUES_MS - Date.now())
  for (const title of ['Busiest CPUs', 'Fullest memory']) {
    const list = page.getByRole('region', { name: title })
    const row = list.getByRole('listitem').filter({ hasText: HOSTNAME })
    await expect(row, `${title} after the first start`).toBeVisible({ timeout: left() })
    const value = await percent(row)
    expect(value, title).toBeGreaterThanOrEqual(0)
    expect(value, title).toBeLessThanOrEqual(100)
  }
  const memory = page.getByRole('region', { name: 'Fullest memory' })
  expect(await percent(memory.getByRole('listitem').first())).toBeGreaterThan(0)
  for (const title of ['CPU by mode', 'Memory', 'Network traffic']) {
    await expectDrawn(title, left())
  }
  await shot('home')
})

test('the host has charts of everything', async () => {
  await navigate('Hosts')
  const row = page.getByRole('row').filter({ hasText: HOSTNAME })
  await expect(row).toContainText('%')
  await row.getByRole('link', { name: HOSTNAME }).click()
  await expect(page.getByRole('heading', { name: HOSTNAME, level: 1 })).toBeVisible()
  await expect(page.getByText('Kernel').first()).toBeVisible()
  for (const title of ['CPU by mode', 'Memory', 'Disk space used', 'Network traffic']) {
    await expectDrawn(title)
  }
  const processes = page.getByRole('region', { name: 'Processes' })
  await processes.scrollIntoViewIfNeeded()
  const rows = processes.getByRole('table').first().locator('tbody tr')
  await expect(rows.first()).toContainText('%', { timeout: 20_000 })
  expect(await rows.count()).toBeGreaterThan(2)
  await expect(rows.filter({ hasText: 'onemonitor' })).toHaveCount(1)
  await expectDrawn('CPU of the busiest processes')
  await shot('host')
})

test('a question in PromQL gives a chart, a table, or the column of its error', async () => {
  await navigate('Metrics')
  const editor = page.getByRole('textbox', { name: 'Query A' })
  await editor.click()
  await page.keyboard.type('count by (mode) (node_cpu_seconds_total{job="node"})')
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Run' }).click()
  await expectDrawn('Result')
  for (const mode of ['idle', 'user', 'system']) {
    await expect(chart('Result').getByText(mode, { exact: false }).first()).toBeVisible()
  }
  await shot('metrics-chart')

  await page.getByText('Table', { exact: true }).first().click()
  const table = page.getByRole('region', { name: 'Results' }).getByRole('table')
  const idle = table.getByRole('row').filter({ hasText: 'idle' })
  const cpus = await page.evaluate(() => navigator.hardwareConcurrency)
  await expect(idle).toContainText(new RegExp(`idle\\s*${cpus}$`))
  await shot('metrics-table')

  await editor.click()
  await page.keyboard.press('Control+a')
  await page.keyboard.type('sum(up) + rate(up)')
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Run' }).click()
  const fault = page.getByRole('alert')
  await expect(fault).toContainText(/Line 1, column 1\d:/)
  await expect(fault).toContainText(/range vector|matrix/)
  await expect(page.locator('.cm-fault')).toBeVisible()
  await shot('metrics-error')
})

test('a target that does not answer is Down with its reason, the doctor finds the step', async () => {
  await navigate('Targets')
  await expect(page.getByRole('row').filter({ hasText: HOSTNAME }).first()).toContainText('Up')
  await page.getByRole('button', { name: 'Add job' }).click()
  await page.getByLabel('Job name').fill('broken')
  await page.getByLabel('Addresses').fill(BROKEN)
  await page.getByLabel('Interval in seconds').fill('1')
  await page.getByLabel('Timeout in seconds').fill('1')
  await page.getByRole('button', { name: 'Add job' }).click()

  await expect(page.getByRole('region', { name: 'Jobs' })).toContainText('broken')
  await page.getByRole('navigation', { name: 'Targets' }).getByText('Targets').click()
  const row = page.getByRole('row').filter({ hasText: '127.0.0.1:1' })
  await expect(row).toContainText('Down', { timeout: 20_000 })
  await expect(row).toContainText(/refused/i)
  await shot('targets')

  await row.click()
  await expect(page.getByRole('heading', { name: '127.0.0.1:1', level: 1 })).toBeVisible()
  const steps = page.getByRole('listitem')
  await expect(steps.filter({ hasText: 'TCP' })).toContainText('failed')
  await expect(steps.filter({ hasText: 'TCP' })).toContainText(/refused/i)
  await expect(steps.filter({ hasText: 'HTTP' })).toContainText('not tried')
  await shot('doctor')
})

test('System tells of itself', async () => {
  await navigate('System')
  const main = page.getByRole('main')
  await expect(main.locator('p').filter({ hasText: /^\s*Active series\s*$/ })).toBeVisible()
  await expect(main).toContainText('0.1.0')
  await expect(main).toContainText(/\d+ [KMG]iB/)
  await expectDrawn('Active series')
  await shot('system')
})

test('a token is shown once and deleted after a question; the new password signs in', async () => {
  await navigate('Account')
  await page.getByRole('link', { name: 'Tokens' }).click()
  await page.getByRole('button', { name: 'Create token' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('prometheus-dc1')
  await dialog.getByRole('button', { name: 'Create token' }).click()
  const secret = dialog.getByText(/^om_\S{20,}$/)
  await expect(secret).toBeVisible()
  const text = await secret.innerText()
  await shot('token')
  await dialog.getByRole('button', { name: 'I have copied it' }).click()
  const row = page.getByRole('row').filter({ hasText: 'prometheus-dc1' })
  await expect(row).toContainText('Ingest')
  await page.reload()
  await expect(row).toBeVisible()
  expect(await page.content(), 'the secret is nowhere again').not.toContain(text)

  const program = await request.newContext({
    baseURL: appliance.url,
    ignoreHTTPSErrors: true,
    extraHTTPHeaders: {
      Authorization: `Bearer ${text}`,
      'Content-Type': 'application/x-protobuf',
      'Content-Encoding': 'snappy',
    },
  })
  const write = () => program.post('/prometheus/api/v1/write', { data: Buffer.from([0]) })
  expect((await write()).status(), 'an empty request is let in').toBeLessThan(300)
  await row.getByRole('button', { name: 'Delete' }).click()
  await expect(dialog).toContainText('Delete token prometheus-dc1?')
  await dialog.getByRole('button', { name: 'Delete' }).click()
  await expect(page.getByText('No tokens yet')).toBeVisible()
  expect((await write()).status(), 'refused from now on').toBe(401)
  await program.dispose()

  await page.getByRole('button', { name: /User menu/ }).click()
  await page.getByText('Sign out').click()
  await signIn(page, PASSWORD)
  await expect(page.getByRole('heading', { level: 1 })).not.toHaveText('Sign in')
})

test('nothing failed on the way', () => {
  const expected = [
    // The browser itself reports an answer that says no: before signing in, and the wrong query.
    /the server responded with a status of 401 .*\/api\/v1\/session\)/,
    /the server responded with a status of 400 .*\/prometheus\/api\/v1\/query/,
  ]
  const rest = watch.notes.filter((note) => !expected.some((pattern) => pattern.test(note)))
  expect(rest).toEqual([])
})
