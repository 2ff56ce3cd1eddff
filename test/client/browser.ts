import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Connection, DocumentHandle } from '@syncline/client'
import { build } from 'esbuild'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { onTestFinished } from 'vitest'
import { findChromium } from '../../scripts/chromium.mjs'
import { within } from '../support/until.js'
import { startRelay, type TestRelay } from './world.js'

const source = (name: string, file: string) =>
  fileURLToPath(new URL(`../../packages/${name}/src/${file}.ts`, import.meta.url))

declare global {
  /** of the page's own document, made by {@link Tab.join} */
  var connection: Connection
  var handle: DocumentHandle
}

let bundled: Promise<string> | null = null

/** The client from its sources, as a browser's bundler builds it. */
async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('./page/main.ts', import.meta.url))],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    write: false,
    alias: {
      '@syncline/client/indexeddb': source('client', 'store/indexeddb'),
      '@syncline/client': source('client', 'index'),
      '@syncline/protocol': source('protocol', 'index'),
      '#websocket': source('client', 'websocket/browser'),
    },
  })
  return outputFiles[0]!.text
}

/** A relay that also serves an empty page with the client in it. */
export async function startRelayWithPage(): Promise<TestRelay> {
  bundled ??= bundle()
  const script = await bundled
  const relay = await startRelay()
  relay.page = (request, response) => {
    if (request.url === '/main.js') response.writeHead(200, { 'content-type': 'text/javascript' }).end(script)
    else response.writeHead(200, { 'content-type': 'text/html' }).end('<script type="module" src="/main.js"></script>')
  }
  return relay
}

/** A browser profile on disk, and the browser that runs on it: it can be killed. */
export class Profile {
  readonly #directory = mkdtempSync(join(tmpdir(), 'syncline-profile-'))
  #child: ChildProcess | null = null
  #browser: Browser | null = null

