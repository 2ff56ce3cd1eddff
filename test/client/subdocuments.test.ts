import { type Connection, type DocumentHandle, memoryStore, type OpenOptions } from '@syncline/client'
import { type Authorize, authorizeByJwt, withPublicRead } from '@syncline/server'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { launchBrowser, withoutBrowser } from '../support/browser.js'
import { connectHocuspocus } from '../support/hocuspocus.js'
import { secret, signed } from '../support/issuer.js'
import { until, within } from '../support/until.js'
import { openTab, startRelayWithPage } from './browser.js'
import { join, startRelay, type TestRelay } from './world.js'

const chaptersOf = (book: DocumentHandle) => book.doc.getMap<Y.Doc>('chapters')
const chapterOf = (book: DocumentHandle) => chaptersOf(book).get('one')!
const textOf = ({ doc }: { readonly doc: Y.Doc }) => doc.getText()
const saved = (...handles: readonly DocumentHandle[]) =>
  within('all to be saved', Promise.all(handles.map((handle) => handle.saved())))

/** A book with a chapter in it, which is on the relay. */
async function write(connection: Connection, text = 'Once', options: OpenOptions = {}) {
  const book = connection.open('book', options)
  const written = new Y.Doc()
  chaptersOf(book).set('one', written)
  const chapter = book.openSubdocument(written)
  textOf(chapter).insert(0, text)
  await saved(book, chapter)
  return { book, chapter }
}

/** Opens the book that somebody else has written. */
async function read(connection: Connection, options: OpenOptions = {}): Promise<DocumentHandle> {
  const book = connection.open('book', options)
  await within('the book', book.synced)
  return book
}

/** What somebody reads who comes with nothing. */
async function reads(relay: TestRelay, name: string): Promise<string> {
  const connection = join(relay)
  const handle = connection.open(name)
  await within('the sync', handle.synced)
  return textOf(handle).toString()
}

