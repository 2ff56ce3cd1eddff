import { beforeEach, describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { decodeAwareness, encodeAwareness } from '../awareness/codec.js'
import { defaultLimits, type Limits } from '../limits.js'
import { type LogRecord, unknownPoint } from '../log/port.js'
import type { DocumentReply, DocumentRequest } from '../messages/types.js'
import { emptyStateVector, hashStateVector } from '../updates/index.js'
import { Room } from './room.js'
import type { RoomEffect, RoomInput, SessionProfile } from './types.js'

const limits = { ...defaultLimits, tailRecordsMax: 4, documentBytesMax: 10_000, resyncsMax: 2 }

/** A room with people in it, and a committer that commits when it is told to. */
class Story {
  room: Room
  now = 1_000
  effects: RoomEffect[] = []
  records: LogRecord[] = []
  #seq = new Map<number, number>()

  constructor(others: Partial<Limits> = {}) {
    this.room = new Room('story', { ...limits, ...others })
    this.step({ type: 'loaded', stored: null, epoch: '00000000000000aa' })
  }

  step(input: RoomInput): void {
    this.effects.push(...this.room.step(input))
  }

  join(
    session: number,
    open: Partial<Extract<DocumentRequest, { type: 'open' }>> = {},
    profile: Partial<SessionProfile> = {},
  ) {
    this.#seq.set(session, 0)
    this.step({
      type: 'joined',
      session,
      profile: { author: '', access: 'write', echo: false, ...profile },
      request: { type: 'open', name: 'story', resume: null, stateVector: emptyStateVector, ...open },
    })
  }

  say(session: number, request: Exclude<DocumentRequest, { type: 'open' }>): void {
    this.step({ type: 'received', session, request, now: this.now })
  }

  update(session: number, update: Uint8Array, answer = false): void {
    const seq = (this.#seq.get(session) ?? 0) + 1
    this.#seq.set(session, seq)
    this.say(session, { type: 'update', seq, answer, update })
  }

  /** false where there was nothing to commit */
  begin(): boolean {
    const [append] = this.room.step({ type: 'committing', now: this.now })
    if (append?.type !== 'append') return false
    this.records.push(append.append.record)
    return true
  }

  finish(): void {
    this.step({ type: 'committed', now: this.now })
  }

  commit(): void {
    if (this.begin()) this.finish()
  }

  /** what a session was told since the last call, and forgets it */
  heard(session: number): DocumentReply[] {
    const replies = this.effects.flatMap((effect) =>
      effect.type === 'send' && effect.to.includes(session) ? [effect.message] : [],
    )
    this.effects = this.effects.filter((effect) => !(effect.type === 'send' && effect.to.includes(session)))
    return replies
  }

  types(session: number): string[] {
    return this.heard(session).map((reply) => reply.type)
  }
}

/** Someone typing: each call gives the update of one more insertion. */
function typist(clientId: number) {
  const doc = new Y.Doc()
  doc.clientID = clientId
  const type = (text: string) => {
    const before = Y.encodeStateVector(doc)
    doc.getText('t').insert(doc.getText('t').length, text)
    return Y.encodeStateAsUpdate(doc, before)
  }
  return { doc, type }
}

const textOf = (...updates: (Uint8Array | null)[]) => {
  const doc = new Y.Doc()
  for (const update of updates) if (update) Y.applyUpdate(doc, update)
  return doc.getText('t').toString()
}

let story: Story
beforeEach(() => {
  story = new Story()
})

describe('saved means on disk', () => {
  test('nothing is shown or acknowledged before the commit is done', () => {
    story.join(1)
    story.join(2)
    story.heard(1)
    story.heard(2)
    story.update(1, typist(1).type('hello'), true)
    expect(story.effects).toEqual([{ type: 'dirty' }])
    story.begin()
    expect(story.types(1)).toEqual([])
    story.finish()
    expect(story.heard(1)).toMatchObject([{ type: 'ack', seq: 1, position: 1 }])
    const [update] = story.heard(2)
    expect(update).toMatchObject({ type: 'update', position: 1 })
    expect(update?.type === 'update' && textOf(update.update)).toBe('hello')
  })

  test('what comes during a commit goes into the next one, and is acknowledged with that', () => {
    const ann = typist(1)
    story.join(1)
    story.update(1, ann.type('a'), true)
    story.begin()
    story.update(1, ann.type('b'))
    story.update(1, ann.type('c'))
    story.heard(1)
    story.finish()
    expect(story.heard(1)).toMatchObject([{ type: 'ack', seq: 1 }])
    story.commit()
    expect(story.heard(1)).toMatchObject([{ type: 'ack', seq: 3 }])
    expect(story.records.map((record) => record.position)).toEqual([1, 2])
  })

  test('a duplicate waits for the commit that its original is in', () => {
    const update = typist(1).type('a')
    story.join(1)
    story.join(2)
    story.update(1, update, true)
    story.begin()
    story.heard(2)
    story.update(2, update, true)
    expect(story.types(2)).toEqual([])
    story.finish()
    expect(story.types(2)).toEqual(['update', 'ack'])
    expect(story.records.length).toBe(1)
    story.update(2, update)
    expect(story.types(2)).toEqual(['ack'])
  })

  test('the record says who wrote what', () => {
    const [ann, ben] = [typist(1), typist(2)]
    story.join(1, {}, { author: 'ann' })
    story.join(2, {}, { author: 'ben' })
    story.update(1, ann.type('a'), true)
    story.update(2, ben.type('b'), true)
    story.update(1, ann.type('c'))
    story.commit()
    const runs = story.records[0]!.runs
    expect(runs.map((run) => run.author)).toEqual(['ann', 'ben'])
    expect(textOf(runs[0]!.update)).toBe('ac')
  })
})

describe('coming back', () => {
  const typed = (count: number) => {
    const ann = typist(1)
    story.join(1)
    for (let i = 0; i < count; i++) {
      story.update(1, ann.type(String(i)), i === 0)
      story.commit()
    }
    return ann
  }
  const point = (position: number) => ({
    epoch: '00000000000000aa',
    position,
    chain: story.records[position - 1]!.chain,
  })

  test('a confirmed point gets the records after it, and no state vector', () => {
    typed(3)
    story.join(2, { resume: point(1) })
    const [opened, synced] = story.heard(2)
    expect(opened).toMatchObject({ type: 'opened', stateVector: null })
    expect(synced).toMatchObject({ type: 'synced', position: 3, chain: story.records[2]!.chain })
    story.join(3, { resume: point(3) })
    expect(story.heard(3)).toMatchObject([
      { type: 'opened', stateVector: null },
      { type: 'synced', update: null },
    ])
  })

  const wrong = {
    'another epoch': () => ({ ...point(2), epoch: '00000000000000bb' }),
    'another chain': () => ({ ...point(2), chain: 1 }),
    'a position beyond the head': () => ({ ...point(3), position: 4 }),
    'a point that no log confirms': () => unknownPoint,
  }
  for (const [name, resume] of Object.entries(wrong)) {
    test(`${name} is asked for everything, and gets what it lacks by exchange`, () => {
      typed(3)
      story.join(2, { resume: resume() })
      expect(story.heard(2)).toMatchObject([{ type: 'opened', stateVector: expect.any(Uint8Array) }])
      story.update(2, typist(2).type('!'), true)
      story.commit()
      expect(story.types(2)).toEqual(['ack'])
      story.say(2, { type: 'exchange', stateVector: emptyStateVector })
      const [synced] = story.heard(2)
      expect(synced?.type === 'synced' && textOf(synced.update)).toMatch(/^(012!|!012)$/)
    })
  }

  test('records that have left the tail cost an exchange, not an error', () => {
    typed(30)
    story.join(2, { resume: point(1) })
    expect(story.heard(2)[0]).toMatchObject({ type: 'opened', stateVector: expect.any(Uint8Array) })
  })

  test('a stored document opens with its content and goes on counting', () => {
    const ann = typed(2)
    const stored = {
      epoch: '00000000000000cc',
      base: null,
      basePosition: 0,
      start: { position: 0, chain: 0 },
      records: story.records,
    }
    const again = new Story()
    again.step({ type: 'loaded', stored, epoch: 'ffffffffffffffff' })
    again.join(1)
    const [opened, synced] = again.heard(1)
    expect(opened).toMatchObject({ point: { epoch: '00000000000000cc', position: 2 } })
    expect(synced?.type === 'synced' && textOf(synced.update)).toBe('01')
    again.update(1, ann.type('2'), true)
    again.commit()
    expect(again.records[0]).toMatchObject({ position: 3 })
  })
})

describe('compaction', () => {
  const epoch = '00000000000000aa'
  const collected = (doc: Y.Doc) => {
    const copy = new Y.Doc()
    Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc))
    return Y.encodeStateAsUpdate(copy)
  }
  const headAt = (position: number) => ({ position, chain: story.records[position - 1]?.chain ?? 0 })
  const joined = (session: number, from = story) => {
    from.join(session)
    const synced = from.heard(session).find((reply) => reply.type === 'synced')
    return synced?.type === 'synced' ? synced.update! : new Uint8Array()
  }
  let ann: ReturnType<typeof typist>
  beforeEach(() => {
    ann = typist(1)
    story.join(1)
    story.update(1, ann.type('x'.repeat(500)), true)
    story.commit()
    const before = Y.encodeStateVector(ann.doc)
    ann.doc.getText('t').delete(0, 500)
    ann.doc.getText('t').insert(0, 'kept')
    story.update(1, Y.encodeStateAsUpdate(ann.doc, before))
    story.commit()
    story.heard(1)
  })

  test('serves joiners the smaller base, and what came after it; sessions are told nothing', () => {
    const base = collected(ann.doc)
    const larger = joined(2).length
    expect(base.length).toBeLessThan(larger / 2)
    story.update(1, ann.type(' and on'))
    story.commit()
    story.effects = []
    story.step({ type: 'compacted', base, position: 2 })
    expect(story.effects).toEqual([])
    const update = joined(3)
    expect(update.length).toBeLessThan(larger / 2)
    expect(textOf(update)).toBe('kept and on')
    story.update(1, ann.type(' and on'))
    story.commit()
    expect(textOf(joined(4))).toBe('kept and on and on')
  })

  test('changes nothing of what is known: what was typed before is a duplicate, resume points hold', () => {
    const all = Y.encodeStateAsUpdate(ann.doc)
    story.step({ type: 'compacted', base: collected(ann.doc), position: 2 })
    story.update(1, all)
    expect(story.heard(1)).toMatchObject([{ type: 'ack', seq: 3 }])
    expect(story.begin()).toBe(false)
    story.join(2, { resume: { epoch, ...headAt(1) } })
    const [opened, synced] = story.heard(2)
    expect(opened).toMatchObject({ stateVector: null })
    expect(synced).toMatchObject({ type: 'synced', position: 2, update: expect.any(Uint8Array) })
  })

  test('of more than the sessions know of yet waits for the next time', () => {
    const update = ann.type('!')
    story.update(1, update)
    story.begin()
    story.step({ type: 'compacted', base: collected(ann.doc), position: 3 })
    expect(textOf(joined(2))).toBe('kept')
    story.finish()
    expect(textOf(joined(3))).toBe('kept!')
  })

  test('of so long ago that records after it have left memory is of no use, and does no harm', () => {
    const base = collected(ann.doc)
    for (let i = 0; i < 30; i++) {
      story.update(1, ann.type('.'))
      story.commit()
    }
    story.step({ type: 'compacted', base, position: 2 })
    expect(textOf(joined(2))).toBe(`kept${'.'.repeat(30)}`)
  })

  test('makes room in a document that was at its limit', () => {
    story.update(1, ann.type('y'.repeat(9_000)))
    story.commit()
    const before = Y.encodeStateVector(ann.doc)
    ann.doc.getText('t').delete(0, 9_000)
    story.update(1, Y.encodeStateAsUpdate(ann.doc, before))
    story.commit()
    story.step({ type: 'compacted', base: collected(ann.doc), position: 4 })
    story.heard(1)
    story.update(1, ann.type('z'.repeat(9_000)))
    story.commit()
    expect(story.types(1)).toEqual(['ack'])
  })

  test('on disk leaves records that confirm the resume points of those who were away', () => {
    for (let i = 0; i < 4; i++) {
      story.update(1, ann.type(String(i)))
      story.commit()
    }
    const base = new Y.Doc()
    for (const { runs } of story.records.slice(0, 4)) Y.applyUpdate(base, runs[0]!.update)
    const again = new Story()
    const stored = {
      epoch,
      base: Y.encodeStateAsUpdate(base),
      basePosition: 4,
      start: headAt(2),
      records: story.records.slice(2),
    }
    again.step({ type: 'loaded', stored, epoch: 'ffffffffffffffff' })
    expect(textOf(joined(1, again))).toBe('kept0123')
    for (const [session, position, expected] of [
      [2, 2, '0123'],
      [3, 3, '123'],
      [4, 5, '3'],
    ] as const) {
      again.join(session, { resume: { epoch, ...headAt(position) } })
      const [opened, synced] = again.heard(session)
      expect(opened).toMatchObject({ stateVector: null, point: { epoch, ...headAt(6) } })
      const known = story.records.slice(0, position).map(({ runs }) => runs[0]!.update)
      const text = textOf(...known, synced?.type === 'synced' ? synced.update : null)
      expect(text.slice(-expected.length)).toBe(expected)
      expect(text).toBe('kept0123')
    }
    again.join(5, { resume: { epoch, ...headAt(1) } })
    expect(again.heard(5)[0]).toMatchObject({ type: 'opened', stateVector: expect.any(Uint8Array) })
    // nothing is known twice, nothing is missing
    again.update(5, Y.encodeStateAsUpdate(ann.doc), true)
    expect(again.begin()).toBe(false)
    again.update(5, ann.type('4'))
    again.commit()
    expect(again.records).toMatchObject([{ position: 7 }])
    expect(textOf(joined(6, again))).toBe('kept01234')
  })
})

