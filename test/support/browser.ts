import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { expect, onTestFinished } from 'vitest'
import { findChromium } from '../../scripts/chromium.mjs'

const executable = findChromium()

/**
 * True where browser tests have to be skipped: `describe.skipIf(withoutBrowser)`. With SYNCLINE_REQUIRE_BROWSER=1 they
 * are not skipped, and fail where no browser is.
 */
export const withoutBrowser = executable === null && process.env.SYNCLINE_REQUIRE_BROWSER !== '1'

/**
 * Starts the system's Chromium without a window. Each {@link visit} is a person with a profile of their own.
 *
 * @param args further arguments of the command line
 */
export async function launchBrowser(args: readonly string[] = []): Promise<Browser> {
  if (executable === null) throw new Error('no Chromium or Chrome found; SYNCLINE_CHROMIUM can name one')
  return chromium.launch({
    executablePath: executable,
    // Chromium refuses its sandbox to root, and only to root
    chromiumSandbox: process.getuid?.() !== 0,
    args: [
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...args,
    ],
    // a page that one leaves and comes back to goes on where it was, as it does for everybody
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
  })
}

// how Chromium reports an attempt to reach a relay that is not there, or dies before it can answer
const unreachable = [
  /^WebSocket connection to 'ws:[^']+' failed: (.*net::ERR_(CONNECTION_(REFUSED|RESET|CLOSED)|EMPTY_RESPONSE)|Connection closed before)/,
  // it is stopping
  /^WebSocket connection to 'ws:[^']+' failed: Error during WebSocket handshake: Unexpected response code: 503/,
  // whether plain HTTP gets through where no WebSocket does
  /^Failed to load resource: net::ERR_(CONNECTION_(REFUSED|RESET|CLOSED)|EMPTY_RESPONSE) \(http:[^)]+\/sync\/events\)/,
]

let pictureFolder: string | null = null

/** A person with a browser profile of their own, who looks at one page. */
export class Visitor {
  readonly name: string
  readonly page: Page
  /** errors of the page: uncaught ones, and what was written to the console as such */
  readonly complaints: string[] = []

  constructor(name: string, page: Page) {
    this.name = name
    this.page = page
    page.on('pageerror', (error) => this.complaints.push(error.stack ?? String(error)))
    page.on('crash', () => this.complaints.push('the page crashed'))
    page.on('console', (message) => {
      if (message.type() === 'error') this.complaints.push(`${message.text()} (${message.location().url})`)
    })
  }

  /** The errors without those that a test causes when it kills the relay. */
  get unexpectedComplaints(): string[] {
    return this.complaints.filter((complaint) => !unreachable.some((pattern) => pattern.test(complaint)))
  }

  /** Takes a picture of the page and tells where it is. */
  async takePicture(): Promise<void> {
    if (this.page.isClosed()) return
    pictureFolder ??= mkdtempSync(join(tmpdir(), 'syncline-pictures-'))
    const path = join(pictureFolder, `${Date.now()}-${this.name}.png`)
    // the failure is what has to be told: a page that cannot be painted any more must not hide it
    const told = await this.page.screenshot({ path, timeout: 5_000 }).then(() => path, String)
    console.error(`${this.name} at ${this.page.url()}: ${told}`)
  }
}

/**
 * A new visitor, who leaves when the test has finished. Where it failed, a picture shows what they saw then; an error
 * in the page makes it fail.
 */
export async function visit(browser: Browser, name: string, options: BrowserContextOptions = {}): Promise<Visitor> {
  const context = await browser.newContext(options)
  const visitor = new Visitor(name, await context.newPage())
  visitor.page.setDefaultTimeout(15_000)
  onTestFinished(async ({ task }) => {
    if (task.result?.state === 'fail' || visitor.unexpectedComplaints.length > 0) await visitor.takePicture()
    await context.close()
    expect(visitor.unexpectedComplaints, `what the page of ${name} complained of`).toEqual([])
  })
  return visitor
}
