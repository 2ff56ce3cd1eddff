import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Connection, DocumentHandle } from '@syncline/client'
import { build } from 'esbuild'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { launchBrowser, visit, withoutBrowser } from '../support/browser.js'
import { joinNative, joinYWebsocket } from '../support/clients.js'
import { type RelayProcess, startRelay } from '../support/relay.js'
import { root } from '../support/tree.js'
import { until } from '../support/until.js'

declare global {
  interface Window {
    connection: Connection
    handle: DocumentHandle
    /** set by a test: from then on no timer of the client comes, and nothing but the page's events can wake it */
    timersStopped: boolean
  }
}

/** What an application is at least: an element that shows the text, and a connection that does the rest. */
const script = `
  import { connect } from '@syncline/client'

  const clock = {
    now: () => performance.now(),
    after(ms, call) {
      const timer = setTimeout(() => window.timersStopped || call(), ms)
      return () => clearTimeout(timer)
    },
    // no timer: an event of the page
    soon(call) {
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = () => call()
      port2.postMessage(0)
    },
  }
  const connection = connect(location.origin, { clock })
  const handle = connection.open('notes')
  const text = handle.doc.getText()
  text.observe(() => { document.querySelector('main').textContent = text.toString() })
  Object.assign(window, { connection, handle, timersStopped: false })
`

const html = '<!doctype html><meta charset="utf-8"><title>Notes</title><link rel="icon" href="data:,"><main></main>'

describe.skipIf(withoutBrowser)('a plain script from a bundle, with the client as it is published', () => {
  let browser: Browser
  let folder: string
  let relay: RelayProcess

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'syncline-script-'))
    const outfile = join(folder, 'notes.js')
    await build({
      stdin: { contents: script, resolveDir: root },
      bundle: true,
      format: 'iife',
      outfile,
      logLevel: 'error',
    })
    writeFileSync(join(folder, 'index.html'), `${html}<script src="/notes.js"></script>`)
    writeFileSync(join(folder, 'elsewhere.html'), html)
    browser = await launchBrowser()
  })

  afterAll(async () => {
    await browser?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  beforeEach(async () => {
    relay = await startRelay({ args: ['--static', folder] })
  })

  afterEach(() => relay.stop())

  /** A page with the script, in sync. */
  async function open(name: string): Promise<Page> {
    const { page } = await visit(browser, name)
    await page.goto(relay.url)
    await page.evaluate(() => window.handle.synced)
    return page
  }

  const write = (page: Page, written: string) =>
    page.evaluate((written) => {
      const text = window.handle.doc.getText()
      text.insert(text.length, written)
    }, written)

  const reads = (page: Page, text: string) => page.locator('main').getByText(text, { exact: true }).waitFor()

  const stateOf = (page: Page) => page.evaluate(() => window.connection.state)

  const becomes = (page: Page, ...states: string[]) =>
    until(`the connection to be ${states.join(' or ')}`, async () => states.includes(await stateOf(page)))

  test('edits together with Node and with y-websocket, and says truthfully what is saved', async () => {
    const page = await open('Ada')
    const [node, y] = [joinNative(relay, 'notes'), joinYWebsocket(relay, 'notes')]
    await Promise.all([node.synced, y.synced])
    expect(await page.evaluate(() => window.handle.status)).toMatchObject({ synced: true, saved: true, pending: 0 })
    const counts = await page.evaluate(async () => {
      const { handle } = window
      handle.doc.getText().insert(0, 'a')
      handle.doc.getText().insert(1, 'b')
      const before = handle.status
      await handle.saved()
      return [before, handle.status].map(({ pending, saved }) => ({ pending, saved }))
    })
    expect(counts).toEqual([
      { pending: 2, saved: false },
      { pending: 0, saved: true },
    ])
    await until('Node to read it', () => node.text.toString() === 'ab')
    node.text.insert(2, 'c')
    await reads(page, 'abc')
    await until('it to be everywhere', () => y.text.toString() === 'abc')
    y.text.insert(3, 'd')
    await reads(page, 'abcd')

    node.handle.awareness.setLocalState({ user: { name: 'Node' } })
    await page.evaluate(() => window.handle.awareness.setLocalState({ user: { name: 'Ada' } }))
    const seen = () => [...node.handle.awareness.getStates().values()].flatMap(({ user }) => user?.name ?? []).sort()
    await until('Node to see the page', () => String(seen()) === 'Ada,Node', { seen })
    await page.close()
    await until('the page to be gone', () => String(seen()) === 'Node', { seen })
    await Promise.all([node.leave(), y.leave()])
  })

  test('writes before the relay can be reached, and comes back by itself', async () => {
    const page = await open('Ada')
    await relay.kill('SIGKILL')
    await becomes(page, 'offline')
    await write(page, 'written while it was away')
    expect(await page.evaluate(() => window.handle.status)).toMatchObject({ pending: 1, saved: false, synced: false })
    await relay.start()
    await page.evaluate(() => window.handle.saved())
    await reads(await open('Bo'), 'written while it was away')
  })

  test('has next to nothing to send when it comes back and nothing has changed', async () => {
    const page = await open('Ada')
    await write(page, 'a document of some weight. '.repeat(10_000))
    await page.evaluate(() => window.handle.saved())
    let bytes = 0
    const count = ({ payload }: { payload: string | Buffer }) => {
      bytes += payload.length
    }
    page.on('websocket', (socket) => socket.on('framesent', count).on('framereceived', count))
    await relay.restart()
    await until('it to be in sync again', () => bytes > 0 && page.evaluate(() => window.handle.status.synced))
    expect(bytes).toBeLessThanOrEqual(300)
  })

  /** The connection is lost and the relay back, but no timer of the client will ever find out. */
  async function loseForGood(page: Page): Promise<void> {
    await page.evaluate(() => {
      window.timersStopped = true
    })
    await relay.restart()
    await becomes(page, 'connecting', 'offline')
    await write(page, 'kept')
    expect(await page.evaluate(() => window.handle.status.pending)).toBe(1)
  }

  test('comes back at once when the network does', async () => {
    const page = await open('Ada')
    await loseForGood(page)
    for (const offline of [true, false]) await page.context().setOffline(offline)
    await becomes(page, 'online')
    await page.evaluate(() => window.handle.saved())
  })

  test('comes back at once when the page is looked at again', async () => {
    const page = await open('Ada')
    await loseForGood(page)
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
    await becomes(page, 'online')
    await page.evaluate(() => window.handle.saved())
  })

  test('leaves with the page, and is back with all that it had when the page comes back', async () => {
    const [page, other] = [await open('Ada'), await open('Bo')]
    const clientOf = (page: Page) => page.evaluate(() => window.handle.doc.clientID)
    const client = await clientOf(page)
    await write(page, 'here')
    await reads(other, 'here')
    await page.evaluate(() => window.handle.awareness.setLocalState({ user: { name: 'Ada' } }))
    const others = () => other.evaluate(() => window.handle.awareness.getStates().size - 1)
    await until('Bo to see Ada', async () => (await others()) === 1)

    await page.goto(`${relay.url}/elsewhere.html`)
    await until('Bo to see that Ada has left', async () => (await others()) === 0)
    await write(other, ', and there')
    await page.goBack({ waitUntil: 'commit' })
    await reads(page, 'here, and there')
    expect(await clientOf(page), 'the page that was kept, not loaded again').toBe(client)
    expect(await stateOf(page)).toBe('online')
    await until('Bo to see Ada again', async () => (await others()) === 1)
  })
})
