import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { join, startRelay, type TestRelay } from '../client/world.js'
import { launchBrowser, visit, withoutBrowser } from '../support/browser.js'
import { root } from '../support/tree.js'
import { until, within } from '../support/until.js'

const source = (name: string, file = 'index') => `${root}/packages/${name}/src/${file}.ts`
const folderOf = { 18: `${root}/test/react-18/node_modules`, 19: `${root}/node_modules` } as const

/** The page with the packages from their sources, and the React of a version, as in development. */
async function bundle(version: 18 | 19): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('./page/main.tsx', import.meta.url))],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    jsx: 'automatic',
    write: false,
    logLevel: 'error',
    define: { 'process.env.NODE_ENV': '"development"' },
    alias: {
      react: `${folderOf[version]}/react`,
      'react-dom': `${folderOf[version]}/react-dom`,
      '@syncline/react': source('react'),
      '@syncline/client': source('client'),
      '@syncline/protocol': source('protocol'),
      '#websocket': source('client', 'websocket/browser'),
    },
  })
  return outputFiles[0]!.text
}

describe.skipIf(withoutBrowser).each([18, 19] as const)('in strict mode of React %i', (version) => {
  let browser: Browser
  let script: string

  beforeAll(async () => {
    ;[browser, script] = await Promise.all([launchBrowser(), bundle(version)])
  })

  afterAll(() => browser?.close())

  /** A page that React has not begun with; `body` is what a server has rendered. */
  async function open(relay: TestRelay, body = ''): Promise<Page> {
    relay.page = (request, response) => {
      if (request.url === '/main.js') response.writeHead(200, { 'content-type': 'text/javascript' }).end(script)
      else {
        const html = `<!doctype html><link rel="icon" href="data:,"><div id="root">${body}</div><script type="module" src="/main.js"></script>`
        response.writeHead(200, { 'content-type': 'text/html' }).end(html)
      }
    }
    const { page } = await visit(browser, 'Ada')
    await page.goto(relay.url)
    await page.waitForFunction(() => 'react' in globalThis)
    expect(await page.evaluate(() => react.version)).toMatch(new RegExp(`^${version}\\.`))
    return page
  }

  /** A relay, and a page of it that shows one of the pages of page/main.tsx. */
  async function show(name: string): Promise<{ relay: TestRelay; page: Page }> {
    const relay = await startRelay()
    const page = await open(relay)
    await page.evaluate((name) => react.show(name), name)
    return { relay, page }
  }

  /** Somebody else, who has written into a document. */
  async function author(relay: TestRelay, name: string, write: (doc: Y.Doc) => void) {
    const handle = join(relay).open(name)
    await within('the sync', handle.synced)
    write(handle.doc)
    await within('the save', handle.saved())
    return handle
  }

  const shows = (page: Page, css: string, text: string) =>
    page
      .locator(css)
      .filter({ hasText: new RegExp(`^${text}$`) })
      .first()
      .waitFor({ state: 'attached' })
  const click = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).first().click()
  const ends = (relay: TestRelay) =>
    until('the end of session and connection', () => relay.stats.sessions === 0 && relay.stats.connections === 0, {
      seen: () => relay.stats,
    })

  test('a document opens once, is written, followed, and closed with its last user', async () => {
    const { relay, page } = await show('notes')
    await shows(page, '.status', 'saved')
    expect(relay.stats).toMatchObject({ connections: 1, sessions: 1 })
    await click(page, 'type')
    await shows(page, '.text', 'x')
    await shows(page, '.status', 'saved')
    const other = await author(relay, 'notes', (doc) => doc.getText('text').insert(1, 'y'))
    other.awareness.setLocalStateField('user', 'Bo')
    await shows(page, '.text', 'xy')
    await shows(page, '.people', 'Bo,page')
    await other.close()
    await shows(page, '.people', 'page')
    expect(await page.evaluate(() => react.sockets())).toBe(1)
    await page.evaluate(() => react.leave())
    await until('the page’s session to end', () => relay.stats.sessions === 0)
  })

  test('what is typed by an effect that runs twice is there twice, and stays', async () => {
    const { relay, page } = await show('typist')
    await shows(page, '.status', 'saved')
    const reader = await author(relay, 'notes', () => undefined)
    const text = reader.doc.getText('text').toString()
    expect(text).toMatch(/^m+$/)
    await shows(page, '.text', text)
    expect(relay.stats.sessions).toBe(2)
  })

  test('two components share a document, which stays for the one that is left', async () => {
    const { relay, page } = await show('twice')
    await shows(page, '.status', 'saved')
    await click(page, 'toggle')
    await click(page, 'type')
    await shows(page, '.text', 'x')
    await shows(page, '.status', 'saved')
    expect(relay.stats).toMatchObject({ connections: 1, sessions: 1 })
    await page.evaluate(() => react.leave())
    await ends(relay)
  })

  test('another name opens another document, and gives the first one back', async () => {
    const { relay, page } = await show('choice')
    await click(page, 'type')
    await shows(page, '#notes .text', 'x')
    await click(page, 'other')
    await shows(page, '#other .text', '')
    await shows(page, '#other .status', 'saved')
    await until('the first session to end', () => relay.stats.sessions === 1)
    const reader = await author(relay, 'notes', () => undefined)
    expect(reader.doc.getText('text').toString()).toBe('x')
  })

  test('what was typed offline survives that its component goes, and is saved later', async () => {
    const { relay, page } = await show('offline')
    await shows(page, '.status', 'saved')
    await click(page, 'go offline')
    await click(page, 'type')
    await shows(page, '.status', 'pending')
    await click(page, 'toggle')
    await page.locator('.text').waitFor({ state: 'detached' })
    await click(page, 'toggle')
    await shows(page, '.text', 'x')
    await click(page, 'toggle')
    await click(page, 'go online')
    const reader = join(relay).open('notes')
    await until('the edit to be saved', () => reader.doc.getText('text').toString() === 'x')
    await until('the page’s session to end', () => relay.stats.sessions === 1)
  })

  test.each(['suspended', 'suspended above'])(
    'a component that is %s shows the document once it is here',
    async (name) => {
      const relay = await startRelay()
      await author(relay, 'notes', (doc) => doc.getText('text').insert(0, 'written'))
      const page = await open(relay)
      await page.evaluate((name) => react.show(name), name)
      await shows(page, '.text', 'written')
      expect(new Set(await page.evaluate(() => react.shown))).toEqual(new Set(['one moment', 'written']))
      expect(await page.evaluate(() => react.sockets())).toBe(1)
      expect(relay.stats.sessions).toBe(2)
      await page.evaluate(() => react.leave())
      await until('the page’s session to end', () => relay.stats.sessions === 1)
    },
  )

  test('a change renders what shows it, and nothing beside it', async () => {
    const relay = await startRelay()
    const other = await author(relay, 'board', (doc) => {
      for (const id of ['a', 'b', 'c'])
        doc.getMap('cards').set(
          id,
          new Y.Map([
            ['title', id],
            ['done', false],
          ] as never),
        )
    })
    const cards = other.doc.getMap<Y.Map<unknown>>('cards')
    const page = await open(relay)
    await page.evaluate(() => react.show('board'))
    await shows(page, 'li', 'c')
    const count = () => page.evaluate(() => ({ ...react.renders }))

    const before = await count()
    cards.get('b')!.set('title', 'beta')
    await shows(page, 'li', 'beta')
    const after = await count()
    expect(after['card b']).toBeGreaterThan(before['card b']!)
    expect(after).toEqual({ ...before, board: after.board, 'card b': after['card b'] })

    cards.get('b')!.set('done', true)
    await shows(page, '.done', '1')
    expect((await count()).count).toBeGreaterThan(before.count!)
  })

  test('the page of a server comes to life without a complaint', async () => {
    const relay = await startRelay()
    await author(relay, 'notes', (doc) => doc.getText('text').insert(0, 'written'))
    const rendered =
      '<section id="notes"><output class="text">closed</output><output class="status">none</output><output class="people"></output><button type="button">type</button></section>'
    const page = await open(relay, rendered)
    await page.evaluate(() => react.hydrate('notes'))
    await shows(page, '.text', 'written')
    expect(await page.evaluate(() => react.reports)).toEqual([])
  })

  test('a replica that is rebuilt is followed', async () => {
    const { page } = await show('replaced')
    await shows(page, '.text', 'before')
    await page.evaluate(() => react.replace())
    await shows(page, '.text', 'after')
    await click(page, 'type')
    await shows(page, '.text', 'xafter')
  })
})
