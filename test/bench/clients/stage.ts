import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { findChromium } from '../../../scripts/chromium.mjs'
import { Server } from '../servers/server.js'
import { Trial } from '../trial.js'
import type { Side } from './sides.js'

/** Chromium or Chrome of this machine; null where there is none. */
export const browserPath = findChromium()

// this file runs from where it is built to, node_modules/.syncline/bench
const pageSource = fileURLToPath(new URL('../../../test/bench/clients/page.ts', import.meta.url))

/** A client in a browser, with its own server, and people beside it who are no browsers. */
export class Stage {
  readonly side: Side
  readonly isQuick: boolean
  /** the others */
  readonly trial: Trial
  readonly #server: Server
  readonly #browser: Browser

  private constructor(side: Side, isQuick: boolean, server: Server, browser: Browser) {
    this.side = side
    this.isQuick = isQuick
    const { kind, base } = server
    this.trial = new Trial({ wire: kind.wire, base, keeps: true, server, pid: () => server.pid }, '', isQuick)
    this.#server = server
    this.#browser = browser
  }

  /** Runs `act` on a new stage, and clears it away. */
  static async with<T>(side: Side, isQuick: boolean, act: (stage: Stage) => Promise<T>): Promise<T> {
    const server = await Server.start(side.server)
    try {
      const browser = await launch()
      const stage = new Stage(side, isQuick, server, browser)
      try {
        return await act(stage)
      } finally {
        await stage.trial.end()
        await browser.close()
      }
    } finally {
      await server.remove()
    }
  }

  /** Somebody with a browser of their own, in which nothing is stored yet. */
  newPerson(): Promise<BrowserContext> {
    // a page that no server sent, as these, may not connect to this machine unless it is told so
    return this.#browser.newContext({ permissions: ['local-network-access'] })
  }

  /** A new tab, in which no document is open yet. */
  async newPage(person: BrowserContext): Promise<Page> {
    const page = await person.newPage()
    // the page comes from the server's own address: a relay lets only its own pages connect
    const address = new URL('/bench', this.#address)
    const script = await bundle()
    await page.route('**/bench', (route) => {
      return route.fulfill({ contentType: 'text/html', body: '<!doctype html><script src="/bench.js"></script>' })
    })
    await page.route('**/bench.js', (route) => route.fulfill({ contentType: 'text/javascript', body: script }))
    await page.goto(address.href)
    await page.waitForFunction(() => 'synclineBench' in globalThis)
    return page
  }

  /** Opens a document in a page. */
  open(page: Page, document: string) {
    const { name } = this.side
    const base = this.side.scheme === 'http' ? this.#address : this.#server.base
    return page.evaluate(([name, base, document]) => synclineBench.open(name, base, document), [
      name,
      base,
      document,
    ] as const)
  }

  get #address(): string {
    return this.#server.base.replace(/^ws/, 'http')
  }
}

function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: browserPath!,
    // Chromium refuses its sandbox to root, and only to root
    chromiumSandbox: process.getuid?.() !== 0,
    args: ['--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update'],
  })
}

let bundled: Promise<string> | null = null

/** The page as an application's bundler makes it. */
function bundle(): Promise<string> {
  bundled ??= build({
    entryPoints: [pageSource],
    bundle: true,
    minify: true,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    write: false,
    logLevel: 'error',
  }).then(({ outputFiles }) => outputFiles[0]!.text)
  return bundled
}
