import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join as joinPath } from 'node:path'
import { type DocumentHandle, memoryStore, type Replacement, type Store } from '@syncline/client'
import { indexedDbStore } from '@syncline/client/indexeddb'
import { type LevelStore, levelStore } from '@syncline/client/node'
import { IDBFactory } from 'fake-indexeddb'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { until, within } from '../support/until.js'
import { join, startRelay } from './world.js'

const textOf = (handle: DocumentHandle) => handle.doc.getText('text')
const stateOf = ({ doc }: { doc: Y.Doc }) => Buffer.from(Y.encodeStateAsUpdate(doc)).toString('hex')

function replacementsOf(handle: DocumentHandle): Replacement[] {
  const seen: Replacement[] = []
  handle.on('replaced', (replacement) => seen.push(replacement))
  return seen
}

/** What a copy of a document shows with a refused edit on it. */
function shown(handle: DocumentHandle, update: Uint8Array): string {
  const copy = new Y.Doc()
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(handle.doc))
  Y.applyUpdate(copy, update)
  expect(copy.store.pendingStructs).toBe(null)
  return copy.getText('text').toString()
}

function deep(depth: number): unknown {
  return depth === 0 ? 'deep' : [deep(depth - 1)]
}

beforeEach(() => void vi.stubGlobal('indexedDB', new IDBFactory()))
afterEach(() => void vi.unstubAllGlobals())

/** Each kind of store, and what the page after this one has of it. */
const stores: Record<string, () => { store: Store; reopen: () => Promise<Store>; close: () => Promise<void> }> = {
  memory: () => {
    const store = memoryStore()
    return { store, reopen: async () => store, close: async () => {} }
  },
  IndexedDB: () => ({ store: indexedDbStore(), reopen: async () => indexedDbStore(), close: async () => {} }),
  LevelDB: () => {
    const directory = mkdtempSync(joinPath(tmpdir(), 'syncline-refused-'))
    const opened: LevelStore[] = [levelStore(directory)]
    return {
      store: opened[0]!,
      reopen: async () => {
        await opened.at(-1)!.close()
        opened.push(levelStore(directory))
        return opened.at(-1)!
      },
      close: async () => {
        await opened.at(-1)!.close()
        rmSync(directory, { recursive: true })
      },
    }
  },
}