describe('a subdocument', () => {
  test('is created by one, appears at the other, and is written by both over the connections that they have', async () => {
    const relay = await startRelay()
    const there = join(relay).open('book')
    const seen: string[] = []
    there.doc.on('subdocs', ({ added }) => {
      for (const doc of added) seen.push(doc.guid)
    })
    const { chapter: ada } = await write(join(relay))
    await until('it to appear', () => seen.length > 0)
    expect(seen).toEqual([ada.doc.guid])
    expect(chapterOf(there).shouldLoad).toBe(false)

    const bo = there.openSubdocument(seen[0]!)
    expect(bo.name).toBe(`book/${seen[0]}`)
    expect(bo.doc).toBe(chapterOf(there))
    await within('Yjs to be told', bo.doc.whenSynced)
    expect([bo.doc.isLoaded, textOf(bo).toString()]).toEqual([true, 'Once'])
    textOf(bo).insert(4, ' upon a time')
    bo.awareness.setLocalStateField('user', { name: 'Bo' })
    await until('the other to read it', () => textOf(ada).toString() === 'Once upon a time')
    await until('the other to see who it is', () => [...ada.awareness.getStates().values()].some(({ user }) => user))
    expect(relay.stats).toMatchObject({ connections: 2, sessions: 4 })
    expect(await reads(relay, bo.name)).toBe('Once upon a time')
  })

  test('loads by policy when Yjs is told to, and is closed when it is unloaded', async () => {
    const relay = await startRelay()
    await write(join(relay))
    const book = await read(join(relay), { subdocuments: 'load' })
    expect(relay.stats.sessions).toBe(3)
    const chapter = chapterOf(book)
    chapter.load()
    await within('the chapter', chapter.whenSynced)
    expect(chapter.getText().toString()).toBe('Once')
    expect(relay.stats.sessions).toBe(4)

    chapter.getText().insert(0, 'Late: ')
    const handle = book.openSubdocument(chapter)
    chapter.destroy()
    await until('the end of its session', () => relay.stats.sessions === 3)
    expect(handle.status).toMatchObject({ connection: 'closed', saved: true })

    const again = chapterOf(book)
    expect(again).not.toBe(chapter)
    again.load()
    await within('the chapter', again.whenSynced)
    expect(again.getText().toString()).toBe('Late: Once')
    expect(relay.stats.sessions).toBe(4)
    await book.close()
    await until('the end of all its sessions', () => relay.stats.sessions === 2)
  })

  test('that is within a subdocument, or loads by itself, is loaded by policy too', async () => {
    const relay = await startRelay()
    const { chapter } = await write(join(relay))
    const note = new Y.Doc({ autoLoad: true })
    chapter.doc.getArray<Y.Doc>('notes').insert(0, [note])
    const written = chapter.openSubdocument(note)
    textOf(written).insert(0, 'a note')
    await saved(chapter, written)

    const book = await read(join(relay), { subdocuments: 'load' })
    chapterOf(book).load()
    const notes = chapterOf(book).getArray<Y.Doc>('notes')
    await until('the note', () => notes.length === 1 && notes.get(0).getText().toString() === 'a note')
    expect(written.name).toBe(`${chapter.name}/${note.guid}`)
  })

  test('never writes under the client id of the instance before it', async () => {
    const relay = await startRelay()
    const { book, chapter } = await write(join(relay))
    const used = [book.doc.clientID, chapter.doc.clientID]
    chapter.doc.destroy()
    const again = book.openSubdocument(chapterOf(book))
    expect(used).not.toContain(again.doc.clientID)
    expect(new Set(used).size).toBe(2)
    await within('the chapter', again.synced)
    textOf(again).insert(0, 'x')
    await saved(again)
    expect(await reads(relay, again.name)).toBe('xOnce')
  })

  test('is closed where it is removed, stays stored, and is back when that is undone', async () => {
    const relay = await startRelay()
    const { book, chapter } = await write(join(relay))
    const undo = new Y.UndoManager(chaptersOf(book))
    chaptersOf(book).delete('one')
    await until('its end', () => chapter.status.connection === 'closed')
    expect(await reads(relay, chapter.name)).toBe('Once')
    undo.undo()
    const back = book.openSubdocument(chapter.doc.guid)
    await within('the chapter', back.synced)
    expect(textOf(back).toString()).toBe('Once')
  })

  test('is written offline, kept with its parent, and sent by the next page', async () => {
    const relay = await startRelay()
    const store = memoryStore()
    const first = join(relay, { store, online: false })
    const book = first.open('book')
    chaptersOf(book).set('one', new Y.Doc())
    const chapter = book.openSubdocument(chapterOf(book))
    textOf(chapter).insert(0, 'on a train')
    await within('both to be kept', Promise.all([book.keptLocally(), chapter.keptLocally()]))
    await first.close()

    const later = join(relay, { store, online: false })
    expect((await later.kept()).sort()).toEqual(['book', chapter.name])
    const [bookLater] = [later.open('book', { subdocuments: 'load' })]
    await bookLater.loaded
    chapterOf(bookLater).load()
    await within('the local copy', chapterOf(bookLater).whenLoaded)
    const typed = bookLater.openSubdocument(chapter.doc.guid)
    expect(textOf(typed).toString()).toBe('on a train')
    textOf(typed).insert(0, 'written ')
    later.goOnline()
    await saved(bookLater, typed)
    expect(await reads(relay, chapter.name)).toBe('written on a train')
  })

  test('has to be one of the document, and the document has to be open', async () => {
    const book = join(await startRelay()).open('book')
    const none = expect.objectContaining({ code: 'invalid_option' })
    expect(() => book.openSubdocument(new Y.Doc())).toThrow(none)
    expect(() => book.openSubdocument('a guid of nobody')).toThrow(none)
    const long = new Y.Doc({ guid: 'x'.repeat(510) })
    chaptersOf(book).set('one', long)
    expect(() => book.openSubdocument(long)).toThrow(expect.objectContaining({ code: 'invalid_name' }))
    await book.close()
    expect(() => book.openSubdocument(long)).toThrow(expect.objectContaining({ code: 'closed' }))
  })

  test('is an ordinary document for y-websocket and Hocuspocus', async () => {
    const relay = await startRelay()
    const { chapter } = await write(join(relay))
    const doc = new Y.Doc()
    const polyfill = WebSocket as unknown as typeof globalThis.WebSocket
    const provider = new WebsocketProvider(`${relay.url.replace('http', 'ws')}/y`, chapter.name, doc, {
      WebSocketPolyfill: polyfill,
      disableBc: true,
    })
    onTestFinished(() => provider.destroy())
    const other = connectHocuspocus(relay.url.replace('http', 'ws')).open(chapter.name)
    await until('both to read it', () => [doc, other.doc].every((each) => each.getText().toString() === 'Once'))
    doc.getText().insert(4, ' upon')
    other.text.insert(0, '“')
    await until('all to be equal', () => textOf(chapter).toString() === '“Once upon')
  })
})

