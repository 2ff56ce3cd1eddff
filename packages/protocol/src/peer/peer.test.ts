import { beforeEach, describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import type { DocumentReply, DocumentRequest } from '../messages/types.js'
import { Peer } from './peer.js'
import type { PeerEffect, PeerInput } from './types.js'

const point = { epoch: '00000000000000aa', position: 4, chain: 44 }
const vectorOf = (doc: Y.Doc) => Y.encodeStateVector(doc)

/** One client's document and its Peer; what it sends is kept. */
class Story {
  doc = new Y.Doc()
  sent: DocumentRequest[] = []
  effects: PeerEffect[] = []
  peer = new Peer('story', {
    stateVector: () => vectorOf(this.doc),
    difference: (vector) => Y.encodeStateAsUpdate(this.doc, vector),
  })

  constructor() {
    this.step({ type: 'loaded', copy: null })
    this.doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== 'relay') this.step({ type: 'edited', update })
    })
  }

  step(input: PeerInput): void {
    for (const effect of this.peer.step(input)) {
      this.effects.push(effect)
      if (effect.type === 'send') this.sent.push(effect.request)
      if (effect.type === 'apply') Y.applyUpdate(this.doc, effect.update, 'relay')
    }
  }

  reply(reply: DocumentReply): void {
    this.step({ type: 'received', reply })
  }

  type(text: string): void {
    this.doc.getText('t').insert(this.doc.getText('t').length, text)
    this.step({ type: 'flushed' })
  }

  goLive(): void {
    this.step({ type: 'connected' })
    this.reply({ type: 'opened', point, stateVector: Uint8Array.of(0), access: 'write' })
    this.reply({ type: 'synced', position: 4, chain: 44, update: null })
    this.reply({ type: 'ack', seq: 1, position: 4, chain: 44 })
    this.sent = []
  }

  get said(): string[] {
    return this.sent.splice(0).map((request) => request.type)
  }
}

const updateBy = (clientId: number, text: string) => {
  const doc = new Y.Doc()
  doc.clientID = clientId
  doc.getText('t').insert(0, text)
  return Y.encodeStateAsUpdate(doc)
}

let story: Story
beforeEach(() => {
  story = new Story()
})

describe('order', () => {
  test('nothing but open is sent before the relay has spoken', () => {
    story.type('a')
    story.step({ type: 'connected' })
    story.type('b')
    story.step({ type: 'awareness', update: Uint8Array.of(0) })
    expect(story.said).toEqual(['open'])
    story.reply({ type: 'opened', point, stateVector: Uint8Array.of(0), access: 'write' })
    expect(story.sent).toMatchObject([{ type: 'update', seq: 1, answer: true }])
    expect(story.peer.pending).toBe(2)
    story.reply({ type: 'ack', seq: 1, position: 0, chain: 0 })
    expect(story.peer).toMatchObject({ pending: 0, saved: 2, edits: 2 })
  })

  test('a fresh client that has nothing still answers, so that the relay takes what comes later', () => {
    story.step({ type: 'connected' })
    story.reply({ type: 'opened', point, stateVector: Uint8Array.of(0), access: 'write' })
    expect(story.sent.at(-1)).toMatchObject({ type: 'update', answer: true, update: Uint8Array.of(0, 0) })
  })

  test('edits of one turn go as one update, and the ack counts them all', () => {
    story.goLive()
    story.doc.getText('t').insert(0, 'a')
    story.doc.getText('t').insert(0, 'b')
    story.step({ type: 'flushed' })
    expect(story.sent).toMatchObject([{ type: 'update', seq: 2, answer: false }])
    expect(story.peer.pending).toBe(2)
    story.reply({ type: 'ack', seq: 2, position: 5, chain: 55 })
    expect(story.peer.pending).toBe(0)
    expect(story.peer.resume).toEqual({ ...point, position: 5, chain: 55 })
  })

  test('with many updates on their way, edits gather until acks come', () => {
    story.goLive()
    for (let i = 0; i < 100; i++) story.type('x')
    expect(story.said.length).toBe(64)
    story.reply({ type: 'ack', seq: 2, position: 5, chain: 55 })
    expect(story.sent.length).toBe(1)
    expect(story.peer.pending).toBe(99)
  })
})

