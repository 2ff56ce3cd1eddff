import { readFileSync } from 'node:fs'
import type { Browser, BrowserContext } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import * as Y from 'yjs'
import { launchBrowser, withoutBrowser } from '../support/browser.js'
import { applyEdit, loadSequentialTrace } from '../support/traces.js'
import { until } from '../support/until.js'
import { newProfile, openTab, startRelayWithPage, type Tab } from './browser.js'
import { join, type TestRelay } from './world.js'

const timeout = 60_000

/** What the README tells to put into a page. */
function closingGuard(): string {
  const readme = readFileSync(new URL('../../packages/client/README.md', import.meta.url), 'utf8')
  const [, code = ''] = /```js\n(addEventListener\('beforeunload'.*?)```/s.exec(readme) ?? []
  return `const notes = handle\n${code}`
}

describe.skipIf(withoutBrowser)('the local store in a browser', () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await launchBrowser()
  })

  afterAll(() => browser?.close())

  async function device(): Promise<{ relay: TestRelay; context: BrowserContext; open: () => Promise<Tab> }> {
    const relay = await startRelayWithPage()
    const context = await browser.newContext()
    const tabs: Tab[] = []
    onTestFinished(async () => {
      await context.close()
      expect(tabs.flatMap((tab) => tab.complaints)).toEqual([])
    })
    const open = async () => {
      const tab = await openTab(context, relay)
      tabs.push(tab)
      return tab
    }
    return { relay, context, open }
  }

  /** What somebody reads who comes with nothing. */
  async function newcomerReads(relay: TestRelay, text: string): Promise<void> {
    const reader = join(relay).open('x')
    await reader.synced
    expect(reader.doc.getText('text').toString()).toBe(text)
  }

  test('a tab is closed while offline, and another one goes on: nothing is lost, nothing is doubled', {
    timeout,
  }, async () => {
    const { relay, open } = await device()
    const first = await open()
    await first.join({ online: false })
    await first.type('written on a train')
    await first.kept()
    expect(await first.status()).toMatchObject({ pending: 18, unkept: 0, saved: false, storage: 'ok' })
    await first.page.close()

    const second = await open()
    await second.join({ online: false })
    expect(await second.text()).toBe('written on a train')
    expect(await second.status()).toMatchObject({ pending: 18, unkept: 0, saved: false })
    await second.type(', and later')
    await second.goOnline()
    await second.saved()
    await newcomerReads(relay, 'written on a train, and later')
    await until('its store to know that', () => second.noted())
    await second.page.close()

    const third = await open()
    await third.join({ online: false })
    expect(await third.text()).toBe('written on a train, and later')
    expect(await third.status()).toMatchObject({ pending: 0, saved: true, connection: 'offline' })
  })

  test('what nobody has open is sent when the relay is there again', { timeout }, async () => {
    const { relay, open } = await device()
    const first = await open()
    await first.join({ online: false })
    await first.type('left behind')
    await first.kept()
    await first.page.close()
    const second = await open()
    await second.join({ name: 'another document' })
    const reader = join(relay).open('x')
    await until('it to be there', () => reader.doc.getText('text').toString() === 'left behind')
  })

  test('the browser is killed after keptLocally: everything is there', { timeout }, async () => {
    const relay = await startRelayWithPage()
    const profile = newProfile()
    const first = await openTab(await profile.start(), relay)
    await first.join({ online: false })
    for (let i = 0; i < 20; i++) {
      await first.type(`${i} `)
      await first.kept()
    }
    const text = await first.text()
    await profile.kill()
    const second = await openTab(await profile.start(), relay)
    await second.join()
    expect(await second.text()).toBe(text)
    await second.saved()
    await newcomerReads(relay, text)
  })

  test('two tabs on one database type offline and come back: equal, saved, and nothing stays marked as pending', {
    timeout,
  }, async () => {
    const { relay, open } = await device()
    const [a, b] = [await open(), await open()]
    await Promise.all([a.join({ online: false }), b.join({ online: false })])
    await Promise.all([a.type('from the first'), b.type('from the second')])
    await Promise.all([a.kept(), b.kept()])
    await Promise.all([a.goOnline(), b.goOnline()])
    await Promise.all([a.saved(), b.saved()])
    await until('equal tabs', async () => (await a.text()) === (await b.text()) && (await a.text()).length === 29)
    await newcomerReads(relay, await a.text())
    await Promise.all([a, b].map((tab) => tab.page.evaluate(() => handle.close())))
    const third = await open()
    await third.join({ online: false })
    expect(await third.text()).toBe(await a.text())
    expect(await third.status()).toMatchObject({ pending: 0, saved: true })
  })

  test('1,000 opens without an edit grow no byte', { timeout }, async () => {
    const { open } = await device()
    const tab = await open()
    await tab.join()
    await tab.type('something')
    await tab.saved()
    await tab.page.evaluate(() => handle.close())
    const before = await tab.database()
    await tab.page.evaluate(async () => {
      for (let i = 0; i < 1_000; i++) {
        const handle = connection.open('x')
        await (i % 10 === 0 ? handle.synced : handle.loaded)
        await handle.close()
      }
    })
    expect(await tab.database()).toEqual(before)
    console.info(`1,000 opens: ${JSON.stringify(before)} before and after`)
  })

  test('a full disk: the edit does not throw, the person is told, and it is written once there is space', {
    timeout,
  }, async () => {
    const { relay, open, context } = await device()
    const tab = await open()
    const devtools = await context.newCDPSession(tab.page)
    await devtools.send('Storage.overrideQuotaForOrigin', { origin: relay.url, quotaSize: 1 })
    await tab.join({ online: false })
    await tab.type('full: ')
    await until('the status to tell', async () => JSON.stringify(await tab.status()).includes('store_full'), {
      seen: () => tab.page.isClosed(),
    })
    expect(await tab.page.evaluate(() => handle.keptLocally().catch((error) => error.code))).toBe('store_full')
    await tab.type('after. ')
    expect(await tab.status()).toMatchObject({ pending: 13, unkept: 13 })

    // a person who has touched the page is asked before it goes
    await tab.page.addScriptTag({ content: closingGuard() })
    await tab.page.mouse.click(1, 1)
    const asked = tab.page.waitForEvent('dialog')
    await tab.page.close({ runBeforeUnload: true })
    const question = await asked
    expect(question.type()).toBe('beforeunload')
    await question.dismiss()

    await devtools.send('Storage.overrideQuotaForOrigin', { origin: relay.url })
    await until('the store to recover', async () => (await tab.status()).unkept === 0)
    expect((await tab.status()).storage).toBe('ok')
    const closed = tab.page.waitForEvent('close')
    await tab.page.close({ runBeforeUnload: true })
    await closed
    const next = await open()
    await next.join({ online: false })
    expect(await next.text()).toBe('full: after. ')
  })

  test('a private window that refuses databases: the document goes on in memory, and is kept once it may be', {
    timeout,
  }, async () => {
    const { open } = await device()
    const tab = await open()
    await tab.page.evaluate(() => {
      const open = indexedDB.open
      indexedDB.open = () => {
        throw new DOMException('Not in a private window', 'InvalidStateError')
      }
      Object.assign(globalThis, { allow: () => Object.assign(indexedDB, { open }) })
    })
    await tab.join()
    await tab.type('in memory')
    await tab.saved()
    expect(await tab.status()).toMatchObject({ saved: true, storage: { code: 'store_unavailable' } })
    expect(await tab.page.evaluate(() => handle.keptLocally().catch((error) => error.code))).toBe('store_unavailable')
    await tab.page.evaluate(() => (globalThis as unknown as { allow: () => void }).allow())
    await until('the copy to be there', async () => (await tab.status()).storage === 'ok')
    await tab.kept()
    await tab.page.close()
    const next = await open()
    await next.join({ online: false })
    expect(await next.text()).toBe('in memory')
  })

  test('a database that another page blocks does not keep the document from the relay, and is used once it is free', {
    timeout,
  }, async () => {
    const { open } = await device()
    const other = await open()
    await other.join()
    await other.page.evaluate(() => connection.close())
    // it closes its connection for nobody, and somebody wants the database to go
    await other.page.evaluate(async () => {
      const { name } = (await indexedDB.databases()).find(({ name }) => name?.endsWith(':x'))!
      const request = indexedDB.open(name!)
      await new Promise((opened) => Object.assign(request, { onsuccess: opened }))
      const { result } = request
      const removal = indexedDB.deleteDatabase(name!)
      await new Promise((blocked) => Object.assign(removal, { onblocked: blocked }))
      Object.assign(globalThis, { unblock: () => result.close() })
    })
    const tab = await open()
    await tab.page.clock.install()
    const joined = tab.join()
    await until('it to be waited for', () => tab.page.evaluate(() => 'handle' in globalThis))
    await tab.page.clock.fastForward(10_000)
    await joined
    await tab.type('blocked')
    await tab.saved()
    expect(await tab.status()).toMatchObject({ saved: true, storage: { code: 'store_unavailable' } })
    await other.page.evaluate(() => (globalThis as unknown as { unblock: () => void }).unblock())
    await until('the copy to be there', async () => (await tab.status()).storage === 'ok')
    await tab.kept()
    await tab.page.close()
    const next = await open()
    await next.join({ online: false })
    expect(await next.text()).toBe('blocked')
  })

  test('site data that is cleared under an open tab is written anew', { timeout }, async () => {
    const { relay, open, context } = await device()
    const tab = await open()
    await tab.join()
    await tab.type('saved, ')
    await tab.saved()
    await tab.page.evaluate(() => connection.goOffline())
    await tab.type('kept')
    await tab.kept()
    const devtools = await context.newCDPSession(tab.page)
    await devtools.send('Storage.clearDataForOrigin', { origin: relay.url, storageTypes: 'indexeddb' })
    await tab.type('!')
    await until('the copy to be whole again', async () => {
      const { unkept, storage } = await tab.status()
      return unkept === 0 && storage === 'ok'
    })
    await tab.page.close()
    const next = await open()
    await next.join({ online: false })
    expect(await next.text()).toBe('saved, kept!')
    await next.goOnline()
    await next.saved()
    await newcomerReads(relay, 'saved, kept!')
  })

  test('logging out removes every byte, also with another tab open, which goes on in memory', { timeout }, async () => {
    const { open } = await device()
    const [a, b] = [await open(), await open()]
    await Promise.all([a.join({ online: false }), b.join({ online: false })])
    await a.type('secret')
    await Promise.all([a.kept(), b.kept()])
    await a.page.evaluate(() => connection.erase())
    await b.type('b')
    await until('the other tab to be told', async () => JSON.stringify(await b.status()).includes('store_erased'))
    expect(await b.text()).toBe('secretb')
    expect(await b.page.evaluate(async () => (await indexedDB.databases()).length)).toBe(0)
  })

  test('a database of y-indexeddb is adopted in place, shared with an old tab, and opens there again', {
    timeout,
  }, async () => {
    const { relay, open } = await device()
    const old = await open()
    await old.page.evaluate(async () => {
      const doc = new tools.Y.Doc()
      const provider = new tools.IndexeddbPersistence('my-notes', doc)
      await provider.whenSynced
      for (const word of ['kept ', 'by ', 'y-indexeddb']) doc.getText('text').insert(doc.getText('text').length, word)
      Object.assign(globalThis, { oldDoc: doc })
    })
    const ours = await open()
    await ours.join({ adopt: 'my-notes', online: false })
    expect(await ours.text()).toBe('kept by y-indexeddb')
    expect((await ours.status()).pending).toBeGreaterThan(0)
    await ours.type(', then by us')
    await ours.goOnline()
    await ours.saved()
    await newcomerReads(relay, 'kept by y-indexeddb, then by us')

    // the old tab has not been closed: its edits still reach the database
    await old.page.evaluate(() => (globalThis as unknown as { oldDoc: Y.Doc }).oldDoc.getMap('old').set('tab', 'alive'))
    await until('its row to be there', async () => (await ours.database('my-notes')).version === 1)
    await ours.page.close()

    const again = await open()
    await again.join({ adopt: 'my-notes', online: false })
    expect(await again.page.evaluate(() => handle.doc.getMap('old').get('tab'))).toBe('alive')
    expect(await again.status()).toMatchObject({ pending: 1 })
    expect(await again.page.evaluate(() => connection.kept())).toEqual(['x'])
    await again.goOnline()
    await again.saved()

    // 600 edits make the old tab trim the database: it merges our rows into one of its own
    await old.page.evaluate(() => {
      const { oldDoc } = globalThis as unknown as { oldDoc: Y.Doc }
      for (let i = 0; i < 600; i++) oldDoc.getMap('old').set('count', i)
    })
    await until('y-indexeddb to trim', async () => (await again.database('my-notes')).rows < 100)
    await again.type('!')
    await again.saved()
    await again.page.evaluate(() => handle.close())

    const back = await open()
    const found = await back.page.evaluate(async () => {
      const doc = new tools.Y.Doc()
      await new tools.IndexeddbPersistence('my-notes', doc).whenSynced
      return { text: doc.getText('text').toString(), count: doc.getMap('old').get('count') }
    })
    expect(found).toEqual({ text: 'kept by y-indexeddb, then by us!', count: 599 })
    const last = await open()
    await last.join({ adopt: 'my-notes', online: false })
    expect(await last.text()).toBe('kept by y-indexeddb, then by us!')
    expect(await last.page.evaluate(() => handle.doc.getMap('old').get('count'))).toBe(599)
  })

  test('a book that was typed offline, much of it key by key, opens in the time of one Yjs load', {
    timeout: 240_000,
  }, async () => {
    const { open } = await device()
    const trace = loadSequentialTrace('automerge-paper')
    const tab = await open()
    await tab.join({ online: false })
    const started = performance.now()
    const singly = Math.min(30_000, trace.edits.length)
    const changes = [
      ...trace.edits.slice(0, singly).map((edit) => [edit]),
      ...Array.from({ length: Math.ceil((trace.edits.length - singly) / 100) }, (_, i) =>
        trace.edits.slice(singly + 100 * i, singly + 100 * (i + 1)),
      ),
    ]
    await tab.page.evaluate(async (changes) => {
      const text = handle.doc.getText('text')
      for (const [i, edits] of changes.entries()) {
        handle.doc.transact(() => {
          for (const [position, deleted, inserted] of edits) {
            if (deleted > 0) text.delete(position, deleted)
            if (inserted !== '') text.insert(position, inserted)
          }
        })
        // turns in between, so that keys are written as they come
        if (i % 100 === 0) await new Promise((resolve) => setTimeout(resolve))
      }
    }, changes)
    await tab.kept()
    const typedMs = performance.now() - started
    const { rows, bytes } = await tab.database()
    await tab.page.close()

    const copy = new Y.Doc()
    for (const edit of trace.edits) applyEdit(copy.getText('text'), edit)
    const state = Array.from(Y.encodeStateAsUpdate(copy))
    const next = await open()
    const measured = await next.page.evaluate(async (state) => {
      const update = Uint8Array.from(state)
      const [loads, opens]: [number[], number[]] = [[], []]
      globalThis.connection = tools.connect(location.origin, { store: tools.indexedDbStore(), online: false })
      // in turn: what else the machine does is then the same for both
      for (let i = 0; i < 5; i++) {
        const loading = performance.now()
        tools.Y.applyUpdate(new tools.Y.Doc(), update)
        loads.push(performance.now() - loading)
        const opening = performance.now()
        globalThis.handle = connection.open('x')
        await handle.loaded
        opens.push(performance.now() - opening)
        if (i < 4) await handle.close()
      }
      const median = (times: number[]) => times.sort((a, b) => a - b)[2]!
      return { openMs: median(opens), yjsMs: median(loads), bytes: update.length }
    }, state)
    expect(await next.text()).toBe(trace.endContent)
    expect((await next.status()).pending).toBe(changes.length)
    console.info(
      `${trace.origin}: ${trace.edits.length} keys in ${changes.length} changes typed offline in ${Math.round(typedMs)} ms, kept in ${rows} rows, ` +
        `${bytes} bytes; opened in ${measured.openMs.toFixed(1)} ms, one Yjs load of ${measured.bytes} bytes takes ` +
        `${measured.yjsMs.toFixed(1)} ms`,
    )
    expect(measured.openMs).toBeLessThan(4 * measured.yjsMs + 100)
  })
})
