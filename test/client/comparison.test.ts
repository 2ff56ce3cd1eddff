import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { WebsocketProvider } from 'y-websocket'
import { launchBrowser, withoutBrowser } from '../support/browser.js'
import { type Edit, loadSequentialTrace } from '../support/traces.js'
import { until } from '../support/until.js'
import { isNoted, openTab, startRelayWithPage } from './browser.js'
import type { TestRelay } from './world.js'

const keys = Number(process.env.SYNCLINE_COMPARED_KEYS ?? 2_000)
const opens = 5
const timeout = 120_000 + keys * 10

declare global {
  /** the document of the page, and how both sides tell that it is saved and kept */
  var side: {
    readonly doc: import('yjs').Doc
    /** it shows what this device has */
    readonly painted: Promise<unknown>
    synced(): Promise<unknown>
  }
}

interface Side {
  readonly name: string
  /** runs in the page */
  readonly start: () => void
  /** what it notes of that on this device is on the disk too */
  readonly noted: (page: Page) => Promise<boolean>
}

const ours: Side = {
  name: 'syncline',
  start: () => {
    const connection = tools.connect(location.origin, { store: tools.indexedDbStore() })
    const handle = connection.open('ours')
    globalThis.side = {
      doc: handle.doc,
      painted: handle.loaded,
      synced: () => handle.synced.then(() => Promise.all([handle.saved(), handle.keptLocally()])),
    }
  },
  noted: (page) => isNoted(page, 'ours'),
}

const usual: Side = {
  name: 'y-websocket + y-indexeddb',
  start: () => {
    const doc = new tools.Y.Doc()
    const persistence = new tools.IndexeddbPersistence('usual', doc)
    const provider: WebsocketProvider = new tools.WebsocketProvider(`${location.origin}/y`, 'usual', doc)
    globalThis.side = {
      doc,
      painted: persistence.whenSynced,
      synced: async () => {
        await persistence.whenSynced
        while (!provider.synced) await new Promise((later) => setTimeout(later, 5))
      },
    }
  },
  noted: async () => true,
}

describe.skipIf(withoutBrowser)('beside y-websocket and y-indexeddb', () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await launchBrowser()
  })

  afterAll(() => browser?.close())

  test('the same text costs less to reconnect, to keep and to open again', { timeout }, async () => {
    const relay = await startRelayWithPage()
    const { edits, origin } = loadSequentialTrace('automerge-paper')
    const results: Record<string, Awaited<ReturnType<typeof measure>>> = {}
    for (const side of [ours, usual]) results[side.name] = await measure(browser, relay, side, edits.slice(0, keys))
    console.log(`${keys} keys of ${origin}, ${opens} opens without an edit, against the same relay`)
    console.table(results)
    const [own, other] = [results[ours.name]!, results[usual.name]!]
    expect(own['bytes of a reconnect']).toBeLessThanOrEqual(300)
    expect(own['bytes of a reconnect']).toBeLessThan(other['bytes of a reconnect'])
    // less, where the first tab was closed before it had joined its rows
    expect(own['growth of the first opening']).toBeLessThanOrEqual(0)
    expect(own['growth of opening']).toBe(0)
    expect(own.characters).toBe(other.characters)
  })
})

async function measure(browser: Browser, relay: TestRelay, side: Side, edits: readonly Edit[]) {
  const context = await browser.newContext()
  onTestFinished(() => context.close())
  const first = await begin(context, relay, side)
  await first.evaluate(async (edits) => {
    const text = globalThis.side.doc.getText('text')
    for (const [index, [position, deleted, inserted]] of edits.entries()) {
      if (deleted > 0) text.delete(position, deleted)
      if (inserted !== '') text.insert(position, inserted)
      if (index % 8 === 0) await new Promise((done) => setTimeout(done))
    }
    await globalThis.side.synced()
  }, edits as Edit[])
  await leave(first, relay, side)
  const before = await keptBytes(context, relay)
  let settled = before
  let reconnectBytes = 0
  const paints: number[] = []
  for (let open = 0; open < opens; open++) {
    const page = await context.newPage()
    const traffic = { bytes: 0 }
    page.on('websocket', (socket) => {
      const count = ({ payload }: { payload: string | Buffer }) => {
        traffic.bytes += payload.length
      }
      socket.on('framesent', count)
      socket.on('framereceived', count)
    })
    await load(page, relay)
    const startedAt = await page.evaluate(() => performance.now())
    await page.evaluate(side.start)
    paints.push((await page.evaluate(() => globalThis.side.painted.then(() => performance.now()))) - startedAt)
    await page.evaluate(() => globalThis.side.synced())
    reconnectBytes = Math.max(reconnectBytes, traffic.bytes)
    await leave(page, relay, side)
    if (open === 0) settled = await keptBytes(context, relay)
  }
  const after = await keptBytes(context, relay)
  const last = await begin(context, relay, side)
  const characters = await last.evaluate(() => globalThis.side.doc.getText('text').length)
  await leave(last, relay, side)
  return {
    'bytes of a reconnect': reconnectBytes,
    'bytes kept': before,
    'growth of the first opening': settled - before,
    'growth of opening': after - settled,
    'ms to the text, median': Math.round(paints.sort((a, b) => a - b)[opens >> 1]!),
    characters,
  }
}

/** Closes a tab in which nothing is left to be done, and waits until the relay has seen it go. */
async function leave(page: Page, relay: TestRelay, side: Side): Promise<void> {
  await until('the disk to have what is to be noted', () => side.noted(page))
  await page.close()
  await until('the relay to miss it', () => relay.stats.connections === 0)
}

async function load(page: Page, relay: TestRelay): Promise<void> {
  page.setDefaultTimeout(timeout)
  await page.goto(relay.url)
  await page.waitForFunction(() => 'tools' in globalThis)
}

async function begin(context: BrowserContext, relay: TestRelay, side: Side): Promise<Page> {
  const page = await context.newPage()
  await load(page, relay)
  await page.evaluate(side.start)
  await page.evaluate(() => globalThis.side.synced())
  return page
}

/** Bytes of the values in all databases of the page. */
async function keptBytes(context: BrowserContext, relay: TestRelay): Promise<number> {
  const { page } = await openTab(context, relay)
  const bytes = await page.evaluate(async () => {
    const done = <T>(request: IDBRequest<T>) =>
      new Promise<T>((resolve, reject) => {
        request.onsuccess = () => resolve(request.result)
        request.onerror = () => reject(request.error)
      })
    let bytes = 0
    for (const { name } of await indexedDB.databases()) {
      const database = await done(indexedDB.open(name!))
      for (const store of Array.from(database.objectStoreNames)) {
        const values = await done(database.transaction(store).objectStore(store).getAll())
        for (const value of values) bytes += value instanceof Uint8Array ? value.length : JSON.stringify(value).length
      }
      database.close()
    }
    return bytes
  })
  await page.close()
  return bytes
}
