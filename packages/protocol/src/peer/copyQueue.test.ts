import { beforeEach, describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import type { DocumentReply, DocumentRequest } from '../messages/types.js'
import type { CopyRow, CopyWrite, LocalCopy } from './copy.js'
import { Peer } from './peer.js'
import type { PeerInput } from './types.js'

const epoch = '00000000000000aa'
const point = (position: number, of = epoch) => ({ epoch: of, position, chain: position })
const nothing: LocalCopy = { epoch: null, resume: null, rows: [], refused: [], deleted: false }

const tooDeep = Array.from({ length: 600 }).reduce((inner: unknown) => [inner], 1)

function updateBy(text: string): Uint8Array {
  const doc = new Y.Doc()
  doc.getText('t').insert(0, text)
  return Y.encodeStateAsUpdate(doc)
}

function row(id: number, text: string, saved: boolean, changes = 1): CopyRow {
  return { id, update: updateBy(text), changes, saved }
}

function textOf(updates: readonly Uint8Array[]): string {
  const doc = new Y.Doc()
  for (const update of updates) Y.applyUpdate(doc, update)
  return doc.getText('t').toString()
}

/** A tab: its document, its Peer, and a store that answers when the test says so. */
class Tab {
  readonly doc = new Y.Doc()
  readonly sent: DocumentRequest[] = []
  readonly writes: CopyWrite[] = []
  reads = 0
  #nextId = 100
  readonly peer: Peer

  constructor(packBytes?: number) {
    const replica = {
      stateVector: () => Y.encodeStateVector(this.doc),
      difference: (vector: Uint8Array) => Y.encodeStateAsUpdate(this.doc, vector),
    }
    this.peer = new Peer('story', replica, packBytes)
    this.doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== 'elsewhere') this.step({ type: 'edited', update })
    })
  }

  step(input: PeerInput): void {
    for (const effect of this.peer.step(input)) {
      if (effect.type === 'send') this.sent.push(effect.request)
      if (effect.type === 'read') this.reads++
      if (effect.type === 'write') this.writes.push(effect.write)
      if (effect.type === 'apply') Y.applyUpdate(this.doc, effect.update, 'elsewhere')
    }
  }

  load(copy: LocalCopy): void {
    for (const { update } of copy.rows) Y.applyUpdate(this.doc, update, 'elsewhere')
    this.step({ type: 'loaded', copy })
  }

  type(text: string): void {
    this.doc.getText('t').insert(0, text)
    this.step({ type: 'flushed' })
  }

  /** The store has written what it was asked for last. */
  written(): number[] {
    const ids = this.writes.at(-1)!.append.map(() => this.#nextId++)
    this.step({ type: 'written', rows: ids })
    return ids
  }

  reply(reply: DocumentReply): void {
    this.step({ type: 'received', reply })
  }

  open(position: number, stateVector: Uint8Array | null = Uint8Array.of(0), of = epoch): void {
    this.step({ type: 'connected' })
    this.reply({ type: 'opened', point: point(position, of), stateVector, access: 'write' })
    this.reply({ type: 'synced', position, chain: position, update: null })
  }

  said(): string[] {
    return this.sent.splice(0).map((request) => request.type)
  }

  /** What the store is to be told now, and no more. */
  onlyWrite(): CopyWrite {
    expect(this.writes).toHaveLength(1)
    return this.writes[0]!
  }
}

let tab: Tab
beforeEach(() => {
  tab = new Tab()
})

