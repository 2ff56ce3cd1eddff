import { isDeepStrictEqual } from 'node:util'
import type { TextJson } from '@syncline/server'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { until } from '../support/until.js'
import { joinYWebsocket, read, startRelay, TestClock, TestLog } from './support.js'

/** Types one character after the other into a text, at its end. */
const type = (text: Y.Text, characters: string) => {
  for (const character of characters) text.insert(text.length, character)
}

/** What each character of a text is like. A Y.Text tells neighbours of one format apart where a mark that does nothing stands. */
const formatsOf = (delta: unknown) =>
  (delta as { insert: string; attributes?: object }[]).flatMap(({ insert, attributes }) =>
    [...insert].map((character) => [character, { ...attributes }]),
  )

describe('a document in the process of the relay', () => {
  test('is written and read, beside clients', async () => {
    const { relay, url } = await startRelay()
    const person = joinYWebsocket(url, 'notes')
    const document = relay.document('notes')
    await until('the first sync', () => person.provider.synced)
    type(person.text, 'hello')
    await until('it to be there', async () => (await document.read()).text === 'hello')
    const first = await document.transact((doc) => doc.getText().insert(0, '> '))
    await until('the person to see it', () => person.text.toString() === '> hello')
    const content = await document.read()
    expect(content.epoch).toBe(first.epoch)
    expect(content).toMatchObject({ text: '> hello', plain: { '': '> hello' } })
    const replica = new Y.Doc()
    Y.applyUpdate(replica, content.update)
    expect(replica.getText().toString()).toBe('> hello')
    expect(await read(url, 'notes')).toBe('> hello')
  })

  test('is written once it is on disk, and read no earlier', async () => {
    const log = new TestLog()
    const { relay } = await startRelay({}, log)
    const document = relay.document('notes')
    await document.transact((doc) => doc.getText().insert(0, 'a'))
    log.hold()
    let isWritten = false
    const written = document.transact((doc) => doc.getText().insert(1, 'b'))
    const readLater = document.read()
    void written.then(() => {
      isWritten = true
    })
    await until('the commit to begin', () => log.commits === 2)
    expect(isWritten).toBe(false)
    log.release()
    expect(await written).toMatchObject({ position: 2 })
    expect(await readLater).toMatchObject({ position: 2, text: 'ab' })
  })

  test('many edits share a commit, and each is attributed to its subject', async () => {
    const log = new TestLog()
    const { relay } = await startRelay({}, log)
    const start = performance.now()
    const edits = Array.from({ length: 100 }, (_, index) =>
      relay.document('list', { subject: `user ${index % 2}` }).transact((doc) => doc.getArray('a').push([index])),
    )
    await Promise.all(edits)
    // a batch ends after 10 ms, so that others have their turn
    const batchesMax = (performance.now() - start) / 10
    expect(log.commits).toBeLessThan(Math.min(50, 5 + batchesMax))
    const stored = await log.read('list')
    const authors = new Set(stored!.records.flatMap(({ runs }) => runs.map(({ author }) => author)))
    expect([...authors].sort()).toEqual(['user 0', 'user 1'])
    const { plain } = await relay.document('list').read()
    expect(plain.a).toEqual(Array.from({ length: 100 }, (_, index) => index))
  })

  test('an edit that throws half way leaves nothing behind, and those beside it are made', async () => {
    const { relay, url } = await startRelay()
    const document = relay.document('notes')
    const push = (value: number) => document.transact((doc) => doc.getArray('a').push([value]))
    const results = await Promise.allSettled([
      push(1),
      document.transact((doc) => {
        doc.getArray('a').push([2])
        throw new Error('half way')
      }),
      push(3),
      document.transact(() => {
        throw new Error('at once')
      }),
      push(4),
    ])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled'])
    expect((await document.read()).plain).toEqual({ a: [1, 3, 4] })
    const person = joinYWebsocket(url, 'notes')
    await until('the first sync', () => person.provider.synced)
    expect(person.doc.getArray('a').toArray()).toEqual([1, 3, 4])
    expect(person.doc.store.clients.size).toBe(1)
  })

  test('one that is too large is refused, and those after it are made', async () => {
    const { relay } = await startRelay({ limits: { documentBytesMax: 10_000 } })
    const document = relay.document('notes')
    await document.transact((doc) => doc.getText().insert(0, 'a'))
    const large = document.transact((doc) => doc.getText().insert(1, 'x'.repeat(20_000)))
    const small = document.transact((doc) => doc.getText().insert(1, 'b'))
    await expect(large).rejects.toMatchObject({ code: 'document_too_large' })
    await small
    expect(await document.read()).toMatchObject({ text: 'ab' })
  })

  test('an edit that changes nothing writes nothing', async () => {
    const { relay } = await startRelay()
    expect(await relay.document('notes').transact(() => {})).toMatchObject({ position: 0 })
    expect(await relay.document('notes').read()).toMatchObject({ position: 0, plain: {} })
  })

  test('observers are told what is on disk, until the document is deleted', async () => {
    const { relay, url } = await startRelay()
    const document = relay.document('notes')
    const seen: number[] = []
    let ended = ''
    document.observe(
      ({ position }) => seen.push(position),
      ({ code }) => {
        ended = code
      },
    )
    const person = joinYWebsocket(url, 'notes')
    await until('the first sync', () => person.provider.synced)
    person.text.insert(0, 'x')
    await until('a change', () => seen.length > 0)
    await relay.remove('notes')
    expect(ended).toBe('document_deleted')
    await expect(document.read()).rejects.toMatchObject({ code: 'document_deleted' })
    await expect(document.transact((doc) => doc.getText().insert(0, 'x'))).rejects.toMatchObject({
      code: 'document_deleted',
    })
  })

  test('a failed commit rejects the edit, and what is read later is what the log has', async () => {
    const log = new TestLog()
    const { relay } = await startRelay({ reopen: async () => log }, log)
    const document = relay.document('notes')
    await document.transact((doc) => doc.getText().insert(0, 'a'))
    log.commitFault = new Error('EIO')
    await expect(document.transact((doc) => doc.getText().insert(1, 'b'))).rejects.toMatchObject({
      code: 'storage_failed',
    })
    log.commitFault = null
    log.isClosed = false
    await until('the log to be open again', () => relay.ready)
    log.isClosed = false
    await document.transact((doc) => doc.getText().insert(1, 'c'))
    const content = await document.read()
    expect(content.text).toBe('ac')
    // what was in doubt was written under an id that is not used again
    expect(Y.decodeStateVector(Y.encodeStateVectorFromUpdate(content.update)).size).toBe(2)
  })

  test('is one client of the document, also where it is dropped and opened again', async () => {
    const clock = new TestClock()
    const { relay } = await startRelay({ clock })
    const document = relay.document('price')
    for (let tick = 0; tick < 20; tick++) {
      await document.transact((doc) => doc.getMap('price').set('bid', tick))
      // the Y.Doc goes, then the session, then the room
      await until('the room to be gone', () => {
        clock.pass(11_000)
        return relay.stats().rooms === 0
      })
    }
    const { update, plain } = await document.read()
    expect(plain).toEqual({ price: { bid: 19 } })
    expect(Y.decodeStateVector(Y.encodeStateVectorFromUpdate(update)).size).toBe(1)
  })

  test('stays as small as it is under repeated sets of one key, be its value plain and large', async () => {
    const { relay, log } = await startRelay()
    const document = relay.document('price')
    await document.merge({ prices: { abc: { bid: 0, ask: 0, at: 0 } } }, { storing: 'plain' })
    const { update: first } = await document.read()
    for (let round = 0; round < 40; round++) {
      const ticks = Array.from({ length: 100 }, (_, tick) =>
        document.merge({ prices: { abc: { bid: round * 100 + tick, ask: tick } } }),
      )
      await Promise.all(ticks)
    }
    expect((await document.read()).update.length).toBeLessThan(first.length + 30)
    await relay.compact('price')
    const stored = await log.read('price')
    expect(stored!.base!.length).toBeLessThan(first.length + 30)
    expect((await document.read()).plain).toEqual({ prices: { abc: { bid: 3_999, ask: 99, at: 0 } } })
  })

  test('gathers ticks within a window into one edit', async () => {
    const log = new TestLog()
    const { relay } = await startRelay({}, log)
    const document = relay.document('price', { subject: 'ticker' })
    await document.merge({ price: { bid: 0, name: 'ABC' } })
    const points = await Promise.all(
      Array.from({ length: 1_000 }, (_, tick) => document.merge({ price: { bid: tick } }, { windowMs: 100 })),
    )
    expect(new Set(points.map(({ position }) => position)).size).toBe(1)
    expect(log.commits).toBe(2)
    expect((await document.read()).plain).toEqual({ price: { bid: 999, name: 'ABC' } })
    await expect(document.merge(JSON.parse('{"a":{"__proto__":1}}'))).rejects.toMatchObject({
      code: 'unstorable_value',
    })
  })

  test('authors nothing by itself, where people format text', async () => {
    const { relay, url, log } = await startRelay()
    const document = relay.document('rich')
    const [a, b] = [joinYWebsocket(url, 'rich'), joinYWebsocket(url, 'rich')]
    await until('the first sync', () => a.provider.synced && b.provider.synced)
    a.text.insert(0, 'some words to format')
    await until('it to be seen', () => b.text.length > 0)
    await document.read()
    for (let round = 0; round < 30; round++) {
      a.text.format(round % 10, 8, { bold: round % 2 === 0 || null })
      b.text.format(round % 7, 12, { bold: round % 3 === 0 || null, italic: true })
      await document.read()
    }
    const content = async () => ((await document.read()).json.roots[''] as TextJson).delta
    const shown = async () => [a.text.toDelta(), b.text.toDelta(), await content()].map(formatsOf)
    await until('all to be equal', async () => {
      const [ours, theirs, read] = await shown()
      return isDeepStrictEqual(ours, theirs) && isDeepStrictEqual(ours, read)
    })
    const before = await document.read()
    const after = await document.transact(() => {})
    expect(after.position).toBe(before.position)
    const stored = await log.read('rich')
    expect(stored!.records).toHaveLength(after.position)
    expect(formatsOf(await content())).toEqual(formatsOf(a.text.toDelta()))
  })

  test('takes only edits that do not wait', async () => {
    const { relay } = await startRelay()
    const late = relay.document('notes').transact((async (doc: Y.Doc) => {
      doc.getText().insert(0, 'x')
    }) as (doc: Y.Doc) => void)
    await expect(late).rejects.toThrow(TypeError)
    expect(await relay.document('notes').read()).toMatchObject({ position: 0 })
  })
})
