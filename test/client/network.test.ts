import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import * as Y from 'yjs'
import { launchBrowser, withoutBrowser } from '../support/browser.js'
import { seededRandom } from '../support/random.js'
import { applyEdit, type Edit, loadSequentialTrace } from '../support/traces.js'
import { openTab, startRelayWithPage } from './browser.js'
import { join, Wire } from './world.js'

const cuts = 50
const keys = Number(process.env.SYNCLINE_NETWORK_KEYS ?? 20_000)
const seed = Number(process.env.SYNCLINE_SEED ?? Math.floor(Math.random() * 2 ** 31))
const dayMs = 24 * 3_600_000
const timeout = 120_000 + keys * 10

describe.skipIf(withoutBrowser)('a bad network', () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await launchBrowser()
  })

  afterAll(() => browser?.close())

  test(`is cut and restored ${cuts} times while ${keys} recorded keys are typed, and the clock jumps`, {
    timeout,
  }, async () => {
    console.log(`SYNCLINE_SEED=${seed} npx vitest run test/client/network.test.ts`)
    const random = seededRandom(seed)
    const edits = loadSequentialTrace('automerge-paper').edits.slice(0, keys)
    const relay = await startRelayWithPage()
    const wire = new Wire(relay)
    await wire.start()
    const context = await browser.newContext()
    onTestFinished(() => context.close())
    const tab = await openTab(context, wire)
    await tab.page.evaluate(async () => {
      const store = tools.indexedDbStore()
      globalThis.connection = tools.connect(location.origin, { store, retryMsMax: 200 })
      globalThis.handle = connection.open('x')
      await handle.loaded
    })
    const type = (part: readonly Edit[]) =>
      tab.page.evaluate(async (part) => {
        const text = handle.doc.getText('text')
        for (const [index, [position, deleted, inserted]] of part.entries()) {
          if (deleted > 0) text.delete(position, deleted)
          if (inserted !== '') text.insert(position, inserted)
          // as keys come: a turn of the event loop for a few of them
          if (index % 8 === 0) await new Promise((done) => setTimeout(done))
        }
      }, part as Edit[])
    let lies = 0
    for (let cut = 0; cut < cuts; cut++) {
      const [from, to] = [cut, cut + 1].map((index) => Math.floor((index * edits.length) / cuts))
      const typing = type(edits.slice(from, to))
      // somewhere within that part the line goes, and for a while or at once it comes back
      await new Promise((later) => setTimeout(later, random() * 60))
      wire.bringDown()
      if (random() < 0.5) await typing
      const jumpMs = (random() * 2 - 1) * dayMs
      lies += await tab.page.evaluate((jumpMs) => {
        const real = Date.now
        Date.now = () => real() + jumpMs
        return handle.status.saved !== (handle.status.pending === 0) ? 1 : 0
      }, jumpMs)
      wire.restore()
      await typing
    }
    await tab.saved()
    expect(lies).toBe(0)
    const expected = new Y.Doc().getText()
    for (const edit of edits) applyEdit(expected, edit)
    const whole = expected.toString()
    expect(await tab.text()).toBe(whole)
    expect(await tab.status()).toMatchObject({ pending: 0, unkept: 0, saved: true, storage: 'ok' })
    const reader = join(relay).open('x')
    await reader.synced
    expect(reader.doc.getText('text').toString()).toBe(whole)
    expect(tab.complaints).toEqual([])
    await tab.kept()
    await tab.page.close()
    const offline = await openTab(context, wire)
    await offline.join({ online: false })
    expect(await offline.text()).toBe(whole)
    expect(await offline.status()).toMatchObject({ pending: 0, saved: true })
  })
})