  async start(): Promise<BrowserContext> {
    const child = spawn(
      findChromium()!,
      [
        '--headless=new',
        '--remote-debugging-port=0',
        `--user-data-dir=${this.#directory}`,
        '--disable-gpu',
        '--no-first-run',
        '--disable-background-networking',
        ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
        'about:blank',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'], detached: true },
    )
    this.#child = child
    const url = new Promise<string>((resolve) => {
      createInterface({ input: child.stderr! }).on('line', (line) => {
        const [, url] = /DevTools listening on (ws:\S+)/.exec(line) ?? []
        if (url) resolve(url)
      })
    })
    this.#browser = await chromium.connectOverCDP(await within('the browser to start', url, 30_000))
    return this.#browser.contexts()[0]!
  }

  /** SIGKILL to all its processes at once, as when the battery is gone. */
  async kill(): Promise<void> {
    const child = this.#child
    if (child === null) return
    this.#child = null
    const exited = once(child, 'exit')
    process.kill(-child.pid!, 'SIGKILL')
    await exited
    await this.#browser?.close().catch(() => undefined)
  }

  async remove(): Promise<void> {
    await this.kill()
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
}

/** A profile that is gone when the test is over. */
export function newProfile(): Profile {
  const profile = new Profile()
  onTestFinished(() => profile.remove())
  return profile
}

/** A tab with the client in it. */
export class Tab {
  readonly page: Page
  /** errors that nobody caught */
  readonly complaints: string[] = []

  constructor(page: Page) {
    this.page = page
    page.on('pageerror', (error) => this.complaints.push(String(error)))
  }

  /** Opens the document `x` with a store of its own. */
  async join(
    options: { online?: boolean; name?: string; adopt?: string; identity?: string; tabs?: boolean } = {},
  ): Promise<void> {
    const { online = true, name = 'x', adopt, identity = '', tabs = true } = options
    await this.page.evaluate(
      async ({ online, name, adopt, identity, tabs }) => {
        const store = tools.indexedDbStore(adopt ? { adopt: () => adopt } : {})
        globalThis.connection = tools.connect(location.origin, { store, online, identity, tabs })
        globalThis.handle = connection.open(name)
        await handle.loaded
      },
      { online, name, adopt, identity, tabs },
    )
  }

  /** True where this tab has the socket for all. */
  leads(): Promise<boolean> {
    return this.page.evaluate(async () => {
      const probe = `probe ${Math.random()}`
      const { held = [] } = await navigator.locks.request(probe, () => navigator.locks.query())
      const holderOf = (wanted: (name: string) => boolean) => held.find(({ name }) => wanted(name!))?.clientId
      return holderOf((name) => name.endsWith(':leader')) === holderOf((name) => name === probe)
    })
  }

  /** Puts text at the end, each character a change. */
  type(text: string): Promise<void> {
    return this.page.evaluate((text) => {
      const shared = handle.doc.getText('text')
      for (const character of text) shared.insert(shared.length, character)
    }, text)
  }

  /** Like {@link type}, each character in a turn of its own. */
  typeSlowly(text: string): Promise<void> {
    return this.page.evaluate(async (text) => {
      const shared = handle.doc.getText('text')
      for (const character of text) {
        shared.insert(shared.length, character)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }, text)
  }

  text(): Promise<string> {
    return this.page.evaluate(() => handle.doc.getText('text').toString())
  }

  status(): Promise<DocumentHandle['status']> {
    return this.page.evaluate(() => handle.status)
  }

  kept(): Promise<void> {
    return this.page.evaluate(() => handle.keptLocally())
  }

  saved(): Promise<void> {
    return this.page.evaluate(() => handle.saved())
  }

  noted(): Promise<boolean> {
    return isNoted(this.page, 'x')
  }

  async goOnline(): Promise<void> {
    await this.page.evaluate(() => connection.goOnline())
    await this.page.evaluate(() => handle.synced)
  }

  /** How many bytes the values of a database have, and its rows. */
  database(name?: string): Promise<{ rows: number; bytes: number; version: number }> {
    return this.page.evaluate(async (wanted) => {
      const name = wanted ?? (await indexedDB.databases()).find(({ name }) => name?.endsWith(':x'))!.name!
      const done = <T>(request: IDBRequest<T>) =>
        new Promise<T>((resolve, reject) => {
          request.onsuccess = () => resolve(request.result)
          request.onerror = () => reject(request.error)
        })
      const database = await done(indexedDB.open(name))
      const transaction = database.transaction(['updates', 'custom'])
      const rows: Uint8Array[] = await done(transaction.objectStore('updates').getAll())
      const custom = await done(transaction.objectStore('custom').getAll())
      const { version } = database
      database.close()
      const bytes = rows.reduce((sum, row) => sum + row.length, 0) + JSON.stringify(custom).length
      return { rows: rows.length, bytes, version }
    }, name)
  }
}

/** True where the store says that all of a document is saved and synced: that is written a little after it is so. */
export function isNoted(page: Page, document: string): Promise<boolean> {
  return page.evaluate(async (document) => {
    const done = <T>(request: IDBRequest<T>) =>
      new Promise<T>((resolve, reject) => {
        request.onsuccess = () => resolve(request.result)
        request.onerror = () => reject(request.error)
      })
    const name = (await indexedDB.databases()).find(({ name }) => name?.endsWith(`:${document}`))!.name!
    const database = await done(indexedDB.open(name))
    const transaction = database.transaction(['updates', 'custom'])
    const [ids, state] = await Promise.all([
      done(transaction.objectStore('updates').getAllKeys()),
      done<{ resume: unknown; syncedAt?: number; saved: number[] }>(transaction.objectStore('custom').get('syncline')),
    ])
    database.close()
    const isSaved = (id: number) => state.saved.filter((end) => end <= id).length % 2 === 1
    return state.resume !== null && state.syncedAt !== undefined && ids.every((id) => isSaved(Number(id)))
  }, document)
}

/** A new tab on the relay's page. */
export async function openTab(context: BrowserContext, relay: { readonly url: string }): Promise<Tab> {
  const tab = new Tab(await context.newPage())
  tab.page.setDefaultTimeout(15_000)
  await tab.page.goto(relay.url)
  await tab.page.waitForFunction(() => 'tools' in globalThis)
  return tab
}
