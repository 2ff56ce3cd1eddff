import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launchBrowser, Visitor, withoutBrowser } from '../support/browser.js'
import { expectHonesty, filesKept, keepRecord, Person, startDemo } from './demo.js'

const timeout = 60_000

describe.skipIf(withoutBrowser)('the demo without a network', { timeout }, () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await launchBrowser()
  })

  afterAll(() => browser?.close())

  test('opens, lists what is kept, and takes edits that are there for everybody afterwards', async () => {
    const demo = await startDemo(browser)
    await demo.write('text/minutes', ['what was decided'])
    await demo.write('code/tides', ['let height = 0'])
    const ada = await demo.open('Ada', '/text/minutes')
    await ada.goTo('/code/tides')
    await ada.goTo('/')
    await filesKept(ada.page)
    await ada.page.getByTestId('document-list').getByText('on this device').nth(1).waitFor()
    const context = ada.page.context()
    await ada.leave()
    await demo.relay.kill('SIGKILL')

    const page = await context.newPage()
    await page.addInitScript(keepRecord)
    await page.addInitScript(() => {
      const now = Date.now
      Date.now = () => now() + 2 * 3_600_000 + 60_000
    })
    const later = new Person('Ada, later', page, demo.relay)
    const { complaints } = new Visitor(later.name, page)
    await page.goto(`${demo.relay.url}/`)
    await later.seesOffline(0)
    await page.locator('.syncline-status-age').getByText('In sync 2 hours ago').waitFor()
    await later.list.getByRole('link', { name: 'Untitled text' }).click()
    await later.reads(['what was decided'])
    await later.picture('offline')
    await later.goToLine(0)
    await later.type(', and why')
    await later.seesOffline(', and why'.length)
    await later.picture('offline-pending')
    await page.reload()
    await later.reads(['what was decided, and why'])
    await later.seesOffline(', and why'.length)
    await page.locator('.syncline-status-age').getByText('In sync 2 hours ago').waitFor()
    await page.goto(`${demo.relay.url}/code/tides`)
    await later.reads(['let height = 0'])

    await demo.relay.start()
    await later.sees('saved')
    const bo = await demo.open('Bo', '/text/minutes')
    await bo.reads(['what was decided, and why'])
    await page.goto(`${demo.relay.url}/text/minutes`)
    await later.sees('saved')
    await later.picture('saved')
    await expectHonesty(later, bo)
    expect(complaints.filter((complaint) => !/WebSocket|ERR_CONNECTION_REFUSED/.test(complaint))).toEqual([])
  })

  test('brings every document to this device at a click', async () => {
    const demo = await startDemo(browser)
    const bo = await demo.open('Bo', '/')
    for (const title of ['One', 'Two']) {
      await bo.page.getByTestId('new-text').click()
      await bo.editor.waitFor()
      await bo.page.getByLabel('Title').fill(title)
      await bo.sees('saved')
      await bo.page.getByRole('link', { name: 'All documents' }).click()
    }
    const ada = await demo.open('Ada', '/')
    await ada.seesListed('Two', 'One')
    await ada.page.getByTestId('keep-all').click()
    await ada.list.getByText('on this device').nth(1).waitFor()
    expect(await ada.page.getByTestId('held').textContent()).toMatch(/^[\d.]+ MB of \d+ [GM]B used on this device$/)
    expect(await ada.page.getByTestId('keep-all').isVisible()).toBe(false)
    await filesKept(ada.page)
    await demo.relay.kill('SIGKILL')
    await ada.page.reload()
    await ada.list.getByRole('link', { name: 'One' }).click()
    await ada.editor.waitFor()
    expect(await ada.page.getByLabel('Title').inputValue()).toBe('One')
    await ada.seesOffline(0)
  })
})