describe.each(Object.keys(stores))('with the store in %s', (kind) => {
  test('an offline edit that the relay never takes is set aside; the rest is saved, and so it is after a reload', async () => {
    const { store, reopen, close } = stores[kind]!()
    const relay = await startRelay()
    const first = join(relay, { store })
    const page = first.open('page')
    textOf(page).insert(0, 'before. ')
    await within('the save', page.saved())
    first.goOffline()
    textOf(page).insert(8, 'kept. ')
    page.doc.getMap('map').set('deep', deep(600))
    textOf(page).insert(14, 'built on it')
    await within('the disk', page.keptLocally())
    await first.close()

    const second = join(relay, { store: await reopen(), online: false })
    const again = second.open('page')
    await again.loaded
    const [replacements, old] = [replacementsOf(again), again.doc]
    textOf(again).insert(0, 'other tab. ')
    const saved = again.saved()
    second.goOnline()
    await expect(within('the refusal', saved)).rejects.toMatchObject({ code: 'malformed_update' })
    await until('the new replica', () => replacements.length > 0)
    await within('the save', again.saved())
    expect(again.status).toMatchObject({ pending: 0, saved: true, connection: 'online', refused: 2, error: null })
    expect(again.doc).not.toBe(old)
    expect(replacements[0]).toMatchObject({ doc: again.doc, awareness: again.awareness })
    expect(textOf(again).toString()).toBe('other tab. before. kept. ')
    expect(old.getText('text').toString()).toContain('built on it')
    // the old replica is the application's: nothing that is typed there goes anywhere
    old.getText('text').insert(0, 'nowhere')
    textOf(again).insert(0, 'goes on. ')
    await within('the save', again.saved())
    const reader = join(relay).open('page')
    await within('the sync', reader.synced)
    expect(stateOf(reader)).toBe(stateOf(again))
    await second.close()

    const third = join(relay, { store: await reopen(), online: false })
    const last = third.open('page')
    await last.loaded
    expect(textOf(last).toString()).toBe('goes on. other tab. before. kept. ')
    expect(last.refused.map(({ code }) => code)).toEqual(['malformed_update', 'malformed_update'])
    expect(last.status).toMatchObject({ refused: 2, pending: 0 })
    last.dropRefused()
    await until('nothing to be refused', () => last.status.refused === 0)
    await third.close()
    const fourth = join(relay, { store: await reopen(), online: false }).open('page')
    await fourth.loaded
    expect(fourth.refused).toEqual([])
    await fourth.close()
    await close()
  })

  test('a document that was deleted elsewhere says so, stays readable, and is not resurrected', async () => {
    const { store, reopen, close } = stores[kind]!()
    const relay = await startRelay()
    const first = join(relay, { store })
    const page = first.open('page')
    textOf(page).insert(0, 'precious. ')
    await within('the save', page.saved())
    first.goOffline()
    textOf(page).insert(0, 'typed offline. ')
    await within('the disk', page.keptLocally())
    await first.close()
    expect(await relay.remove('page')).toBe(true)

    const second = join(relay, { store: await reopen() })
    const again = second.open('page')
    await until('word of it', () => again.status.error?.code === 'document_deleted')
    textOf(again).insert(0, 'still mine. ')
    await within('the disk', again.keptLocally())
    expect(again.status).toMatchObject({ connection: 'refused', pending: 2, unkept: 0 })
    await second.close()

    const offline = join(relay, { store: await reopen(), online: false })
    const read = offline.open('page')
    await read.loaded
    expect(textOf(read).toString()).toBe('still mine. typed offline. precious. ')
    expect(read.status.error).toMatchObject({ code: 'document_deleted' })
    await expect(read.saved()).rejects.toMatchObject({ code: 'document_deleted' })
    await offline.close()

    // made anew on purpose, it is another document: what is here stays apart until it is forgotten
    expect(await relay.create('page')).toBe(true)
    const third = join(relay, { store: await reopen() })
    const apart = third.open('page')
    await apart.loaded
    await until('the connection', () => third.state === 'online')
    expect(apart.status.error).toMatchObject({ code: 'document_deleted' })
    const reader = join(relay).open('page')
    await within('the sync', reader.synced)
    expect(textOf(reader).toString()).toBe('')
    await third.forget('page')
    const anew = third.open('page')
    await within('the sync', anew.synced)
    expect(textOf(anew).toString()).toBe('')
    textOf(anew).insert(0, 'new')
    await within('the save', anew.saved())
    await third.close()
    await close()
  })

  test('first content that is seen offline is there once, also after reloads', async () => {
    const { store, reopen, close } = stores[kind]!()
    const relay = await startRelay()
    const initial = (doc: Y.Doc) => doc.getText('text').insert(0, 'Title')
    const first = join(relay, { store, online: false })
    const page = first.open('page', { initial })
    await page.loaded
    await until('the title', () => textOf(page).toString() === 'Title')
    textOf(page).insert(5, ' of Ada')
    await within('the disk', page.keptLocally())
    await first.close()

    const other = join(relay).open('page', { initial })
    await until('the title', () => textOf(other).toString() === 'Title')
    const second = join(relay, { store: await reopen() })
    const again = second.open('page', { initial })
    await within('the sync', again.synced)
    await within('the save', again.saved())
    expect(textOf(again).toString()).toBe('Title of Ada')
    await until('both to be equal', () => stateOf(again) === stateOf(other))
    expect(again.refused).toEqual([])
    await second.close()
    await close()
  })
})

test('in memory alone, too, one edit that is too large harms nothing else', async () => {
  const relay = await startRelay({ limits: { updateBytesMax: 20_000 } })
  const [ada, grace] = [join(relay).open('page'), join(relay).open('page')]
  const replacements = replacementsOf(ada)
  ada.awareness.setLocalStateField('name', 'Ada')
  textOf(ada).insert(0, 'hello')
  await within('the save', ada.saved())
  textOf(ada).insert(5, 'x'.repeat(30_000))
  await expect(within('the refusal', ada.saved())).rejects.toMatchObject({ code: 'update_too_large' })
  await until('the new replica', () => replacements.length === 1)
  textOf(ada).insert(5, ' world')
  await within('the save', ada.saved())
  expect(ada.status).toMatchObject({ saved: true, refused: 1 })
  expect(ada.refused[0]).toMatchObject({ code: 'update_too_large', changes: 1 })
  expect(ada.refused[0]!.bytes).toBeGreaterThan(30_000)
  expect(shown(ada, ada.refused[0]!.update)).toContain('x'.repeat(30_000))
  await until('equal replicas', () => stateOf(ada) === stateOf(grace))
  const names = () => [...grace.awareness.getStates()].filter(([, { name }]) => name === 'Ada').map(([id]) => id)
  await until('one cursor of Ada', () => names().join() === String(ada.doc.clientID), { seen: names })
})