describe('before the local copy was read', () => {
  test('nothing is opened; then the point where it left off is offered', () => {
    tab.step({ type: 'connected' })
    expect(tab.said()).toEqual([])
    expect(tab.peer.state).toEqual({ at: 'loading', connected: true })
    tab.load({ epoch, resume: point(7), rows: [row(1, 'here', true)], refused: [], deleted: false })
    expect(tab.sent).toMatchObject([{ type: 'open', resume: point(7) }])
  })

  test('edits are kept, and what was pending before comes to the relay with them', () => {
    tab.type('early')
    tab.load({
      epoch,
      resume: point(7),
      rows: [row(1, 'here', true), row(2, 'pending', false, 12)],
      refused: [],
      deleted: false,
    })
    expect(tab.peer).toMatchObject({ edits: 13, kept: 0, pending: 13 })
    expect(tab.onlyWrite().append).toMatchObject([{ saved: false, changes: 1 }])
    const [id] = tab.written()
    expect(tab.peer.kept).toBe(13)
    tab.open(7, null)
    expect(tab.sent.at(-1)).toMatchObject({ type: 'update', seq: 1, answer: false })
    tab.reply({ type: 'ack', seq: 1, position: 8, chain: 8 })
    expect(tab.writes.at(-1)).toMatchObject({ epoch, saved: [id, 2].sort(), resume: point(8) })
  })

  test('what a tab that is gone has written meanwhile is read after it, and comes to the relay', () => {
    tab.step({ type: 'reread' })
    expect(tab.reads).toBe(0)
    tab.load({ epoch, resume: point(7), rows: [row(1, 'here', true)], refused: [], deleted: false })
    expect(tab.reads).toBe(1)
    tab.load({
      epoch,
      resume: point(7),
      rows: [row(1, 'here', true), row(2, 'left', false)],
      refused: [],
      deleted: false,
    })
    expect([tab.reads, tab.peer.pending]).toEqual([1, 1])
    tab.open(7, null)
    expect(tab.sent.at(-1)).toMatchObject({ type: 'update', seq: 1 })
  })

  test('a connection that was lost meanwhile is not used', () => {
    tab.step({ type: 'connected' })
    tab.step({ type: 'disconnected' })
    tab.load(nothing)
    expect(tab.said()).toEqual([])
    expect(tab.peer.state).toEqual({ at: 'offline' })
  })
})

describe('what another tab brought', () => {
  beforeEach(() => {
    tab.load(nothing)
    Y.applyUpdate(tab.doc, updateBy('theirs'), 'elsewhere')
    tab.step({ type: 'borrowed' })
  })

  test('and the relay was told of is in the copy before a point that covers it', () => {
    tab.type('mine')
    const mine = tab.written()
    tab.open(3)
    expect(tab.peer.resume).toEqual(point(3))
    expect(tab.onlyWrite().resume).toBe(null)
    tab.reply({ type: 'ack', seq: 1, position: 4, chain: 4 })
    const write = tab.writes.at(-1)!
    expect(write).toMatchObject({ resume: point(4), remove: mine, append: [{ saved: true }] })
    expect(write.append[0]!.update).toEqual(Y.encodeStateAsUpdate(tab.doc))
  })

  test('and no relay takes does not end the session of a tab that is not to blame', () => {
    tab.open(3)
    tab.said()
    tab.reply({ type: 'rejected', seq: 1, code: 'malformed_update', reason: '' })
    expect(tab.sent).toMatchObject([{ type: 'update', answer: true, update: new Uint8Array(2) }])
    expect(tab.peer.state.at).toBe('live')
  })
})