describe('a gap', () => {
  test('is answered with resync; what follows is discarded until the answer; the ack never passes it', () => {
    const ann = typist(1)
    story.join(1)
    story.update(1, ann.type('a'), true)
    story.commit()
    story.heard(1)
    ann.type('lost')
    story.update(1, ann.type('b'))
    const [resync] = story.heard(1)
    expect(resync).toMatchObject({ type: 'resync', seq: 2 })
    story.update(1, ann.type('c'))
    story.commit()
    expect(story.types(1)).toEqual([])
    const vector = (resync as Extract<DocumentReply, { type: 'resync' }>).stateVector
    story.update(1, Y.encodeStateAsUpdate(ann.doc, vector), true)
    story.commit()
    expect(story.heard(1)).toMatchObject([{ type: 'ack', seq: 4 }])
    story.join(2)
    const synced = story.heard(2)[1]
    expect(synced?.type === 'synced' && textOf(synced.update)).toBe('alostbc')
  })

  test('again and again ends the session', () => {
    story.join(1)
    story.update(1, new Uint8Array([0, 0]), true)
    story.heard(1)
    for (let i = 0; i < 3; i++) {
      const ben = typist(10 + i)
      ben.type('lost')
      story.update(1, ben.type('x'))
      if (i === 2) break
      expect(story.types(1)).toEqual(['resync'])
      story.update(1, Uint8Array.of(0, 0), true)
      expect(story.types(1)).toEqual(['ack'])
    }
    expect(story.heard(1)).toMatchObject([{ type: 'closed', code: 'too_many_resyncs', retry: true }])
  })

  test('what was taken of the update that ends a session is committed all the same', () => {
    story.join(1)
    story.update(1, new Uint8Array([0, 0]), true)
    for (let i = 0; i < 3; i++) {
      const [ben, cy] = [typist(20 + i), typist(30 + i)]
      ben.type('lost')
      story.effects = []
      story.update(1, Y.mergeUpdates([ben.type('x'), cy.type('taken')]))
      expect(story.effects.map(({ type }) => type)).toContain('dirty')
      story.commit()
      if (i < 2) story.update(1, Uint8Array.of(0, 0), true)
    }
    expect(story.types(1)).toContain('closed')
    expect(story.records).toHaveLength(3)
  })

  test('a digest that differs is noted and healed', () => {
    const ann = typist(1)
    story.join(1)
    story.update(1, ann.type('a'), true)
    story.commit()
    story.heard(1)
    const head = { epoch: '00000000000000aa', position: 1, chain: story.records[0]!.chain }
    story.say(1, { type: 'digest', point: head, vectorHash: hashStateVector(Y.encodeStateVector(ann.doc)) })
    expect(story.heard(1)).toEqual([{ type: 'digest' }])
    story.say(1, { type: 'digest', point: head, vectorHash: 1 })
    expect(story.types(1)).toEqual(['resync'])
    expect(story.effects).toContainEqual({ type: 'note', event: 'digest_mismatch', session: 1 })
  })
})

