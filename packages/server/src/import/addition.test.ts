import { mergeUpdates, SynclineError } from '@syncline/protocol'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { Chance, contentOf, openQuietDoc, runSession } from '../../../../test/support/sessions.js'
import { MemoryLog } from '../log/index.js'
import { additionTo, updatesOf } from './addition.js'

const sessions = Array.from({ length: 60 }, (_, i) => i + 1)

/** Imports updates into a document as the importers do. */
async function bring(log: MemoryLog, updates: readonly Uint8Array[], document = 'notes') {
  const addition = await additionTo(log, document, updates, 1_000)
  if (addition.append !== null) await log.commit([addition.append])
  return addition
}

async function stored(log: MemoryLog, document = 'notes'): Promise<Uint8Array[]> {
  const found = await log.read(document)
  return found === null ? [] : updatesOf(found)
}

/** What somebody who opens these sees. */
function seen(updates: readonly Uint8Array[]): string {
  const doc = openQuietDoc()
  doc.transact(() => {
    for (const update of updates) Y.applyUpdate(doc, update)
  })
  return contentOf(doc)
}

function refusalOf(updates: readonly Uint8Array[]): Promise<unknown> {
  return bring(new MemoryLog(), updates).then(
    () => null,
    (error: unknown) => (error instanceof SynclineError ? error.code : error),
  )
}

function typed(clientID: number, ...words: string[]): Uint8Array[] {
  const doc = new Y.Doc()
  doc.clientID = clientID
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  for (const word of words) doc.getText('text').insert(0, word)
  return updates
}

describe('what comes from elsewhere', () => {
  test.each(sessions)('is there afterwards, in any order and once: session %i', async (seed) => {
    const { edits } = runSession(seed)
    const log = new MemoryLog()
    const updates = new Chance(seed).shuffle(edits)
    expect(await bring(log, updates)).toMatchObject({ isNew: true, missing: null })
    expect(seen(await stored(log))).toBe(seen(updates))
    expect(await bring(log, edits)).toEqual({ append: null, isNew: false, bytes: 0, missing: null })
  })

  test.each(sessions)('is merged into what is there: session %i', async (seed) => {
    const chance = new Chance(seed)
    const { edits } = runSession(seed)
    const [some, others] = [edits.filter(() => chance.happens(0.5)), edits.filter(() => chance.happens(0.7))]
    const log = new MemoryLog()
    // collected, as Hocuspocus stores it
    const doc = new Y.Doc()
    for (const update of some) Y.applyUpdate(doc, update)
    await bring(log, [Y.encodeStateAsUpdate(doc)])
    await bring(log, others)
    const { missing } = await bring(log, edits)
    expect(missing).toBe(null)
    expect(seen(await stored(log))).toBe(seen([Y.encodeStateAsUpdate(doc), ...edits]))
  })

  test.each(sessions)('is taken as far as it is complete, and the rest later: session %i', async (seed) => {
    const chance = new Chance(seed)
    const { edits } = runSession(seed)
    const log = new MemoryLog()
    const { missing } = await bring(
      log,
      edits.filter(() => chance.happens(0.8)),
    )
    if (missing !== null) expect(missing).toMatch(/missing/)
    // whoever opens it waits for nothing
    const doc = openQuietDoc()
    for (const update of await stored(log)) Y.applyUpdate(doc, update)
    expect(doc.store.pendingStructs ?? doc.store.pendingDs).toBe(null)
    await bring(log, edits)
    expect(seen(await stored(log))).toBe(seen(edits))
  })

  test('says which clients it was cut at', async () => {
    const [first, , third] = typed(7, 'a', 'b', 'c') as [Uint8Array, Uint8Array, Uint8Array]
    const { missing, bytes } = await bring(new MemoryLog(), [first, third])
    expect(missing).toContain('7 from clock 1 on')
    expect(bytes).toBe(first.length)
    const [insert, remove] = (() => {
      const doc = new Y.Doc()
      doc.getText('text').insert(0, 'a')
      const before = Y.encodeStateAsUpdate(doc)
      doc.getText('text').delete(0, 1)
      return [before, Y.encodeStateAsUpdate(doc, Y.encodeStateVector(doc))]
    })()
    const log = new MemoryLog()
    expect((await bring(log, [remove!])).missing).toMatch(/deletes something that is missing/)
    expect((await bring(log, [insert!, remove!])).missing).toBe(null)
  })

  test('with nothing in it makes no document', async () => {
    const log = new MemoryLog()
    expect(await bring(log, [])).toEqual({ append: null, isNew: true, bytes: 0, missing: null })
    expect(await bring(log, [Uint8Array.of(0, 0)])).toMatchObject({ append: null, isNew: true })
  })

  test('continues a document that was compacted', async () => {
    const log = new MemoryLog()
    const updates = typed(7, 'a', 'b', 'c')
    const { append } = await bring(log, updates.slice(0, 2))
    const { epoch, record } = append!
    const point = { epoch, position: record.position, chain: record.chain }
    const base = mergeUpdates(updates.slice(0, 2))
    expect(await log.replaceBase('notes', { point, base, keepAfter: record.position, keepHistory: false })).toBe(true)
    expect(await bring(log, updates)).toMatchObject({ isNew: false, append: { epoch, record: { position: 2 } } })
    expect(seen(await stored(log))).toBe(seen(updates))
  })
})

describe('a document that was deleted', () => {
  test('is not brought back, unless it was created anew', async () => {
    const log = new MemoryLog()
    const updates = typed(7, 'a')
    await bring(log, updates)
    await log.remove('notes', 2_000)
    await expect(bring(log, updates)).rejects.toMatchObject({ code: 'document_deleted' })
    await log.create('notes', '0123456789abcdef')
    const { isNew, append } = await bring(log, updates)
    expect([isNew, append?.epoch, append?.record.position]).toEqual([true, '0123456789abcdef', 1])
    expect(seen(await stored(log))).toBe(seen(updates))
  })
})

describe('what would harm whoever opens it is refused', () => {
  test('what no Yjs writes', async () => {
    expect(await refusalOf([Uint8Array.of(1, 1, 2, 0, 0, 0, 0)])).toBe('malformed_update')
    expect(await refusalOf([...typed(7, 'a'), Uint8Array.of(255)])).toBe('malformed_update')
    expect(await refusalOf([new Uint8Array(0)])).toBe('malformed_update')
  })

  test('a name that is none', async () => {
    await expect(additionTo(new MemoryLog(), 'a\nb', typed(7, 'a'), 0)).rejects.toMatchObject({ code: 'invalid_name' })
  })

  test('a document that would be too large', async () => {
    const doc = new Y.Doc()
    doc.getMap('map').set('a', new Uint8Array(65 * 1024 * 1024))
    expect(await refusalOf([Y.encodeStateAsUpdate(doc)])).toBe('document_too_large')
  })
})