describe('writing', () => {
  test('edits of one turn, and all that gathers while the store writes, are one write each', () => {
    tab.load(nothing)
    for (const letter of 'abc') tab.type(letter)
    expect(tab.writes.map(({ append }) => append.length)).toEqual([1])
    tab.written()
    expect(tab.writes.map(({ append }) => append.length)).toEqual([1, 2])
    expect(tab.peer).toMatchObject({ kept: 1, edits: 3 })
  })

  test('the resume point goes with the rows that it covers', () => {
    tab.load(nothing)
    tab.open(4)
    tab.written()
    tab.reply({ type: 'update', position: 5, chain: 5, update: updateBy('theirs') })
    expect(tab.writes.at(-1)).toMatchObject({ epoch, append: [{ saved: true }], resume: point(5) })
  })

  test('an edit that was acknowledged while it was being written is marked by the next write', () => {
    tab.load(nothing)
    tab.open(4)
    tab.written()
    tab.reply({ type: 'ack', seq: 1, position: 4, chain: 4 })
    tab.type('a')
    tab.reply({ type: 'ack', seq: 2, position: 5, chain: 5 })
    expect(tab.writes.at(-1)).toMatchObject({ append: [{ saved: false }], saved: [] })
    const ids = tab.written()
    expect(tab.writes.at(-1)).toMatchObject({ append: [], saved: ids, resume: point(5) })
  })

  test('one that failed is tried again with all that came since, and nothing is called kept before', () => {
    tab.load(nothing)
    tab.type('a')
    tab.step({ type: 'writeFailed', lost: false })
    tab.type('b')
    expect(tab.writes).toHaveLength(1)
    expect(tab.peer).toMatchObject({ kept: 0, pending: 2 })
    tab.step({ type: 'retryWrite' })
    expect(tab.writes.at(-1)!.append).toHaveLength(2)
    tab.written()
    expect(tab.peer.kept).toBe(2)
  })

  test('a copy that is lost gets everything that is here, and edits in rows of their own', () => {
    tab.load({ epoch, resume: point(7), rows: [row(1, 'saved', true)], refused: [], deleted: false })
    tab.type('typed ')
    tab.step({ type: 'writeFailed', lost: true })
    tab.load(nothing)
    const { append, resume } = tab.writes.at(-1)!
    expect({ append, resume }).toMatchObject({
      append: [{ saved: true }, { saved: false, changes: 1 }],
      resume: point(7),
    })
    const texts = append.map((_, index) => textOf(append.slice(0, index + 1).map(({ update }) => update)))
    expect(texts).toEqual(['saved', 'typed saved'])
  })

  test('a copy that is lost while an edit is there that no relay takes gets the edits, and no point before the rest', () => {
    tab.load({ epoch, resume: point(7), rows: [row(1, 'saved', true)], refused: [], deleted: false })
    tab.type('typed ')
    tab.doc.getMap('map').set('deep', tooDeep)
    tab.step({ type: 'flushed' })
    tab.step({ type: 'writeFailed', lost: true })
    tab.load(nothing)
    expect(tab.writes.at(-1)).toMatchObject({ append: [{ saved: false }, { saved: false }], remove: [], resume: null })
    tab.written()
    expect(tab.peer.kept).toBe(2)
  })

  test('a copy that is lost gets edits apart from what is saved also where Yjs has joined the two', () => {
    tab.load(nothing)
    tab.open(0)
    tab.written()
    tab.type('saved')
    tab.reply({ type: 'ack', seq: 2, position: 1, chain: 1 })
    tab.doc.getText('t').insert(5, ' typed')
    tab.step({ type: 'flushed' })
    tab.step({ type: 'writeFailed', lost: true })
    tab.load(nothing)
    const { append } = tab.writes.at(-1)!
    expect(append).toMatchObject([{ saved: true }, { saved: false, changes: 1 }])
    expect(append.map((_, index) => textOf(append.slice(0, index + 1).map(({ update }) => update)))).toEqual([
      'saved',
      'saved typed',
    ])
  })

  test('a copy that comes late to an empty document gets nothing', () => {
    tab.step({ type: 'loaded', copy: null })
    tab.load(nothing)
    expect(tab.writes).toEqual([])
  })

  test('two rows of one edit are both marked', () => {
    const copy = { epoch, resume: point(7), rows: [row(1, 'saved', true)], refused: [], deleted: false }
    tab.load(copy)
    tab.type('typed ')
    const { update } = tab.onlyWrite().append[0]!
    tab.step({ type: 'writeFailed', lost: true })
    tab.load({ ...copy, rows: [...copy.rows, ...[2, 3].map((id) => ({ id, update, changes: 1, saved: false }))] })
    expect(tab.writes.at(-1)).toMatchObject({ append: [{ saved: true }], remove: [1] })
    tab.written()
    tab.open(7, null)
    tab.reply({ type: 'ack', seq: 1, position: 8, chain: 8 })
    if (tab.peer.writing) tab.written()
    expect(tab.writes.flatMap(({ saved }) => saved)).toEqual([2, 3])
  })

  test('opening it again without a change writes nothing', () => {
    tab.load({ epoch, resume: point(7), rows: [row(1, 'here', true)], refused: [], deleted: false })
    tab.open(7, null)
    tab.step({ type: 'disconnected' })
    tab.open(7, null)
    expect(tab.writes).toEqual([])
  })
})