describe('bad input harms nobody else', () => {
  const poison = Uint8Array.of(1, 1, 2, 0, 0, 0, 0)

  test('a malformed update is rejected, and nothing of it is kept; its session goes on with an answer', () => {
    story.join(1)
    story.join(2)
    story.heard(1)
    story.update(1, poison, true)
    expect(story.heard(1)).toMatchObject([{ type: 'rejected', seq: 1, code: 'malformed_update' }])
    expect(story.effects).toContainEqual({ type: 'note', event: 'rejected', session: 1, code: 'malformed_update' })
    const ann = typist(1)
    story.update(1, ann.type('not looked at'))
    expect(story.heard(1)).toEqual([])
    story.update(1, Uint8Array.of(0, 0), true)
    expect(story.types(1)).toEqual(['ack'])
    expect(story.types(2)).toEqual(['opened', 'synced'])
    story.update(2, typist(2).type('fine'), true)
    story.commit()
    expect(story.types(2)).toEqual(['ack'])
    expect(story.records.length).toBe(1)
  })

  test('a seq out of order ends its session, and an update of a reader is rejected', () => {
    story.join(1)
    story.say(1, { type: 'update', seq: 2, answer: true, update: Uint8Array.of(0, 0) })
    expect(story.heard(1).at(-1)).toMatchObject({ type: 'closed', code: 'protocol_violation' })
    story.join(2, {}, { access: 'read' })
    story.update(2, typist(2).type('x'), true)
    expect(story.heard(2).at(-1)).toMatchObject({ type: 'rejected', seq: 1, code: 'read_only' })
  })

  test('who is rejected again and again is closed, and so is a client of a dialect at once', () => {
    story.join(1)
    for (let i = 0; i < defaultLimits.rejectionsMax; i++) story.update(1, poison, true)
    expect(new Set(story.types(1).slice(2))).toEqual(new Set(['rejected']))
    story.update(1, poison, true)
    expect(story.heard(1)).toMatchObject([{ type: 'closed', code: 'malformed_update', retry: false }])
    story.join(2, {}, { echo: true })
    story.update(2, poison, true)
    expect(story.heard(2).at(-1)).toMatchObject({ type: 'closed', code: 'malformed_update', retry: false })
  })

  test('an ack never passes what was rejected', () => {
    const ann = typist(1)
    story.join(1)
    story.update(1, ann.type('a'), true)
    story.update(1, poison)
    story.update(1, ann.type('b'))
    story.commit()
    expect(story.heard(1).filter(({ type }) => type === 'ack')).toMatchObject([{ seq: 1 }])
  })

  test('a state vector that is none is refused', () => {
    story.join(1, { stateVector: Uint8Array.of(255, 255) })
    expect(story.heard(1)).toMatchObject([{ type: 'refused', code: 'malformed_frame' }])
  })

  test('a document at its limit takes no more, and stays as it was', () => {
    const ann = typist(1)
    story.join(1)
    story.update(1, ann.type('x'.repeat(9_000)), true)
    story.commit()
    const ben = typist(2)
    story.join(2)
    story.update(2, ben.type('y'.repeat(2_000)), true)
    expect(story.heard(2).at(-1)).toMatchObject({ type: 'rejected', code: 'document_too_large' })
    // nothing of what was refused may count as known: what builds on it has a gap
    story.join(3)
    story.update(3, Uint8Array.of(0, 0), true)
    story.heard(3)
    story.update(3, ben.type('!'))
    expect(story.types(3)).toEqual(['resync'])
    story.update(3, ann.type('z'), true)
    story.commit()
    expect(story.heard(3).at(-1)).toMatchObject({ type: 'ack', seq: 3 })
    expect(story.records.length).toBe(2)
  })
})

