/** The frame around the pages: keys, palette, time range, theme, language, drawer, lost session. */
import { expect, test, type BrowserContext, type Page } from '@playwright/test'
import { HOSTNAME, startAppliance, type Appliance } from './appliance'
import { setFirstPassword, signIn } from './signIn'
import { watchContext, type Watch } from './watch'

const PASSWORD = 'quiet harbour 42 lamps'
/** The language's own name, as its button has it. */
const CHINESE = '\u4e2d\u6587'
const TARGETS_IN_CHINESE = '\u91c7\u96c6\u76ee\u6807'

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
})

test.afterAll(async () => {
  await context?.close()
  await appliance?.stop()
})

function heading(name: string) {
  return page.getByRole('heading', { name, level: 1 })
}

test('two keys open a page, / goes to the filter, ? shows all keys', async () => {
  await page.keyboard.press('g')
  await page.keyboard.press('t')
  await expect(heading('Targets')).toBeVisible()
  const filter = page.getByRole('searchbox', { name: 'Search targets' })
  await expect(filter).toBeVisible()
  await page.keyboard.press('/')
  await expect(filter).toBeFocused()
  await page.keyboard.type('onemonitor g s')
  await expect(page).toHaveURL(/search=onemonitor/)
  await page.keyboard.press('Escape')
  await expect(page).not.toHaveURL(/search=/)
  await heading('Targets').click()
  await page.keyboard.press('?')
  const help = page.getByRole('dialog', { name: 'Keyboard shortcuts' })
  await expect(help).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(help).toBeHidden()
})

test('the palette finds pages and hosts', async () => {
  await page.keyboard.press('Control+k')
  const field = page.getByRole('combobox', { name: 'Search pages' })
  await expect(field).toBeFocused()
  await field.fill('syst')
  await expect(page.getByRole('option', { name: 'System' })).toHaveAttribute(
    'aria-selected',
    'true',
  )
  await page.keyboard.press('Enter')
  await expect(heading('System')).toBeVisible()
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox', { name: 'Search pages' }).fill(HOSTNAME)
  await page.getByRole('option', { name: HOSTNAME }).first().click()
  await expect(heading(HOSTNAME)).toBeVisible()
})

test('a typed time range is in the address and stays on the way', async () => {
  await page.goto('/system')
  await page.getByRole('button', { name: /^Time range/ }).click()
  await page.getByLabel('From').fill('2h')
  await page.getByLabel('To', { exact: true }).fill('')
  await page.getByRole('button', { name: 'Apply' }).click()
  await expect(page).toHaveURL(/from=now-2h&to=now/)
  const button = page.getByRole('button', { name: 'Time range: Last 2 hours' })
  await expect(button).toBeVisible()
  await page.getByRole('navigation', { name: 'Main navigation' }).getByText('Targets').click()
  await expect(heading('Targets')).toBeVisible()
  await page.getByRole('navigation', { name: 'Main navigation' }).getByText('Home').click()
  await expect(page).toHaveURL(/from=now-2h&to=now/)
  await page.reload()
  await expect(button).toBeVisible()
  await button.click()
  await page.getByLabel('From').fill('nonsense')
  await page.getByRole('button', { name: 'Apply' }).click()
  await expect(page.getByText('Not understood')).toBeVisible()
  await page.getByRole('button', { name: 'Last 15 minutes' }).click()
  await expect(page).toHaveURL(/from=now-15m&to=now/)
  await page.goBack()
  await expect(page).toHaveURL(/from=now-2h&to=now/)
})

test('language and theme change without a reload and stay', async () => {
  await page.goto('/targets')
  await page.evaluate(() => Object.assign(window, { sameDocument: true }))
  await page.getByRole('button', { name: /^User menu/ }).click()
  await page.getByText(CHINESE).click()
  await expect(heading(TARGETS_IN_CHINESE)).toBeVisible()
  await expect(page.locator('html')).toHaveAttribute('lang', 'zh-CN')
  await page.locator('label:has(input[value="dark"])').click()
  await expect(page.locator('html')).toHaveClass(/dark/)
  expect(await page.evaluate(() => 'sameDocument' in window)).toBe(true)
  await page.reload()
  await expect(heading(TARGETS_IN_CHINESE)).toBeVisible()
  await expect(page.locator('html')).toHaveClass(/dark/)
  await page.locator('button.user').click()
  await page.getByText('English').click()
  await page.locator('label:has(input[value="system"])').click()
  await expect(heading('Targets')).toBeVisible()
  await expect(page.locator('html')).not.toHaveClass(/dark/)
  await page.keyboard.press('Escape')
})

test('a narrow window has its navigation in a drawer', async () => {
  const size = page.viewportSize()
  await page.setViewportSize({ width: 390, height: 844 })
  await page.getByRole('button', { name: 'Open navigation' }).click()
  const drawer = page.getByRole('dialog', { name: 'Main navigation' })
  await drawer.getByText('System').click()
  await expect(heading('System')).toBeVisible()
  await expect(drawer).toBeHidden()
  if (size) await page.setViewportSize(size)
})

test('a row opens with Enter', async () => {
  await page.goto('/targets')
  await page.getByRole('row').nth(1).focus()
  await page.keyboard.press('ArrowDown')
  await expect(page.getByRole('row').nth(2)).toBeFocused()
  await page.keyboard.press('Enter')
  await expect(page).toHaveURL(/\/targets\/doctor\?/)
})

test('what is typed is not lost without a question', async () => {
  await page.goto('/targets/jobs/new')
  await page.getByLabel('Job name').fill('half done')
  await page.getByRole('navigation', { name: 'Main navigation' }).getByText('System').click()
  const question = page.getByRole('dialog', { name: 'Leave without saving?' })
  await question.getByRole('button', { name: 'Cancel' }).click()
  await expect(page.getByLabel('Job name')).toHaveValue('half done')
  await page.getByRole('navigation', { name: 'Main navigation' }).getByText('System').click()
  await question.getByRole('button', { name: 'Leave' }).click()
  await expect(heading('System')).toBeVisible()
})

test('an address below a host name is a page, an unknown file is not', async () => {
  const answer = await page.goto('/hosts/db-1.example.com')
  expect(answer?.status()).toBe(200)
  await expect(page.getByRole('heading', { name: 'db-1.example.com' })).toBeVisible()
  expect((await context.request.get('/assets/none.js')).status()).toBe(404)
})

test('a session that ended leads to sign-in and back', async () => {
  await page.goto('/targets?health=up')
  await expect(heading('Targets')).toBeVisible()
  watch.at('lost session')
  const other = await context.request.get('/api/v1/session')
  const { csrf_token: csrf } = await other.json()
  await context.request.delete('/api/v1/session', { headers: { 'X-CSRF-Token': csrf as string } })
  await page.keyboard.press('r')
  await expect(page.getByText('Your session has ended')).toBeVisible()
  await signIn(page, PASSWORD)
  await expect(page).toHaveURL(/\/targets\?health=up/)
})

test('nothing failed on the way', () => {
  // The browser itself reports answers with a status of 400 and more that the tests ask for.
  const asked = [/status of 401/, /status of 404/]
  expect(watch.notes.filter((note) => !asked.some((pattern) => pattern.test(note)))).toEqual([])
})
