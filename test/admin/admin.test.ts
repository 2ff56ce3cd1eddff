import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type DocumentHandle } from '@syncline/client'
import { MemoryLog, Relay } from '@syncline/server'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { launchBrowser, type Visitor, visit, withoutBrowser } from '../support/browser.js'
import { secret, signed } from '../support/issuer.js'
import { type RelayProcess, startRelay } from '../support/relay.js'
import { until } from '../support/until.js'

async function takePicture(name: string, page: Page): Promise<void> {
  const folder = process.env.SYNCLINE_PICTURES
  if (!folder) return
  mkdirSync(folder, { recursive: true })
  await page.screenshot({ path: join(folder, `${name}.png`) })
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.screenshot({ path: join(folder, `${name}-dark.png`) })
  await page.emulateMedia({ colorScheme: null })
}

async function startWithTokens(): Promise<RelayProcess> {
  const relay = await startRelay({ env: { SYNCLINE_JWT_SECRET: secret } })
  onTestFinished(() => relay.stop())
  return relay
}

async function come(relay: RelayProcess, sub: string, name: string): Promise<DocumentHandle> {
  const token = await signed({ sub })
  const connection = connect(relay.webSocketUrl, { token: async () => token })
  onTestFinished(() => connection.close())
  const handle = connection.open(name)
  await handle.synced
  return handle
}