describe('slow readers', () => {
  test('get nothing while congested, then everything they missed as one update', () => {
    const ann = typist(1)
    story.join(1)
    story.join(2)
    story.heard(2)
    story.step({ type: 'congested', session: 2 })
    for (const text of ['a', 'b', 'c']) {
      story.update(1, ann.type(text), text === 'a')
      story.commit()
    }
    expect(story.types(2)).toEqual([])
    story.step({ type: 'drained', session: 2 })
    const [update, ...more] = story.heard(2)
    expect(more).toEqual([])
    expect(update).toMatchObject({ type: 'update', position: 3, chain: story.records[2]!.chain })
    expect(update?.type === 'update' && textOf(update.update)).toBe('abc')
  })

  test('whose records have left the tail get the whole document', () => {
    const ann = typist(1)
    story.join(1)
    story.join(2)
    story.heard(2)
    story.step({ type: 'congested', session: 2 })
    for (let i = 0; i < 30; i++) {
      story.update(1, ann.type('x'), i === 0)
      story.commit()
    }
    story.step({ type: 'drained', session: 2 })
    const [update] = story.heard(2)
    expect(update?.type === 'update' && textOf(update.update)).toBe('x'.repeat(30))
  })
})

describe('updates gather', () => {
  const dirty = () => story.effects.filter((effect) => effect.type === 'dirty').length
  const wakes = () => story.effects.flatMap((effect) => (effect.type === 'wake' ? [effect.at] : []))

  /** A room of so many, just after a broadcast, in a process that has so much to send. */
  function afterBroadcast(sessions: number, demand: number): ReturnType<typeof typist> {
    const author = typist(1)
    for (let session = 1; session <= sessions; session++) story.join(session)
    story.step({ type: 'paced', demand })
    story.update(1, author.type('a'), true)
    story.commit()
    story.effects = []
    return author
  }

  test('not at all where all that is to be sent costs little, however many are here', () => {
    const author = afterBroadcast(300, 0.9)
    story.update(1, author.type('b'))
    expect([dirty(), wakes(), story.room.gatherMs]).toEqual([1, [], 0])
  })

  test('after a broadcast to many, for one commit that takes them all, and so acknowledges them', () => {
    const author = afterBroadcast(100, 2) // 0.6 ms of a core, of which there are 8 in 100; twice as much is asked for
    expect(story.room.gatherMs).toBeCloseTo(7.5 * (2 - 1 / 2))
    story.now += 5
    story.update(1, author.type('b'))
    story.update(1, author.type('c'))
    expect([dirty(), wakes()]).toEqual([0, [1_011]])
    story.now = 1_011
    story.step({ type: 'ticked', now: story.now })
    expect(dirty()).toBe(1)
    story.commit()
    expect(story.heard(1)).toMatchObject([{ type: 'ack', seq: 3 }])
    expect(story.types(2)).toEqual(['update'])
  })

  test('hardly where that costs little more than there is for it: no step that anybody feels', () => {
    afterBroadcast(200, 1.02) // 50 characters a second, some of them a bit sooner
    expect(story.room.gatherMs).toBeGreaterThan(0)
    expect(story.room.gatherMs).toBeLessThan(1)
  })

  test('hardly where few are here, and never for longer than the limit', () => {
    const few = afterBroadcast(2, 5)
    story.update(1, few.type('b'))
    expect(dirty()).toBe(1)
    story = new Story()
    afterBroadcast(400, 50)
    expect(story.room.gatherMs).toBe(20)
  })

  test('by what fanOutPercent pays for, up to fanOutGatherMsMax', () => {
    const gatherMs = (others: Partial<Limits>) => {
      story = new Story(others)
      afterBroadcast(100, 2)
      return story.room.gatherMs
    }
    expect(gatherMs({ fanOutPercent: 16 })).toBeCloseTo(3.75 * (2 - 1 / 2))
    expect(gatherMs({ fanOutGatherMsMax: 12 })).toBeCloseTo(7.5 * (2 - 1 / 2))
    expect(gatherMs({ fanOutGatherMsMax: 11 })).toBe(11)
    expect(gatherMs({ fanOutGatherMsMax: 0 })).toBe(0)
  })

  test('while a commit runs, and then for the rest of the time', () => {
    const author = afterBroadcast(100, 50)
    story.now += 20
    story.update(1, author.type('b'))
    story.begin()
    story.update(1, author.type('c'))
    story.now += 3
    story.finish()
    expect([dirty(), wakes()]).toEqual([1, [1_043]])
    expect(story.begin()).toBe(true) // whoever stops the relay need not wait
  })

  test('and one wake serves them and the cursors beside them: the earlier', () => {
    const author = afterBroadcast(100, 2)
    const cursor = (clock: number) => encodeAwareness(new Map([[22, { clock, state: '{}' }]]))
    story.say(2, { type: 'awareness', update: cursor(1) })
    story.say(2, { type: 'awareness', update: cursor(2) })
    story.update(1, author.type('b'))
    expect(wakes()).toEqual([1_020, 1_011])
    story.now = 1_011
    story.step({ type: 'ticked', now: story.now })
    expect(wakes()).toEqual([1_020, 1_011, 1_020])
  })

  test('no longer where the clock was set back', () => {
    const author = afterBroadcast(100, 50)
    story.now -= 1_000_000
    story.update(1, author.type('b'))
    expect(dirty()).toBe(1)
  })
})

