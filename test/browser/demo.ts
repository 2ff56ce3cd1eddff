import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core'
import { expect, onTestFinished } from 'vitest'
import * as Y from 'yjs'
import { visit } from '../support/browser.js'
import { joinNative } from '../support/clients.js'
import { type RelayProcess, startRelay } from '../support/relay.js'
import { until, within } from '../support/until.js'
import { Watch } from '../support/watch.js'

/** What kind of editor a document has: its name begins with it. */
export type Kind = 'text' | 'code'

/** What the status line showed at a moment. */
export interface Shown {
  readonly state: string
  readonly pending: number
  readonly text: string
}

/** Somebody else's cursor as it is drawn, in a line of the text. */
export interface Cursor {
  readonly name: string
  readonly before: string
  readonly after: string
}

declare global {
  interface Window {
    /** each status that the page has shown, and each sentence it had read out; kept by {@link keepRecord} */
    record: { shown: Shown[]; spoken: string[] }
  }
}

const built = fileURLToPath(new URL('../../demo/dist', import.meta.url))

/** Where reconnecting after an outage may take the longest backoff. */
const reconnectMsMax = 20_000

/** Waits until the application's files are kept, as they are some moments after the first visit. */
export async function filesKept(page: Page): Promise<void> {
  await page.evaluate(async () => void (await navigator.serviceWorker.ready))
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null, undefined, { polling: 50 })
}

/** The demo as it was built last, served by a real relay that lives as long as the test. */
export class Demo {
  readonly relay: RelayProcess
  readonly #browser: Browser
  readonly #watch: Watch

  constructor(relay: RelayProcess, browser: Browser, watch: Watch) {
    this.relay = relay
    this.#browser = browser
    this.#watch = watch
  }

  /** Somebody opens a page of the demo, and sees it once what it shows is in sync. */
  async open(name: string, path: string, options: BrowserContextOptions = {}): Promise<Person> {
    const { page } = await visit(this.#browser, name, options)
    this.#watch.page(page)
    await page.addInitScript(keepRecord)
    await page.addInitScript((own) => localStorage.setItem('syncline.name', own), name)
    const person = new Person(name, page, this.relay)
    await person.goTo(path)
    return person
  }

  /** Writes a document without any page, before anybody opens it. */
  async write(name: string, lines: readonly string[]): Promise<void> {
    const author = joinNative(this.relay, name)
    await author.synced
    if (name.startsWith('code/')) author.doc.getText('content').insert(0, lines.join('\n'))
    else author.doc.getXmlFragment('content').insert(0, lines.map(paragraph))
    await within('the document to be saved', author.handle.saved())
    await author.leave()
  }

  /** Kills the relay without warning: it can neither save what it has in hand nor say goodbye. */
  async killRelay(): Promise<void> {
    await this.relay.kill('SIGKILL')
  }
}

/** Starts a relay that serves the demo. */
export async function startDemo(browser: Browser): Promise<Demo> {
  if (!existsSync(built)) throw new Error('the demo is not built: npm run build')
  const relay = await startRelay({ args: ['--static', built] })
  const watch = new Watch(relay)
  onTestFinished(async () => {
    await watch.end()
    await relay.stop()
    expect(relay.complaints, 'what the relay complained of').toBe('')
    expect(watch.canaries.strays, 'what came to a page that had not opened it').toEqual([])
  })
  return new Demo(relay, browser, watch)
}

function paragraph(line: string): Y.XmlElement {
  const made = new Y.XmlElement('paragraph')
  made.insert(0, [new Y.XmlText(line)])
  return made
}

/** Somebody at a page of the demo. */
export class Person {
  readonly name: string
  readonly page: Page
  readonly #relay: RelayProcess

  constructor(name: string, page: Page, relay: RelayProcess) {
    this.name = name
    this.page = page
    this.#relay = relay
  }

  get editor(): Locator {
    return this.page.getByTestId('editor')
  }

  get list(): Locator {
    return this.page.getByTestId('document-list')
  }

  /** Opens an address; where it is that of a document, waits for what is written there. */
  async goTo(path: string): Promise<void> {
    await this.page.goto(this.#relay.url + path)
    if (/^\/(text|code)\/./.test(path)) await this.editor.waitFor()
    await this.sees('saved')
  }

  /** Waits until the status line shows one of these states. */
  async sees(...states: readonly string[]): Promise<void> {
    const wanted = states.map((state) => `.syncline-status-line[data-state=${state}]`).join()
    await this.page.locator(wanted).waitFor({ timeout: reconnectMsMax })
  }

  /** Waits until a look at the page gives just this. */
  async #finds<T>(what: string, wanted: T, look: () => Promise<T>): Promise<void> {
    let seen: T | undefined
    const matches = async () => {
      seen = await look()
      return JSON.stringify(seen) === JSON.stringify(wanted)
    }
    await until(`${this.name} to see ${what} ${inspect(wanted)}`, matches, { seen: () => seen })
  }

  /** Waits until the page shows these lines. */
  reads(lines: readonly string[]): Promise<void> {
    return this.#finds('the lines', lines, () => this.lines())
  }

  /** The lines or paragraphs that the page shows, without the names at the cursors of others. */
  lines(): Promise<string[]> {
    return this.editor.evaluate((editor) => {
      const copy = editor.cloneNode(true) as HTMLElement
      for (const caret of copy.querySelectorAll('.caret, .cm-ySelectionCaret')) caret.remove()
      return Array.from(copy.children, (line) => line.textContent ?? '')
    })
  }