describe('coming back', () => {
  test('with a confirmed point sends what was pending, merged, and nothing else', () => {
    story.goLive()
    story.type('a')
    story.step({ type: 'disconnected' })
    story.type('b')
    story.sent = []
    story.step({ type: 'connected' })
    expect(story.sent.splice(0)).toMatchObject([{ type: 'open', resume: point, stateVector: Uint8Array.of(0) }])
    story.reply({ type: 'opened', point: { ...point, position: 9, chain: 99 }, stateVector: null, access: 'write' })
    expect(story.sent).toMatchObject([{ type: 'update', seq: 1, answer: false }])
    expect(story.peer.state.at).toBe('syncing')
    const mine = story.sent[0]
    const copy = new Y.Doc()
    if (mine?.type === 'update') Y.applyUpdate(copy, mine.update)
    expect(copy.getText('t').toString()).toBe('ab')
  })

  test('with a point that is not confirmed sends everything and asks for everything', () => {
    story.goLive()
    story.type('a')
    story.step({ type: 'disconnected' })
    story.step({ type: 'connected' })
    story.sent = []
    story.reply({
      type: 'opened',
      point: { ...point, epoch: '00000000000000bb' },
      stateVector: Uint8Array.of(0),
      access: 'write',
    })
    expect(story.said).toEqual(['update', 'exchange'])
    expect(story.peer.resume).toBe(null)
    story.reply({ type: 'synced', position: 1, chain: 11, update: updateBy(7, 'theirs') })
    expect(story.peer.resume).toEqual({ epoch: '00000000000000bb', position: 1, chain: 11 })
    expect(story.doc.getText('t').toString()).toContain('theirs')
  })

  test('before synced, no position counts: what it stands for is not here yet', () => {
    story.step({ type: 'connected' })
    story.reply({ type: 'opened', point, stateVector: null, access: 'write' })
    story.reply({ type: 'ack', seq: 1, position: 4, chain: 44 })
    expect(story.peer.resume).toBe(null)
  })
})

describe('a relay that has lost what was saved', () => {
  const restored = { ...point, epoch: '00000000000000bb' }
  const comeBack = () => {
    story.step({ type: 'disconnected' })
    story.step({ type: 'connected' })
    story.sent = []
    story.reply({ type: 'opened', point: restored, stateVector: Uint8Array.of(0), access: 'write' })
  }
  beforeEach(() => {
    story.goLive()
    story.type('a')
    story.reply({ type: 'ack', seq: 2, position: 5, chain: 55 })
    expect(story.peer).toMatchObject({ pending: 0, edits: 1, saved: 1 })
  })

  test('is owed it: nothing here is called saved before it is back', () => {
    comeBack()
    expect(story.said).toEqual(['update', 'exchange'])
    expect(story.peer).toMatchObject({ pending: 1, edits: 1, saved: 0 })
    story.reply({ type: 'synced', position: 1, chain: 11, update: null })
    expect(story.peer).toMatchObject({ state: { at: 'live' }, pending: 1 })
    story.reply({ type: 'ack', seq: 1, position: 2, chain: 22 })
    expect(story.peer).toMatchObject({ pending: 0, edits: 1, saved: 1 })
  })

  test('an edit made meanwhile counts as itself', () => {
    comeBack()
    story.type('b')
    expect(story.peer).toMatchObject({ pending: 1, edits: 2, saved: 1 })
    story.reply({ type: 'ack', seq: 1, position: 2, chain: 22 })
    expect(story.peer).toMatchObject({ pending: 1, edits: 2, saved: 1 })
    story.reply({ type: 'ack', seq: 2, position: 3, chain: 33 })
    expect(story.peer).toMatchObject({ pending: 0, edits: 2, saved: 2 })
  })

  test('is asked once more where the connection breaks, whatever point it would confirm', () => {
    comeBack()
    story.reply({ type: 'synced', position: 1, chain: 11, update: null })
    story.step({ type: 'disconnected' })
    story.sent = []
    story.step({ type: 'connected' })
    // the epoch alone: no log confirms that point
    expect(story.sent).toMatchObject([{ type: 'open', resume: { position: Number.MAX_SAFE_INTEGER } }])
    expect(story.peer.pending).toBe(1)
  })

  test('may name what is still on its way to its disk: that is not saved yet', () => {
    story.step({ type: 'disconnected' })
    story.step({ type: 'connected' })
    story.sent = []
    story.reply({ type: 'opened', point: restored, stateVector: vectorOf(story.doc), access: 'write' })
    expect(story.sent).toMatchObject([{ type: 'update', update: Uint8Array.of(0, 0) }, { type: 'exchange' }])
    expect(story.peer.pending).toBe(1)
    story.reply({ type: 'ack', seq: 1, position: 2, chain: 22 })
    expect(story.peer.pending).toBe(0)
  })

  test('a new answer takes the place of the last one', () => {
    comeBack()
    comeBack()
    expect(story.sent).toMatchObject([{ type: 'update', seq: 1, answer: true }, { type: 'exchange' }])
    story.reply({ type: 'ack', seq: 1, position: 2, chain: 22 })
    expect(story.peer).toMatchObject({ pending: 0, edits: 1, saved: 1 })
  })

  test('is owed deletions, too: no state vector tells of them', () => {
    story.doc.getText('t').delete(0, 1)
    story.step({ type: 'flushed' })
    story.reply({ type: 'ack', seq: 3, position: 6, chain: 66 })
    story.step({ type: 'disconnected' })
    story.step({ type: 'connected' })
    story.reply({ type: 'opened', point: restored, stateVector: vectorOf(story.doc), access: 'write' })
    expect(story.peer.pending).toBe(1)
  })

  test('whoever may only read gives it nothing, and waits for nothing', () => {
    story.step({ type: 'disconnected' })
    story.step({ type: 'connected' })
    story.reply({ type: 'opened', point: restored, stateVector: Uint8Array.of(0), access: 'read' })
    expect(story.peer.pending).toBe(0)
  })
})