describe('awareness', () => {
  const state = (client: number, clock: number, text: string | null) =>
    encodeAwareness(new Map([[client, { clock, state: text === null ? null : JSON.stringify(text) }]]))
  const seen = (session: number) =>
    story
      .heard(session)
      .flatMap((reply) => (reply.type === 'awareness' ? [...decodeAwareness(reply.update, limits)] : []))
      .map(([client, entry]) => [client, entry.state === null ? null : JSON.parse(entry.state)])

  beforeEach(() => {
    story.join(1)
    story.join(2)
    story.heard(1)
    story.heard(2)
  })

  test('passes at once, gathers when it comes often, and the last word of each client wins', () => {
    story.say(1, { type: 'awareness', update: state(11, 1, 'a') })
    expect(seen(2)).toEqual([[11, 'a']])
    story.say(1, { type: 'awareness', update: state(11, 2, 'b') })
    story.say(1, { type: 'awareness', update: state(11, 3, 'c') })
    expect(seen(2)).toEqual([])
    expect(story.effects.filter((effect) => effect.type === 'wake')).toEqual([{ type: 'wake', at: 1_020 }])
    story.now = 1_020
    story.step({ type: 'ticked', now: story.now })
    expect(seen(2)).toEqual([[11, 'c']])
    expect(seen(1)).toEqual([])
  })

  test('gathers longer where more are here', () => {
    for (let session = 3; session <= 500; session++) story.join(session)
    story.say(1, { type: 'awareness', update: state(11, 1, 'a') })
    story.say(1, { type: 'awareness', update: state(11, 2, 'b') })
    expect(story.effects.filter((effect) => effect.type === 'wake')).toEqual([{ type: 'wake', at: 1_037 }])
  })

  test('never overtakes the edits that its session sent before', () => {
    story.update(1, typist(1).type('text'), true)
    story.say(1, { type: 'awareness', update: state(11, 1, 'after the text') })
    expect(story.types(2)).toEqual([])
    story.commit()
    expect(story.types(2)).toEqual(['update', 'awareness'])
  })

  test('goes with its session, and a newcomer sees who is here', () => {
    story.say(1, { type: 'awareness', update: state(11, 1, 'a') })
    story.join(3)
    expect(seen(3)).toEqual([[11, 'a']])
    story.now += 1_000
    story.step({ type: 'left', session: 1, now: story.now })
    expect(seen(2)).toEqual([
      [11, 'a'],
      [11, null],
    ])
  })

  test('of a client belongs to the session that claimed it first, and to a newer heir when that leaves', () => {
    story.say(1, { type: 'awareness', update: state(11, 1, 'mine') })
    story.say(2, { type: 'awareness', update: state(11, 9, 'from elsewhere') })
    story.join(3)
    expect(seen(3)).toEqual([[11, 'mine']])
    story.now += 1_000
    story.step({ type: 'left', session: 1, now: story.now })
    expect(seen(3)).toEqual([[11, 'from elsewhere']])
  })

  test('that is only said again by others goes all the same, and stays gone', () => {
    story.say(1, { type: 'awareness', update: state(11, 5, 'mine') })
    story.say(2, { type: 'awareness', update: state(11, 5, 'mine') })
    story.join(3)
    story.heard(3)
    story.now += 1_000
    story.step({ type: 'left', session: 1, now: story.now })
    story.say(2, { type: 'awareness', update: state(11, 5, 'mine') })
    expect(seen(3)).toEqual([[11, null]])
    story.join(4)
    story.now += 1_000
    story.say(4, { type: 'awareness', update: state(11, 6, 'back') })
    expect(seen(3)).toEqual([[11, 'back']])
  })

  test('of an heir that has withdrawn does not come back', () => {
    story.say(1, { type: 'awareness', update: state(11, 1, 'mine') })
    story.say(2, { type: 'awareness', update: state(11, 2, 'a copy') })
    story.say(2, { type: 'awareness', update: state(11, 3, null) })
    story.join(3)
    story.heard(3)
    story.now += 1_000
    story.step({ type: 'left', session: 1, now: story.now })
    expect(seen(3)).toEqual([[11, null]])
  })

  test('that is malformed ends its session', () => {
    story.say(1, { type: 'awareness', update: Uint8Array.of(1, 1, 1, 1, 0x7b) })
    expect(story.heard(1)).toMatchObject([{ type: 'closed', code: 'malformed_awareness' }])
  })
})

test('a room is idle when nobody is here and nothing is on its way to the log', () => {
  expect(story.room.idle).toBe(true)
  story.join(1)
  story.update(1, typist(1).type('a'), true)
  story.step({ type: 'left', session: 1, now: story.now })
  expect(story.room.idle).toBe(false)
  story.commit()
  expect(story.room.idle).toBe(true)
})