  /** Puts the cursor at the end of a line, counted from 0. */
  async goToLine(index: number): Promise<void> {
    await this.editor.focus()
    await this.press('Control+Home', ...Array<string>(index).fill('ArrowDown'), 'End')
  }

  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.page.keyboard.press(key)
  }

  /** Types key by key, quicker than people do. */
  async type(text: string): Promise<void> {
    await this.page.keyboard.type(text, { delay: 10 })
  }

  /** Waits until the cursors of others are drawn exactly there. */
  seesCursors(...cursors: readonly Cursor[]): Promise<void> {
    return this.#finds('the cursors', cursors, () => this.#cursors())
  }

  /** The cursors of others with the names that are legible at them. */
  #cursors(): Promise<Cursor[]> {
    return this.editor.evaluate((editor) => {
      const textOf = (fragment: DocumentFragment) => {
        for (const caret of fragment.querySelectorAll('.caret, .cm-ySelectionCaret')) caret.remove()
        return fragment.textContent ?? ''
      }
      const nameAt = (caret: Element) => {
        const label = caret.querySelector('.cm-ySelectionInfo')
        if (label === null) return JSON.parse(getComputedStyle(caret, '::after').content)
        return getComputedStyle(label).opacity === '1' ? label.textContent : 'invisible'
      }
      return Array.from(editor.querySelectorAll('.caret, .cm-ySelectionCaret'), (caret) => {
        const line = [...editor.children].find((child) => child.contains(caret)) as Element
        const [before, after] = [document.createRange(), document.createRange()]
        before.setStart(line, 0)
        before.setEndBefore(caret)
        after.setStartAfter(caret)
        after.setEnd(line, line.childNodes.length)
        return { name: nameAt(caret), before: textOf(before.cloneContents()), after: textOf(after.cloneContents()) }
      })
    })
  }

  /** Waits until these people are shown as being here. */
  seesPeople(...names: readonly string[]): Promise<void> {
    const avatars = this.page.getByTestId('people').getByRole('listitem')
    const look = () => avatars.evaluateAll((items) => items.map((item) => item.getAttribute('title') ?? ''))
    return this.#finds('the people', names, look)
  }

  /** Waits until the list has documents with these titles, in this order. */
  seesListed(...titles: readonly string[]): Promise<void> {
    return this.#finds('the documents', titles, () => this.list.getByRole('link').allTextContents())
  }

  /** Takes back, or does again, until there is nothing left to. */
  async repeat(label: 'Undo' | 'Redo'): Promise<void> {
    const button = this.page.getByRole('button', { name: label, exact: true })
    while ((await button.getAttribute('aria-disabled')) === 'false') await button.click()
  }

  /** Waits until the status line shows that so many changes are kept by this browser, since the relay is out of reach. */
  seesOffline(pending: number): Promise<void> {
    const shown: Shown = { state: 'offline', pending, text: offlineText(pending, 'on this device') }
    return this.#finds('the status', shown, async () => (await this.history()).at(-1)!)
  }

  /** Everything that the status line has shown since the page was loaded. */
  history(): Promise<Shown[]> {
    return this.page.evaluate(() => window.record.shown)
  }

  /** What a screen reader has read out without being asked. */
  spoken(): Promise<string[]> {
    return this.page.evaluate(() => window.record.spoken)
  }

  /** Keeps a picture of the page where SYNCLINE_PICTURES names a folder for it: for people who want to see. */
  async picture(name: string): Promise<void> {
    const folder = process.env.SYNCLINE_PICTURES
    if (folder !== undefined) await this.page.screenshot({ path: join(folder, `${name}.png`) })
  }

  async leave(): Promise<void> {
    await this.page.close()
  }
}

/** Runs in the page, from its very beginning. */
export function keepRecord(): void {
  const record: Window['record'] = { shown: [], spoken: [] }
  window.record = record
  const look = () => {
    const line = document.querySelector<HTMLElement>('.syncline-status-line')
    const shown = {
      state: line?.dataset.state ?? '',
      pending: Number(line?.dataset.pending),
      text: line?.textContent ?? '',
    }
    if (line !== null && JSON.stringify(shown) !== JSON.stringify(record.shown.at(-1))) record.shown.push(shown)
    const spoken = document.querySelector('syncline-status [role=status]')?.textContent ?? ''
    if (spoken !== '' && spoken !== record.spoken.at(-1)) record.spoken.push(spoken)
  }
  new MutationObserver(look).observe(document, {
    subtree: true,
    childList: true,
    characterData: true,
    attributes: true,
    attributeFilter: ['data-state', 'data-pending'],
  })
}

const places = ['on this device', 'in this tab'] as const

/** What a status line says of how much is not saved while the relay is out of reach, and where that is kept. */
function offlineText(pending: number, place: (typeof places)[number]): string {
  if (pending === 0) return 'Offline: no unsaved changes'
  return `Offline: ${pending === 1 ? '1 change' : `${pending} changes`} kept ${place}`
}

/** Fails where a page ever called saved what was not, or counted wrongly. */
export async function expectHonesty(...people: readonly Person[]): Promise<void> {
  for (const person of people) {
    const history = await person.history()
    expect(history.length, `what ${person.name} was shown`).toBeGreaterThan(0)
    const dishonest = history.filter(({ state, pending, text }) => {
      const saysSaved = state === 'saved' || /all changes saved/i.test(text)
      if (saysSaved) return state !== 'saved' || pending !== 0 || text !== 'All changes saved'
      return state === 'offline' && !places.some((place) => text === offlineText(pending, place))
    })
    expect(dishonest, `what ${person.name} was shown`).toEqual([])
  }
}