describe('resync', () => {
  test('answers with the full difference, which covers what was on its way', () => {
    story.goLive()
    story.type('a')
    story.type('b')
    story.sent = []
    story.reply({ type: 'resync', seq: 2, stateVector: Uint8Array.of(0) })
    expect(story.sent).toMatchObject([{ type: 'update', seq: 4, answer: true }])
    expect(story.peer.pending).toBe(2)
    story.reply({ type: 'ack', seq: 4, position: 5, chain: 55 })
    expect(story.peer.pending).toBe(0)
  })

  test('after a digest heals both sides, and nothing is called synced meanwhile', () => {
    story.goLive()
    story.step({ type: 'digestDue' })
    story.step({ type: 'digestDue' })
    expect(story.said).toEqual(['digest'])
    story.reply({ type: 'resync', seq: 1, stateVector: Uint8Array.of(0) })
    expect(story.said).toEqual(['update', 'exchange'])
    expect(story.peer).toMatchObject({ resume: null, state: { at: 'syncing' } })
    story.reply({ type: 'synced', position: 4, chain: 44, update: null })
    expect(story.peer).toMatchObject({ resume: point, state: { at: 'live' } })
  })

  test('a digest is asked only where all is quiet', () => {
    story.goLive()
    story.type('a')
    story.sent = []
    story.step({ type: 'digestDue' })
    expect(story.said).toEqual([])
  })
})

test('a reader whose relay takes no edits for now sends none, and asks for what it lacks; its edits stay pending', () => {
  story.goLive()
  story.step({ type: 'disconnected' })
  story.type('a')
  story.step({ type: 'connected' })
  story.sent = []
  story.reply({ type: 'opened', point, stateVector: Uint8Array.of(0), access: 'read', withheld: true })
  story.type('b')
  expect(story.said).toEqual(['exchange'])
  expect(story.peer).toMatchObject({ access: 'read', pending: 2 })
})

describe('the end', () => {
  test('refused for good keeps the edits and tries no more', () => {
    story.goLive()
    story.type('a')
    story.reply({ type: 'closed', code: 'document_too_large', reason: 'Full.', retry: false })
    story.sent = []
    story.step({ type: 'connected' })
    story.type('b')
    expect(story.said).toEqual([])
    expect(story.peer).toMatchObject({ state: { at: 'refused', code: 'document_too_large' }, pending: 2 })
  })

  test('closed with retry waits for the next connection', () => {
    story.goLive()
    story.reply({ type: 'closed', code: 'storage_failed', reason: 'Disk.', retry: true })
    expect(story.peer.state).toEqual({ at: 'offline' })
    story.step({ type: 'connected' })
    expect(story.said).toEqual(['open'])
  })

  test('close says so once', () => {
    story.goLive()
    story.step({ type: 'close' })
    story.step({ type: 'close' })
    story.step({ type: 'disconnected' })
    story.reply({ type: 'update', position: 9, chain: 9, update: updateBy(7, 'late') })
    expect(story.said).toEqual(['close'])
    expect(story.doc.getText('t').toString()).toBe('')
  })
})
