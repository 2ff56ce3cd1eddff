import { beforeEach, describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { defaultLimits } from '../limits.js'
import type { Access, DocumentReply } from '../messages/types.js'
import { Room } from '../room/room.js'
import type { RoomInput } from '../room/types.js'
import { mergeUpdates, seedFrom } from '../updates/index.js'
import type { LocalCopy, RowId } from './copy.js'
import { Peer } from './peer.js'
import type { PeerEffect, PeerInput } from './types.js'

const limits = { ...defaultLimits, updateBytesMax: 2_000, documentBytesMax: 20_000 }

/** A Room whose commits are done at once, unless they are held. */
class Relay {
  room = new Room('x', limits)
  readonly tabs = new Map<number, Tab>()
  access: Access = 'write'
  #next = 1
  #held = false

  constructor() {
    this.room.step({ type: 'loaded', stored: null, epoch: '00000000000000aa' })
  }

  /** From a backup that has nothing. */
  restore(): void {
    this.room = new Room('x', limits)
    this.room.step({ type: 'loaded', stored: null, epoch: '00000000000000bb' })
  }

  hold(): void {
    this.#held = true
  }

  release(): void {
    this.#held = false
    this.#commit()
  }

  join(tab: Tab, request: Extract<RoomInput, { type: 'joined' }>['request']): number {
    const session = this.#next++
    this.tabs.set(session, tab)
    tab.session = session
    this.step({ type: 'joined', session, profile: { author: '', access: this.access, echo: false }, request })
    return session
  }

  step(input: RoomInput): void {
    const effects = this.room.step(input)
    for (const effect of effects) {
      if (effect.type !== 'send') continue
      for (const id of effect.to) this.tabs.get(id)?.heard(id, effect.message)
    }
    this.#commit()
  }

  get text(): string {
    const reader = new Tab(this)
    reader.connect()
    return reader.text
  }

  #commit(): void {
    if (this.#held) return
    const [append] = this.room.step({ type: 'committing', now: 0 })
    if (append) this.step({ type: 'committed', now: 0 })
  }
}

/** A Peer with a Y.Doc, on a wire that is as quick as can be; what it hears waits where the test wants that. */
class Tab {
  doc = new Y.Doc()
  session = 0
  readonly replacements: string[] = []
  readonly peer: Peer
  copy: LocalCopy
  /** its store does not answer */
  isStuck = false
  /** as whoever reads it between two writes finds it, from the last loss on, and before */
  copies: LocalCopy[] = []
  readonly #relay: Relay
  readonly #inbox: { session: number; reply: DocumentReply }[] = []
  #busy = false
  #nextRow: RowId

  constructor(relay: Relay, copy: LocalCopy | null = null) {
    this.#relay = relay
    this.copy = copy ?? { epoch: null, resume: null, rows: [], refused: [], deleted: false }
    this.#nextRow = Math.max(0, ...this.copy.rows.map(({ id }) => id)) + 1
    this.peer = new Peer('x', {
      stateVector: () => Y.encodeStateVector(this.doc),
      difference: (vector) => Y.encodeStateAsUpdate(this.doc, vector),
    })
    this.#listen()
    this.readCopy(this.copy)
  }

  get text(): string {
    return this.doc.getText('t').toString()
  }

  step(input: PeerInput): void {
    for (const effect of this.peer.step(input, 1_000)) this.#perform(effect)
    while (!this.#busy && this.#inbox.length > 0) {
      this.#busy = true
      const { session, reply } = this.#inbox.shift()!
      if (session === this.session) this.step({ type: 'received', reply })
      this.#busy = false
    }
  }

  heard(session: number, reply: DocumentReply): void {
    this.#inbox.push({ session, reply })
    if (!this.#busy) this.step({ type: 'flushed' })
  }

  connect(): void {
    this.step({ type: 'limited', updateBytesMax: limits.updateBytesMax })
    this.step({ type: 'connected' })
    this.step({ type: 'flushed' })
  }

  disconnect(): void {
    this.#relay.step({ type: 'left', session: this.session, now: 0 })
    this.session = 0
    this.step({ type: 'disconnected' })
  }

  type(text: string, at = this.text.length): void {
    this.doc.getText('t').insert(at, text)
    this.step({ type: 'flushed' })
  }

  /** Its store can't say what it has done, and is read again. */
  loseCopy(): void {
    this.step({ type: 'writeFailed', lost: true })
    this.copies = [this.copy]
    this.readCopy(this.copy)
  }

  readCopy(copy: LocalCopy): void {
    this.copy = copy
    this.#nextRow = Math.max(this.#nextRow, ...copy.rows.map(({ id }) => id + 1))
    for (const { id, update } of copy.rows) if (!this.peer.knows(id)) Y.applyUpdate(this.doc, update, 'relay')
    this.step({ type: 'loaded', copy })
  }

  reload(): Tab {
    this.disconnect()
    return new Tab(this.#relay, this.copy)
  }

  #listen(): void {
    this.doc.on('update', (update: Uint8Array, origin: unknown, doc: Y.Doc) => {
      if (origin !== 'relay' && doc === this.doc) this.step({ type: 'edited', update })
    })
  }

  #perform(effect: PeerEffect): void {
    switch (effect.type) {
      case 'send': {
        const { request } = effect
        if (request.type === 'open') this.#relay.join(this, request)
        else this.#relay.step({ type: 'received', session: this.session, request, now: 0 })
        return
      }
      case 'apply':
        return Y.applyUpdate(this.doc, effect.update, 'relay')
      case 'replace':
        this.doc = new Y.Doc()
        this.#listen()
        for (const update of effect.updates) Y.applyUpdate(this.doc, update, 'relay')
        expect(this.doc.store.pendingStructs).toBe(null)
        this.replacements.push(effect.refused.map(({ code, changes }) => `${code} ${changes}`).join())
        return
      case 'reopen':
        return this.step({ type: 'connected' })
      case 'write': {
        if (this.isStuck) return
        const { write } = effect
        const ids = write.append.map(() => this.#nextRow++)
        const same = write.epoch === null || write.epoch === this.copy.epoch
        const rows = [...this.copy.rows, ...write.append.map((row, i) => ({ ...row, id: ids[i]! }))]
        this.copy = {
          epoch: write.epoch ?? this.copy.epoch,
          resume: write.resume ?? (write.restart ? null : this.copy.resume),
          rows: rows
            .filter(({ id }) => !write.remove.includes(id))
            .map((row) =>
              write.saved.includes(row.id) ? { ...row, saved: true } : same ? row : { ...row, saved: false },
            ),
          refused: [
            ...this.copy.refused.filter(
              ({ id }) => !write.letGo?.includes(id) && !write.refuse?.some((row) => row.id === id),
            ),
            ...(write.refuse ?? []),
          ],
          deleted: this.copy.deleted || write.deleted === true,
        }
        this.copies.push(this.copy)
        return this.step({ type: 'written', rows: ids })
      }
      default:
        return
    }
  }
}

/** What a reader of the copy would show of a refused row, on top of a document. */
function shown(content: Uint8Array, update: Uint8Array): string {
  const doc = new Y.Doc()
  Y.applyUpdate(doc, mergeUpdates([content, update]))
  expect(doc.store.pendingStructs).toBe(null)
  return doc.getText('t').toString()
}

const deep = (depth: number): unknown => (depth === 0 ? 1 : [deep(depth - 1)])

let relay: Relay
beforeEach(() => {
  relay = new Relay()
})

describe('an edit that the relay never takes', () => {
  test('is set aside with what was typed after it, and everything else is saved', () => {
    const [ann, ben] = [new Tab(relay), new Tab(relay)]
    ann.connect()
    ben.connect()
    ann.type('one ')
    ann.type('x'.repeat(3_000))
    expect(ann.replacements).toEqual(['update_too_large 1'])
    expect(ann.text).toBe('one ')
    ann.type('two ')
    ben.type('three', 0)
    expect([ann.text, ben.text, relay.text]).toEqual(Array(3).fill('threeone two '))
    expect(ann.peer).toMatchObject({
      pending: 0,
      state: { at: 'live' },
      refused: [{ code: 'update_too_large', time: 1_000 }],
    })
    expect(shown(Y.encodeStateAsUpdate(ann.doc), ann.peer.refused[0]!.update)).toContain('x'.repeat(3_000))
  })

  test('is found among many that were typed offline, and its row is none of the document any more', () => {
    const ann = new Tab(relay)
    ann.connect()
    ann.type('begun ')
    ann.disconnect()
    for (let i = 0; i < 20; i++) ann.type(`${i} `)
    ann.doc.getMap('m').set('deep', deep(600))
    ann.type('late')
    const again = ann.reload()
    again.type('other tab', 0)
    again.connect()
    expect(again.replacements).toEqual(['malformed_update 1,malformed_update 1'])
    const kept = `other tabbegun ${Array.from({ length: 20 }, (_, i) => `${i} `).join('')}`
    expect([again.text, relay.text]).toEqual([kept, kept])
    expect(again.peer.pending).toBe(0)
    expect(again.copy.rows.every(({ saved }) => saved)).toBe(true)
    const third = again.reload()
    expect(third.text).toBe(kept)
    expect(third.peer.refused.map(({ code }) => code)).toEqual(['malformed_update', 'malformed_update'])
    expect(third.replacements).toEqual([])
    third.connect()
    third.step({ type: 'dropRefused' })
    expect(third.copy.refused).toEqual([])
  })

  test('takes along nothing of others, nor what does not need it', () => {
    const ann = new Tab(relay)
    ann.connect()
    ann.type('a')
    ann.disconnect()
    ann.type('y'.repeat(2_500))
    const again = ann.reload()
    again.doc.getMap('m').set('k', 'independent')
    again.connect()
    expect(again.doc.getMap('m').get('k')).toBe('independent')
    expect(again.text).toBe('a')
    expect(relay.text).toBe('a')
    expect(again.peer.refused).toHaveLength(1)
    again.type('b')
    expect(relay.text).toBe('ab')
  })

  test('takes along what is typed before the new replica is there', () => {
    const ann = new Tab(relay)
    ann.connect()
    relay.hold()
    ann.type('a')
    ann.type('z'.repeat(2_500))
    // the ack of the first is still to come
    ann.type('b')
    expect(ann.replacements).toEqual([])
    relay.release()
    expect(ann.replacements).toEqual(['update_too_large 2'])
    expect([ann.text, relay.text]).toEqual(['a', 'a'])
  })

  test('in a full document, what fits is saved', () => {
    const ann = new Tab(relay)
    ann.connect()
    ann.disconnect()
    for (let i = 0; i < 30; i++) ann.type('x'.repeat(1_000))
    ann.connect()
    expect(ann.text.length).toBeGreaterThan(10_000)
    expect(relay.text).toBe(ann.text)
    expect(ann.peer.refused).toMatchObject([{ code: 'document_too_large' }])
    expect(ann.text.length / 1_000 + ann.peer.refused[0]!.changes).toBe(30)
  })

  test('leaves an edit on what another tab has typed pending until the relay has that', () => {
    const [ann, ben] = [new Tab(relay), new Tab(relay)]
    ann.connect()
    ben.connect()
    ann.type('a')
    ann.disconnect()
    ben.disconnect()
    ben.type(' theirs')
    Y.applyUpdate(ann.doc, Y.encodeStateAsUpdate(ben.doc), 'relay')
    ann.step({ type: 'borrowed' })
    ann.type(' mine')
    ann.doc.getMap('m').set('deep', deep(600))
    ann.connect()
    expect([relay.text, ann.peer.pending > 0, ann.peer.saved]).toEqual(['a', true, 1])
    ben.connect()
    ann.disconnect()
    ann.connect()
    expect(ann.replacements).toEqual(['malformed_update 1'])
    expect([ann.text, ben.text, relay.text]).toEqual(Array(3).fill('a theirs mine'))
    expect(ann.peer).toMatchObject({ pending: 0, state: { at: 'live' } })
  })

  test('whatever it deleted comes back', () => {
    const ann = new Tab(relay)
    ann.connect()
    ann.type('precious')
    ann.doc.transact(() => {
      ann.doc.getText('t').delete(0, 8)
      ann.doc.getText('t').insert(0, 'x'.repeat(3_000))
    })
    ann.step({ type: 'flushed' })
    expect([ann.text, relay.text]).toEqual(['precious', 'precious'])
  })

  test('takes nothing along that a relay had lost, and loses once more while this replica is made anew', () => {
    const ann = new Tab(relay)
    ann.connect()
    ann.type('saved once')
    ann.disconnect()
    relay.restore()
    ann.type('x'.repeat(3_000))
    relay.hold()
    ann.connect()
    // what it has brought back is on its way to the disk, as another session is told
    ann.disconnect()
    ann.connect()
    ann.disconnect()
    relay.restore()
    relay.release()
    ann.connect()
    expect([ann.text, relay.text]).toEqual(['saved once', 'saved once'])
  })
})

test('an offline day that adds up to more than the limit is sent in pieces, and nothing of it is refused', () => {
  const ann = new Tab(relay)
  ann.connect()
  ann.type('morning ')
  ann.disconnect()
  for (let i = 0; i < 400; i++) ann.type(`${i} and more `, i % 3)
  const { text } = ann
  const again = ann.reload()
  again.connect()
  expect(again.peer).toMatchObject({ pending: 0, refused: [] })
  expect([again.text, relay.text]).toEqual([text, text])
  expect(again.replacements).toEqual([])
})

describe('a reader', () => {
  test('whose access was taken while offline is told what was refused', () => {
    const ann = new Tab(relay)
    ann.connect()
    ann.type('written ')
    ann.disconnect()
    ann.type('offline')
    relay.access = 'read'
    ann.connect()
    expect(ann.replacements).toEqual(['read_only 1'])
    expect(ann.text).toBe('written ')
    ann.type('still')
    expect(ann.text).toBe('written ')
    expect(ann.replacements).toEqual(['read_only 1', 'read_only 1'])
    expect(ann.peer).toMatchObject({ access: 'read', pending: 0, state: { at: 'live' } })
    expect(ann.copy.refused).toHaveLength(2)
  })

  test('whose access is taken while all that it has is on its way waits for no answer', () => {
    const ann = new Tab(relay)
    ann.connect()
    ann.type('written')
    relay.hold()
    ann.disconnect()
    ann.peer.step({ type: 'connected' })
    const again = ann.reload()
    again.copy = { ...again.copy, resume: null }
    const late = again.reload()
    relay.access = 'read'
    late.connect()
    relay.release()
    expect(late.peer).toMatchObject({ access: 'read', pending: 0, refused: [], state: { at: 'live' } })
  })

  test('takes nothing out of the copy that another tab has kept there since', () => {
    const ann = new Tab(relay)
    ann.connect()
    ann.type('written ')
    ann.disconnect()
    ann.type('offline')
    relay.access = 'read'
    ann.isStuck = true
    ann.connect()
    expect(ann.replacements).toEqual(['read_only 1'])
    ann.disconnect()
    ann.step({ type: 'writeFailed', lost: false })
    const ben = new Tab(relay, ann.copy)
    ben.type('kept ', 0)
    expect(ben.peer.kept).toBe(2)

    ann.isStuck = false
    ann.step({ type: 'reread' })
    ann.step({ type: 'retryWrite' })
    ann.readCopy(ben.copy)
    expect([ann.text, ann.peer.pending, ann.copy.refused.length]).toEqual(['kept written ', 1, 1])
    expect(ann.reload().text).toBe('kept written ')
  })

  test('because of a full disk keeps what was typed', () => {
    const ann = new Tab(relay)
    ann.connect()
    ann.disconnect()
    ann.type('later')
    relay.step({ type: 'readOnly', readOnly: true, now: 0 })
    ann.connect()
    ann.type(' on')
    expect(ann.peer).toMatchObject({ pending: 2, refused: [] })
    relay.step({ type: 'readOnly', readOnly: false, now: 0 })
    ann.connect()
    expect(relay.text).toBe('later on')
  })
})

describe('a copy that is written anew while an edit is not saved', () => {
  const vanish: readonly [string, (tab: Tab) => void][] = [
    ['a deletion', (tab) => tab.doc.getText('t').delete(1, 1)],
    ['what takes the place of another value', (tab) => tab.doc.getMap('m').set('k', 2)],
  ]
  const contentOf = (doc: Y.Doc) => [doc.getText('t').toString(), doc.getMap('m').get('k')]

  /** The relay has everything but what was done last, of which the copy lacks what that has deleted. */
  function prepare(edit: (tab: Tab) => void): Tab {
    const ann = new Tab(relay)
    ann.connect()
    ann.type('abc')
    ann.doc.getMap('m').set('k', 1)
    ann.step({ type: 'flushed' })
    ann.disconnect()
    edit(ann)
    ann.step({ type: 'flushed' })
    ann.loseCopy()
    return ann
  }

  test.each(vanish)(
    'calls nothing saved that %s has removed: refused, it comes back to whoever reads the copy when',
    (_, edit) => {
      const ann = prepare(edit)
      relay.access = 'read'
      ann.connect()
      expect([contentOf(ann.doc), ann.peer.pending]).toEqual([['abc', 1], 0])
      expect(ann.copies.length).toBeGreaterThan(2)
      for (const copy of ann.copies) {
        const late = new Tab(relay, copy)
        late.connect()
        expect([contentOf(late.doc), late.peer.pending]).toEqual([['abc', 1], 0])
        expect(contentOf(late.reload().doc)).toEqual(['abc', 1])
      }
    },
  )

  test.each(vanish)('does not bring %s that is refused to a tab that reads it again and again', (_, edit) => {
    const ann = prepare(edit)
    relay.access = 'read'
    ann.connect()
    for (const copy of ann.copies) {
      const other = new Tab(relay)
      other.connect()
      other.copy = copy
      other.isStuck = true
      for (let losses = 0; losses < 2; losses++) {
        other.loseCopy()
        other.step({ type: 'flushed' })
        expect([contentOf(other.doc), other.peer.pending]).toEqual([['abc', 1], 0])
      }
    }
  })

  test('calls nothing saved that gave way to a value of which the update names no deletion: it was set before the copy was read', () => {
    const ben = new Tab(relay)
    ben.doc.clientID = 1
    ben.connect()
    ben.type('abc')
    ben.doc.getMap('m').set('k', 1)
    ben.step({ type: 'flushed' })
    const ann = new Tab(relay)
    ann.doc.clientID = 2
    ann.step({ type: 'writeFailed', lost: true })
    ann.doc.getMap('m').set('k', 2)
    ann.readCopy(ben.copy)
    expect(contentOf(ann.doc)).toEqual(['abc', 2])
    relay.access = 'read'
    ann.connect()
    expect(contentOf(ann.doc)).toEqual(['abc', 1])
    expect(ann.copies.length).toBeGreaterThan(1)
    for (const copy of ann.copies) {
      const late = new Tab(relay, copy)
      late.connect()
      expect([contentOf(late.doc), late.peer.pending]).toEqual([['abc', 1], 0])
    }
  })

  test.each(vanish)('brings back what a relay has lost, also where its tab dies and %s was not saved', (_, edit) => {
    const ann = prepare(edit)
    relay.restore()
    relay.hold()
    ann.connect()
    for (const copy of ann.copies) {
      relay = new Relay()
      relay.restore()
      const late = new Tab(relay, copy)
      late.connect()
      const reader = new Tab(relay)
      reader.connect()
      expect([contentOf(late.doc), contentOf(reader.doc)]).toEqual(Array(2).fill(contentOf(ann.doc)))
    }
  })

  test.each(vanish)('has all of it saved once the relay has %s', (_, edit) => {
    const ann = prepare(edit)
    const expected = contentOf(ann.doc)
    ann.connect()
    expect(ann.replacements).toEqual([])
    expect(ann.copy.rows.every(({ saved }) => saved)).toBe(true)
    for (const copy of ann.copies) {
      const late = new Tab(relay, copy)
      expect(contentOf(late.doc)).toEqual(expected)
      late.connect()
      expect([contentOf(late.doc), late.peer.pending, late.peer.refused]).toEqual([expected, 0, []])
      expect(late.copy.rows.every(({ saved }) => saved)).toBe(true)
    }
    const again = ann.reload()
    again.connect()
    expect([contentOf(again.doc), again.replacements]).toEqual([expected, []])
  })
})

describe('first content', () => {
  const seedOf = (text: string) => {
    const doc = new Y.Doc()
    doc.getText('t').insert(0, text)
    return seedFrom(Y.encodeStateAsUpdate(doc), 'x')
  }
  const begin = (tab: Tab, text: string) => tab.step({ type: 'seed', seed: seedOf(text) })

  test('is there once, whoever comes at once or later', () => {
    const tabs = [new Tab(relay), new Tab(relay), new Tab(relay)]
    relay.hold()
    for (const tab of tabs) begin(tab, 'Title')
    for (const tab of tabs) tab.connect()
    tabs[1]!.type('!')
    relay.release()
    for (const tab of tabs) expect([tab.text, tab.peer.pending, tab.replacements]).toEqual(['!Title', 0, []])
    expect(relay.text).toBe('!Title')
  })

  test('is seen at once offline, and edits on it are saved with it', () => {
    const [ann, ben] = [new Tab(relay), new Tab(relay)]
    for (const tab of [ann, ben]) {
      begin(tab, 'Title')
      tab.step({ type: 'alone' })
      expect(tab.text).toBe('Title')
    }
    ann.type(' a')
    ben.type('b ', 0)
    const again = ann.reload()
    expect(again.text).toBe('Title a')
    begin(again, 'Title')
    again.connect()
    ben.connect()
    expect([again.text, ben.text, relay.text]).toEqual(Array(3).fill('b Title a'))
    expect(again.peer).toMatchObject({ pending: 0, refused: [] })
  })

  test('of another version of the application is withdrawn, with the edits on it set aside', () => {
    const [old, young] = [new Tab(relay), new Tab(relay)]
    begin(old, 'Old title')
    begin(young, 'New title')
    for (const tab of [old, young]) tab.step({ type: 'alone' })
    young.type(' and mine')
    young.doc.getMap('m').set('k', 1)
    old.connect()
    const again = young.reload()
    again.connect()
    expect([again.text, relay.text]).toEqual(['Old title', 'Old title'])
    expect(again.replacements).toEqual(['seed_refused 2'])
    expect(shown(Uint8Array.of(0, 0), again.peer.refused[0]!.update)).toBe('New title and mine')
    again.type('!')
    expect([relay.text, old.text]).toEqual(['Old title!', 'Old title!'])
  })

  test('that comes after other content is withdrawn without a word where nothing was typed on it', () => {
    const [ann, ben] = [new Tab(relay), new Tab(relay)]
    begin(ann, 'Title')
    ann.step({ type: 'alone' })
    ben.connect()
    ben.type('content')
    ann.connect()
    expect([ann.text, ann.replacements, ann.peer.refused]).toEqual(['content', [''], []])
  })

  test('that lost a race is withdrawn', () => {
    const [ann, ben] = [new Tab(relay), new Tab(relay)]
    begin(ann, 'One')
    begin(ben, 'Two')
    relay.hold()
    ann.connect()
    ben.connect()
    relay.release()
    expect([ann.text, ben.text, relay.text]).toEqual(['One', 'One', 'One'])
    expect(ben.replacements).toEqual([])
  })

  test('is nothing to a document that has content', () => {
    const [ann, ben] = [new Tab(relay), new Tab(relay)]
    ann.connect()
    ann.type('content')
    begin(ben, 'Title')
    ben.connect()
    expect([ben.text, ben.replacements]).toEqual(['content', []])
  })
})