/** Browsers complain of each request that is refused, or asks for what was deleted; here these are part of the story. */
async function visitOperator(browser: Browser, options: BrowserContextOptions): Promise<Visitor> {
  const visitor = await visit(browser, 'operator', options)
  onTestFinished(() => {
    const others = visitor.complaints.filter((each) => !/status of 4(0[134]|10) .*\/api\/v1\//.test(each))
    visitor.complaints.splice(0, Infinity, ...others)
  })
  return visitor
}

const sessions = (page: Page) => page.locator('dialog table').first().locator('tbody tr')
const row = (page: Page, name: string) => page.locator('tr', { has: page.getByRole('button', { name, exact: true }) })

describe.skipIf(withoutBrowser)('the page of operators', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchBrowser()
  })
  afterAll(() => browser?.close())

  test('lets an operator in, shows who is there live, and does what it offers', { timeout: 60_000 }, async () => {
    const relay = await startWithTokens()
    const [ada, ben] = [await come(relay, 'ada', 'team/plan'), await come(relay, 'ben', 'team/plan')]
    for (const name of ['team/notes', 'handbook', 'drafts/a longer name of a document, to see where it ends']) {
      const handle = await come(relay, 'ada', name)
      handle.doc.getText('body').insert(0, 'words '.repeat(name.length * 40))
      await handle.saved()
    }
    ada.doc.getText('body').insert(0, 'Hello')
    await ada.saved()

    const { page } = await visitOperator(browser, { viewport: { width: 1180, height: 860 } })
    const answer = await page.goto(`${relay.url}/admin`)
    const policy = answer!.headers()['content-security-policy']!.split('; ')
    expect(policy).toEqual(
      expect.arrayContaining(["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"]),
    )
    await page.getByLabel('Token').fill(await signed({ sub: 'ada' }))
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('alert').filter({ hasText: 'operators' }).waitFor()
    await takePicture('admin-sign-in', page)
    await page.getByLabel('Token').fill(await signed({ sub: 'root', admin: true, documents: {} }))
    await page.getByRole('button', { name: 'Sign in' }).click()

    await page.getByText('ready', { exact: true }).waitFor()
    await until(
      'two people to be seen',
      async () => (await row(page, 'team/plan').locator('.people').textContent()) === '2',
    )
    // somebody types: the rate is seen while it happens
    let typed = 0
    const typing = setInterval(() => ada.doc.getText('body').insert(0, String(typed++ % 10)), 50)
    onTestFinished(() => clearInterval(typing))
    await until('a rate', async () => Number(await row(page, 'team/plan').locator('.rate').textContent()) > 1)
    if (process.env.SYNCLINE_PICTURES) await page.waitForTimeout(12_000) // for lines that are lines
    await takePicture('admin', page)
    clearInterval(typing)

    await page.getByRole('button', { name: 'team/plan', exact: true }).click()
    await until('both in the dialog', async () => (await sessions(page).count()) === 2)
    await takePicture('admin-document', page)
    await page.getByRole('button', { name: 'End the session of ben' }).click()
    await until('him to be told', () => ben.status.error?.code === 'session_ended')
    await until('one to be left', async () => (await sessions(page).count()) === 1)

    await page.getByRole('button', { name: 'Compact' }).click()
    await page.getByText('It is compact.').waitFor()
    const downloading = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Download' }).click()
    expect((await downloading).suggestedFilename()).toBe('team-plan.update')

    await page.getByLabel('for', { exact: true }).fill('2')
    await page.getByRole('button', { name: 'Make read-only' }).click()
    await until('her to be a reader', () => ada.status.access === 'read')
    await page.getByText(/^read-only until/).waitFor()
    await takePicture('admin-read-only', page)
    await page.getByRole('button', { name: 'End that now' }).click()
    await until('her to be a writer', () => ada.status.access === 'write')

    await page.getByRole('button', { name: 'Delete…' }).click()
    await page.getByRole('button', { name: 'Keep it' }).click()
    expect(ada.status.error).toBeNull()
    await page.getByRole('button', { name: 'Delete…' }).click()
    await takePicture('admin-delete', page)
    await page.getByRole('button', { name: 'Delete for good' }).click()
    await until('her to be told', () => ada.status.error?.code === 'document_deleted')
    await row(page, 'team/plan').waitFor({ state: 'detached' })

    // a reload keeps the token; signing out forgets it
    await page.reload()
    await row(page, 'handbook').waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByLabel('Token').waitFor()
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0)
  })

  test('fits a phone, and needs no token where nobody is asked for one', async () => {
    const relay = await startRelay()
    onTestFinished(() => relay.stop())
    const connection = connect(relay.webSocketUrl)
    onTestFinished(() => connection.close())
    const handle = connection.open('a document with a name that is rather long for a phone')
    handle.doc.getText('body').insert(0, 'Hello')
    await handle.saved()
    const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }
    const { page } = await visitOperator(browser, phone)
    await page.goto(`${relay.url}/admin`)
    await page.getByText('ready', { exact: true }).waitFor()
    await row(page, handle.name).waitFor()
    const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
    expect(await overflow()).toBe(0)
    await takePicture('admin-phone', page)
    await page.getByRole('button', { name: handle.name }).click()
    await until('the session', async () => (await sessions(page).count()) === 1)
    expect(await overflow()).toBe(0)
    await takePicture('admin-phone-document', page)
  })

  test('ends with the grant by which it is shown', async () => {
    const relay = await startWithTokens()
    const { page } = await visitOperator(browser, {})
    await page.goto(`${relay.url}/admin`)
    const token = await signed({ sub: 'root', admin: true })
    await page.getByLabel('Token').fill(token)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('ready', { exact: true }).waitFor()
    const body = JSON.stringify({ subject: 'root' })
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
    await fetch(`${relay.url}/api/v1/revocations`, { method: 'POST', headers, body })
    await page.getByLabel('Token').waitFor()
    expect(await page.getByText('Updates a second').count()).toBe(0)
  })
})

test('a relay of which nobody is an operator tells nothing of itself', async () => {
  const relay = new Relay(new MemoryLog(), {
    authorize: async () => ({ subject: 'a', access: 'write', expiresAt: null }),
  })
  onTestFinished(() => relay.close())
  const refused = await relay.api().request('/api/v1/relay')
  expect([refused.status, (await refused.json()).code]).toEqual([403, 'forbidden'])
})