describe('the grants of a subdocument', () => {
  const byJwt = () => authorizeByJwt({ key: { secret } })
  const token = (documents: Record<string, string>, sub = 'ada') => signed({ sub, documents })
  const guid = '6f1d9c0e-0000-4000-8000-000000000001'

  /** What a name opens with: what may be done, or the code. */
  async function opens(relay: TestRelay, name: string, documents: Record<string, string>): Promise<string> {
    const handle = join(relay, { token: await token(documents) }).open(name)
    await within(
      'an answer',
      handle.synced.catch(() => undefined),
    )
    return handle.status.error?.code ?? handle.status.access
  }

  test('are those of its parent: who writes that writes it, who reads that reads it', async () => {
    const relay = await startRelay({ authorize: await byJwt() })
    const { chapter } = await write(join(relay, { token: await token({ book: 'write' }) }))
    const book = await read(join(relay, { token: await token({ book: 'read' }, 'bo') }))
    const reader = book.openSubdocument(chapter.doc.guid)
    await within('the chapter', reader.synced)
    expect([textOf(reader).toString(), reader.status.access]).toEqual(['Once', 'read'])
    textOf(reader).insert(0, 'x')
    await until('it to be set aside', () => reader.status.refused === 1)
    expect(reader.refused[0]!.code).toBe('read_only')
    expect(textOf(chapter).toString()).toBe('Once')
  })

  test('are nobody else’s: a grant opens no document but itself and its subdocuments', async () => {
    const relay = await startRelay({ authorize: await byJwt() })
    const book = { book: 'write' }
    expect(await opens(relay, `book/${guid}`, book)).toBe('write')
    expect(await opens(relay, `book/${guid}/${guid}`, book)).toBe('write')
    for (const name of [
      'book/secret',
      `book/secret/${guid}`,
      `books/${guid}`,
      `book/${guid.toUpperCase()}`,
      `book/${guid}x`,
      `book/${guid}/secret`,
      `book-${guid}`,
      `${guid}/book`,
      'boo',
      `/${guid}`,
      `book/${`${guid}/`.repeat(4)}${guid}`, // five levels down
    ]) {
      expect([name, await opens(relay, name, book)]).toEqual([name, 'forbidden'])
    }
    expect(await opens(relay, 'book', { [`book/${guid}`]: 'write' })).toBe('forbidden')
  })

  test('are the most that any says, of the name itself as well', async () => {
    const relay = await startRelay({ authorize: await byJwt() })
    expect(await opens(relay, `book/${guid}`, { 'book/*': 'write' })).toBe('write')
    expect(await opens(relay, `book/${guid}`, { 'book/*': 'write', book: 'read' })).toBe('write')
    expect(await opens(relay, `book/${guid}`, { '*': 'read', book: 'write' })).toBe('write')
    expect(await opens(relay, `book/${guid}`, { 'book/*': 'read' })).toBe('read')
  })

  test('are its own alone where the relay is told so', async () => {
    const relay = await startRelay({ authorize: await byJwt(), subdocumentAccess: 'own' })
    expect(await opens(relay, `book/${guid}`, { book: 'write' })).toBe('forbidden')
    expect(await opens(relay, `book/${guid}`, { [`book/${guid}`]: 'read' })).toBe('read')
  })

  test('are not asked for of a parent where the token itself is no good, and end where the backend cannot say', async () => {
    const asked: string[] = []
    const relay = await startRelay({
      authorize: Object.assign(
        async ({ document, token }: Parameters<Authorize>[0]) => {
          asked.push(document)
          return (await byJwt())({ document, token, visitor: { url: '', headers: {}, address: '' } })
        },
        { revoked: () => asked.push('revoked') },
      ),
    })
    const handle = join(relay, { token: 'none' }).open(`book/${guid}`)
    await within(
      'an answer',
      handle.synced.catch(() => undefined),
    )
    expect([handle.status.error?.code, asked]).toEqual(['unauthorized', [`book/${guid}`]])
    await relay.revoke({ subject: 'ada' })
    expect(asked).toContain('revoked')
  })

  test('let everybody read what is in a document that everybody reads, and nothing beside it', async () => {
    const relay = await startRelay({ authorize: withPublicRead(await byJwt(), ['book']) })
    const { chapter } = await write(join(relay, { token: await token({ book: 'write' }) }))
    const stranger = join(relay).open(chapter.name)
    await within('the chapter', stranger.synced)
    expect([textOf(stranger).toString(), stranger.status.access]).toEqual(['Once', 'read'])
    const beside = join(relay).open(`books/${guid}`)
    await expect(within('an answer', beside.synced)).rejects.toMatchObject({ code: 'unauthorized' })
  })

  test('are taken away with those of its parent', async () => {
    const relay = await startRelay({ authorize: await byJwt() })
    const shown = await token({ book: 'write' })
    const { chapter } = await write(join(relay, { token: shown }))
    await relay.revoke({ document: 'book', subject: 'ada' })
    await until('its end', () => chapter.status.error?.code === 'revoked')
    const again = join(relay, { token: shown }).open(chapter.name)
    await expect(within('an answer', again.synced)).rejects.toMatchObject({ code: 'revoked' })
  })

  test('may end what was typed into the parent, whose new replica has the same subdocuments loaded', async () => {
    const relay = await startRelay({ authorize: await byJwt() })
    const { chapter } = await write(join(relay, { token: await token({ book: 'write' }) }))
    const book = await read(join(relay, { token: await token({ book: 'read' }, 'bo') }), { subdocuments: 'load' })
    chapterOf(book).load()
    await within('the chapter', chapterOf(book).whenSynced)
    const old = book.doc
    chaptersOf(book).delete('two')
    book.doc.getText('title').insert(0, 'x')
    await until('another replica', () => book.doc !== old)
    await within('the chapter', chapterOf(book).whenSynced)
    textOf(chapter).insert(4, ' more')
    await until('it to be followed', () => chapterOf(book).getText().toString() === 'Once more')
  })
})

