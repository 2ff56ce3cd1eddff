import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { launchBrowser, withoutBrowser } from '../support/browser.js'
import { until, within } from '../support/until.js'
import { openTab, startRelayWithPage } from './browser.js'
import { join, type TestRelay } from './world.js'

const keys = 60

/** Somebody types key by key, each of which the relay sends on its own. */
async function typeAlong(relay: TestRelay): Promise<string> {
  const writer = join(relay).open('x')
  const text = writer.doc.getText('text')
  await within('the text', writer.synced)
  for (let i = 0; i < keys; i++) {
    text.insert(text.length, String.fromCharCode(97 + (i % 26)))
    await within('the save', writer.saved())
  }
  return text.toString()
}

describe.skipIf(withoutBrowser)('a page that is busy', { timeout: 60_000 }, () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await launchBrowser()
  })

  afterAll(() => browser?.close())

  test.each([
    ['alone', false],
    // so long that it has to ask whether it still leads the tabs
    ['with other tabs', true],
  ])('shows what waited in few changes and in order, though the relay is gone right behind it: %s', async (_, tabs) => {
    const relay = await startRelayWithPage()
    const context = await browser.newContext()
    onTestFinished(() => context.close())
    const tab = await openTab(context, relay)
    await tab.join({ tabs })
    const page = relay.page
    const free = new Promise<() => void>((resolve) => {
      relay.page = (request, response) => {
        if (request.url === '/free') resolve(() => response.end())
        else page(request, response)
      }
    })
    await tab.page.evaluate(async () => {
      await handle.synced
      const shown: string[] = []
      handle.doc.on('update', () => shown.push(handle.doc.getText('text').toString()))
      Object.assign(globalThis, { shown })
      // it is over when somebody has said so by the only way into a page that does nothing else
      setTimeout(() => {
        const request = new XMLHttpRequest()
        request.open('GET', '/free', false)
        request.send()
      })
    })
    const release = await within('the page to be busy', free)
    const text = await typeAlong(relay)
    release()
    await relay.stop()
    await until('the page to show it', async () => (await tab.text()) === text)
    const shown = await tab.page.evaluate(() => (globalThis as unknown as { shown: string[] }).shown)
    expect(shown.length).toBeLessThan(keys / 3)
    for (const each of shown) expect(text.startsWith(each)).toBe(true)
    await relay.start()
    await tab.page.evaluate(() => connection.goOnline())
    await until('the page to be in sync again', async () => (await tab.status()).synced)
    expect(await tab.text()).toBe(text)
    expect(tab.complaints).toEqual([])
  })
})
