import { mergeUpdates } from '@syncline/protocol'
import { afterEach, describe, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { seededRandom } from '../../../../test/support/random.js'
import { contentOf as contentOfReplica, openQuietDoc, runSession } from '../../../../test/support/sessions.js'
import { CollectMismatch, collect } from './collect.js'
import { contentOf } from './content.js'

type Change = (update: Uint8Array) => Uint8Array

/** What a bug would make of each document that is encoded as a whole. */
const bug = vi.hoisted(() => ({ change: null as Change | null }))
vi.mock('yjs', async (original) => {
  const yjs = await original<typeof Y>()
  return {
    ...yjs,
    encodeStateAsUpdate(doc: Y.Doc, vector?: Uint8Array): Uint8Array {
      const update = yjs.encodeStateAsUpdate(doc, vector)
      const { change } = bug
      if (change === null) return update
      bug.change = null // it may encode, too
      return change(update)
    },
  }
})
afterEach(() => {
  bug.change = null
})

function loaded(...updates: readonly Uint8Array[]): Y.Doc {
  const doc = openQuietDoc()
  for (const update of updates) Y.applyUpdate(doc, update)
  return doc
}

function deletionsOf(doc: Y.Doc) {
  return Y.createDeleteSetFromStructStore(doc.store)
}

/** The updates of someone who writes, deletes and writes on. */
function written(texts: readonly string[]): Uint8Array[] {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  const text = doc.getText('text')
  for (const each of texts) text.insert(text.length, each)
  text.delete(1, text.length - 2)
  return updates
}

describe('collecting', () => {
  test('keeps state vector, deletions and content of documents of all kinds, whatever is cut where', () => {
    const seeds = Array.from({ length: 150 }, (_, i) => i + 1)
    let before = 0
    let after = 0
    for (const seed of seeds) {
      const { edits } = runSession(seed, 60)
      const half = edits.length >> 1
      const collected = collect([collect(edits.slice(0, half)), ...edits.slice(half)])
      const [expected, found] = [loaded(...edits), loaded(collected)]
      expect(contentOfReplica(found), `seed ${seed}`).toBe(contentOfReplica(expected))
      expect(Y.encodeStateVector(found), `seed ${seed}`).toEqual(Y.encodeStateVector(expected))
      expect(Y.equalDeleteSets(deletionsOf(found), deletionsOf(expected)), `seed ${seed}`).toBe(true)
      for (const edit of edits) before += edit.length
      after += collected.length
    }
    expect(after).toBeLessThan(before)
  })

  test('takes what two write at once though the runs of a commit refer to each other in both directions', () => {
    const random = seededRandom(7)
    const docs = [new Y.Doc(), new Y.Doc()] as const
    let runs: Uint8Array[][] = [[], []]
    for (const [author, doc] of docs.entries()) {
      doc.on('update', (update: Uint8Array, origin: unknown) => {
        if (origin === 'other') return
        runs[author]!.push(update)
        Y.applyUpdate(docs[1 - author]!, update, 'other')
      })
    }
    const log: Uint8Array[] = []
    // so many that they are not all loaded at once
    for (let i = 0; i < 4_000; i++) {
      const text = docs[i % 2]!.getText()
      text.insert(Math.floor(random() * text.length), 'word ')
      if (i % 5 === 0) text.delete(Math.floor(random() * (text.length - 3)), 3)
      if (i % 20 < 19) continue
      log.push(...runs.map((updates) => mergeUpdates(updates)).toSorted(() => random() - 0.5))
      runs = [[], []]
    }
    expect(log.reduce((bytes, { length }) => bytes + length, 0)).toBeGreaterThan(64 * 1024)
    const found = loaded(collect(log))
    expect(found.getText().toString()).toBe(docs[0].getText().toString())
    expect(Y.equalDeleteSets(deletionsOf(found), deletionsOf(docs[0]))).toBe(true)
  })

  test('leaves formatting alone that a replica would tidy up', () => {
    const doc = new Y.Doc()
    const updates: Uint8Array[] = []
    doc.on('update', (update: Uint8Array) => updates.push(update))
    const text = doc.getText('text')
    text.insert(0, 'bold and not', { bold: true })
    const other = new Y.Doc()
    Y.applyUpdate(other, Y.encodeStateAsUpdate(doc))
    text.format(0, 12, { bold: null })
    other.getText('text').format(0, 8, { bold: null })
    updates.push(Y.encodeStateAsUpdate(other, Y.encodeStateVector(doc)))
    const collected = loaded(collect(updates))
    expect(Y.equalDeleteSets(deletionsOf(collected), deletionsOf(loaded(...updates)))).toBe(true)
  })

  test('lets go what was deleted', () => {
    const collected = collect(written(['a', 'x'.repeat(10_000), 'z']))
    expect(collected.length).toBeLessThan(60)
    expect(loaded(collected).getText('text').toString()).toBe('az')
  })

  test('refuses updates that lack something', () => {
    const updates = written(['a', 'b', 'c'])
    expect(() => collect(updates.slice(1))).toThrow(new CollectMismatch('It refers to something that it lacks'))
  })

  test('throws what Yjs throws', () => {
    expect(() => collect([Uint8Array.of(1, 1, 2)])).toThrow()
  })

  function edited(edit: (text: Y.Text) => void): Change {
    return (update) => {
      const doc = loaded(update)
      edit(doc.getText('text'))
      return Y.encodeStateAsUpdate(doc)
    }
  }

  test.each<[string, Change]>([
    ['The vector would change', edited((text) => text.insert(1, 'more'))],
    ['The deletions would change', edited((text) => text.delete(0, 1))],
    ['The content would change', (update) => update.map((byte) => (byte === 0x7a ? 0x79 : byte))],
  ])('notices what a bug would do: %s', (fact, change) => {
    const updates = written(['a', 'b', 'z'])
    bug.change = change
    expect(() => collect(updates)).toThrow(new CollectMismatch(fact))
    expect(loaded(collect(updates)).getText('text').toString()).toBe('az')
  })
})

describe('the content of a document', () => {
  test('is the same however its structs are cut', () => {
    const doc = new Y.Doc()
    const pieces: Uint8Array[] = []
    doc.on('update', (update: Uint8Array) => pieces.push(update))
    for (const word of ['one ', 'two ', 'three']) doc.getText('text').insert(doc.getText('text').length, word)
    for (const value of [1, null, { a: [undefined] }]) doc.getArray('array').push([value])
    expect(contentOf(loaded(...pieces))).toEqual(contentOf(loaded(Y.mergeUpdates(pieces))))
  })

  test('differs where anything in it does', () => {
    const edits: ((doc: Y.Doc) => void)[] = [
      () => {},
      (doc) => doc.getText('text').insert(0, 'a'),
      (doc) => doc.getText('text').insert(0, 'ab'),
      (doc) => doc.getText('text').insert(0, 'a', { bold: true }),
      (doc) => doc.getText('text').insertEmbed(0, { a: 1 }),
      (doc) => doc.getText('other').insert(0, 'a'),
      (doc) => doc.getMap('map').set('a', 'a'),
      (doc) => doc.getMap('map').set('b', 'a'),
      (doc) => doc.getMap('map').set('a', 1),
      (doc) => doc.getArray('array').push([[undefined]]),
      (doc) => doc.getArray('array').push([[null]]),
      (doc) => doc.getArray('array').push(['a', 'b']),
      (doc) => doc.getArray('array').push(['ab']),
      (doc) => doc.getArray('array').push([new Uint8Array(1)]),
      (doc) => doc.getArray('array').push([new Y.Text('a')]),
      (doc) => doc.getArray('array').push([new Y.XmlText('a')]),
      (doc) => doc.getArray('array').push([new Y.XmlElement('a')]),
      (doc) => doc.getArray('array').push([new Y.XmlElement('b')]),
      (doc) => doc.getArray('array').push([new Y.Doc({ guid: 'a' })]),
      (doc) => doc.getArray('array').push([new Y.Doc({ guid: 'b' })]),
      (doc) => doc.getArray('array').push([Y.Array.from([1]), Y.Array.from([])]),
      (doc) => doc.getArray('array').push([Y.Array.from([]), Y.Array.from([1])]),
    ]
    const contents = edits.map((edit) => {
      const doc = openQuietDoc()
      edit(doc)
      return Buffer.from(contentOf(doc)).toString('hex')
    })
    expect(new Set(contents).size).toBe(edits.length)
  })

  test('of types that are nested a hundred thousand deep is written without a call for each', () => {
    const doc = new Y.Doc()
    doc.transact(() => {
      let inner = doc.getArray<unknown>('array')
      for (let depth = 0; depth < 100_000; depth++) {
        const next = new Y.Array<unknown>()
        inner.push([next])
        inner = next
      }
    })
    expect(contentOf(doc).length).toBeGreaterThan(100_000)
  })
})