describe.skipIf(withoutBrowser)('a subdocument in a browser', () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await launchBrowser()
  })

  afterAll(() => browser?.close())

  test('is in IndexedDB, and there after a reload without a network', { timeout: 60_000 }, async () => {
    const relay = await startRelayWithPage()
    const context = await browser.newContext()
    onTestFinished(() => context.close())
    const tab = await openTab(context, relay)
    await tab.join({ online: false })
    const name = await tab.page.evaluate(async () => {
      const chapter = new tools.Y.Doc()
      handle.doc.getMap('chapters').set('one', chapter)
      const opened = handle.openSubdocument(chapter)
      chapter.getText().insert(0, 'kept here')
      await Promise.all([handle.keptLocally(), opened.keptLocally()])
      return opened.name
    })
    await tab.page.reload()
    await tab.page.waitForFunction(() => 'tools' in globalThis)
    await tab.join({ online: false })
    const text = await tab.page.evaluate(async () => {
      const opened = handle.openSubdocument([...handle.doc.subdocs][0]!)
      await opened.loaded
      return opened.doc.getText().toString()
    })
    expect(text).toBe('kept here')
    await tab.page.evaluate(() => connection.goOnline())
    await tab.page.evaluate(() => handle.openSubdocument([...handle.doc.subdocs][0]!).saved())
    expect(await reads(relay, name)).toBe('kept here')
    expect(tab.complaints).toEqual([])
  })
})