describe('another epoch', () => {
  test('makes no row count as saved, until the relay has the full difference', () => {
    tab.load({ epoch, resume: point(7), rows: [row(1, 'here', true)], refused: [], deleted: false })
    const other = '00000000000000bb'
    tab.open(2, Uint8Array.of(0), other)
    expect(tab.writes.at(-1)).toMatchObject({ epoch: other, saved: [], resume: point(2, other) })
    tab.written()
    tab.reply({ type: 'ack', seq: 1, position: 3, chain: 3 })
    expect(tab.writes.at(-1)).toMatchObject({ epoch: other, saved: [1], resume: point(3, other) })
  })
})

describe('packing', () => {
  test('makes the state of the replica the one row, when all of it is saved', () => {
    tab = new Tab(1_000)
    tab.load({
      epoch,
      resume: point(7),
      rows: [1, 2, 3, 4, 5, 6, 7, 8].map((id) => row(id, `row ${id}`, true)),
      refused: [],
      deleted: false,
    })
    const { append, remove } = tab.onlyWrite()
    expect(append).toMatchObject([{ saved: true }])
    expect(remove).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(append[0]!.update).toEqual(Y.encodeStateAsUpdate(tab.doc))
  })

  test('keeps edits that are not saved apart, counts them, and joins them too', () => {
    tab = new Tab(1_000)
    tab.load({ epoch, resume: point(7), rows: [row(1, 'saved', true)], refused: [], deleted: false })
    for (let i = 0; i < 8; i++) {
      tab.type('x')
      tab.written()
    }
    if (tab.peer.writing) tab.written()
    const pack = tab.writes.find(({ remove }) => remove.length > 0)!
    expect(pack.remove).not.toContain(1)
    expect(pack.append[0]).toMatchObject({ saved: false, changes: pack.remove.length })
    expect([tab.peer.pending, tab.peer.kept]).toEqual([8, 8])
  })

  test('brings no edit along that is left out, also where it has become small', () => {
    tab = new Tab(1_000)
    tab.step({ type: 'limited', updateBytesMax: 200 })
    tab.load({ epoch, resume: point(7), rows: [row(1, 'saved', true)], refused: [], deleted: false })
    tab.type('x')
    tab.written()
    tab.type('large'.repeat(60))
    tab.written()
    tab.doc.getText('t').delete(0, 300)
    tab.step({ type: 'flushed' })
    for (let i = 0; i < 8; i++) {
      tab.written()
      tab.type('x')
    }
    const packs = tab.writes.filter(({ remove }) => remove.length > 1).map(({ append }) => append[0]!.update)
    const structs = packs.flatMap((update) => Y.decodeUpdate(update).structs)
    expect(structs.filter((struct) => !(struct instanceof Y.Skip)).map(({ id }) => id.clock)).not.toContain(1)
    expect(packs).toHaveLength(2)
  })

  test('joins edits also while a copy that was lost waits for one that has deleted some of it', () => {
    tab = new Tab(1_000)
    tab.load({ epoch, resume: point(7), rows: [row(1, 'saved', true)], refused: [], deleted: false })
    tab.doc.getText('t').delete(0, 1)
    tab.step({ type: 'flushed' })
    tab.step({ type: 'writeFailed', lost: true })
    tab.load(nothing)
    tab.written()
    for (let i = 0; i < 8; i++) {
      tab.type('x')
      tab.written()
    }
    if (tab.peer.writing) tab.written()
    expect(tab.writes.some(({ remove }) => remove.length > 1)).toBe(true)
    expect(tab.writes.every(({ append, resume }) => resume === null && append.every((row) => !row.saved))).toBe(true)

    tab.open(7, null)
    tab.reply({ type: 'ack', seq: 1, position: 8, chain: 8 })
    const { append, resume } = tab.writes.at(-1)!
    expect(append.map(({ update, saved }) => [textOf([update]), saved])).toEqual([['xxxxxxxxaved', true]])
    expect(resume).toEqual(point(8))
  })
})