test('an offline day that adds up to more than the limit is sent in pieces, and nothing of it refused', async () => {
  const relay = await startRelay({ limits: { updateBytesMax: 4_000 } })
  const store = memoryStore()
  const first = join(relay, { store })
  const page = first.open('page')
  textOf(page).insert(0, 'x')
  await within('the save', page.saved())
  first.goOffline()
  for (let i = 0; i < 5_000; i++) textOf(page).insert(i % 50, `${i} `)
  await within('the disk', page.keptLocally())
  await first.close()
  const second = join(relay, { store })
  const again = second.open('page')
  await within('the sync', again.synced)
  await within('the save', again.saved())
  expect(again.status).toMatchObject({ refused: 0, pending: 0, error: null })
  const reader = join(relay).open('page')
  await within('the sync', reader.synced)
  expect(textOf(reader).toString()).toBe(textOf(page).toString())
})

test('two handles share the new replica, and a document that nobody has open is healed in silence', async () => {
  const relay = await startRelay({ limits: { updateBytesMax: 4_000 } })
  const store = memoryStore()
  const first = join(relay, { store, online: false })
  const [one, two] = [first.open('page'), first.open('page')]
  first.goOnline()
  textOf(one).insert(0, 'fine')
  await within('the save', one.saved())
  first.goOffline()
  textOf(one).insert(4, 'y'.repeat(5_000))
  await within('the disk', one.keptLocally())
  const [a, b] = [replacementsOf(one), replacementsOf(two)]
  first.goOnline()
  await until('the new replica', () => a.length === 1 && b.length === 1)
  expect(one.doc).toBe(two.doc)
  first.goOffline()
  textOf(one).insert(0, 'z'.repeat(5_000))
  await within('the disk', one.keptLocally())
  await first.close()
  const second = join(relay, { store })
  await until(
    'nothing to be pending',
    async () => (await store.pending({ relay: second.url, identity: '' })).length === 0,
  )
  const later = second.open('page')
  await within('the sync', later.synced)
  expect(textOf(later).toString()).toBe('fine')
  await until('both refusals', () => later.refused.length === 2)
})

describe('first content', () => {
  const version = (text: string) => (doc: Y.Doc) => {
    doc.getMap('meta').set('version', text)
    doc.getText('text').insert(0, text)
  }

  test('is there once, however many open at once', async () => {
    const relay = await startRelay()
    const handles = Array.from({ length: 12 }, () => join(relay).open('page', { initial: version('Title') }))
    await Promise.all(handles.map((handle) => within('the sync', handle.synced)))
    await until('equal replicas', () => new Set(handles.map(stateOf)).size === 1 && textOf(handles[0]!).length > 0)
    expect(textOf(handles[0]!).toString()).toBe('Title')
    for (const handle of handles) expect(handle.status).toMatchObject({ pending: 0, refused: 0, error: null })
  })

  test('of two versions, opened at once or offline, one stays; edits on the other are offered', async () => {
    const relay = await startRelay()
    const stale = join(relay, { online: false })
    const old = stale.open('page', { initial: version('old') })
    await until('the old title', () => textOf(old).toString() === 'old')
    textOf(old).insert(3, ' and more')
    const replacements = replacementsOf(old)
    const handles = Array.from({ length: 6 }, (_, i) =>
      join(relay).open('page', { initial: version(i % 2 === 0 ? 'one' : 'two') }),
    )
    await Promise.all(handles.map((handle) => within('the sync', handle.synced)))
    await until('equal replicas', () => new Set(handles.map(stateOf)).size === 1 && textOf(handles[0]!).length > 0)
    const text = textOf(handles[0]!).toString()
    expect(['one', 'two']).toContain(text)
    stale.goOnline()
    await until('the withdrawal', () => replacements.length === 1)
    expect(textOf(old).toString()).toBe(text)
    expect(old.refused).toMatchObject([{ code: 'seed_refused', changes: 1 }])
    const copy = new Y.Doc()
    Y.applyUpdate(copy, old.refused[0]!.update)
    expect(copy.getText('text').toString()).toBe('old and more')
  })

  test('can be an update, and is nothing where there is content', async () => {
    const relay = await startRelay()
    const made = new Y.Doc()
    made.getText('text').insert(0, 'bytes')
    const initial = Y.encodeStateAsUpdate(made)
    const first = join(relay).open('page', { initial })
    await until('the content', () => textOf(first).toString() === 'bytes')
    textOf(first).delete(0, 5)
    await within('the save', first.saved())
    const second = join(relay).open('page', { initial: version('other') })
    await within('the sync', second.synced)
    expect(textOf(second).toString()).toBe('')
    expect(second.refused).toEqual([])
  })

  test('is refused at once where it is another one each time', async () => {
    const relay = await startRelay()
    let n = 0
    const open = () => join(relay).open('page', { initial: (doc) => doc.getText('text').insert(0, `${n++}`) })
    expect(open).toThrow(expect.objectContaining({ code: 'invalid_option' }))
  })
})
