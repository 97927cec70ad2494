/** The way in through the pages that everybody meets first. */
import { expect, type Page } from '@playwright/test'

export async function signIn(page: Page, password: string): Promise<void> {
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible()
  await page.getByLabel('User name').fill('admin')
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

/** Replaces the one-time password; the page asks for it before anything else. */
export async function setFirstPassword(page: Page, once: string, next: string): Promise<void> {
  await expect(page.getByRole('heading', { name: 'Set your password' })).toBeVisible()
  await page.getByLabel('One-time password').fill(once)
  await page.getByLabel('New password', { exact: true }).fill(next)
  await page.getByLabel('New password again').fill(next)
  await page.getByRole('button', { name: 'Set password and continue' }).click()
}
