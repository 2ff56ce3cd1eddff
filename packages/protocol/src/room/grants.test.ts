import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { encodeAwareness } from '../awareness/codec.js'
import { defaultLimits } from '../limits.js'
import type { Access, DocumentReply, DocumentRequest } from '../messages/types.js'
import { emptyStateVector } from '../updates/index.js'
import { Room } from './room.js'
import type { RoomEffect, RoomInput } from './types.js'

const now = 1_000

const cursor = encodeAwareness(new Map([[7, { clock: 1, state: '{}' }]]))

function start() {
  const room = new Room('notes', defaultLimits)
  const effects: RoomEffect[] = []
  const step = (input: RoomInput) => void effects.push(...room.step(input))
  step({ type: 'loaded', stored: null, epoch: '00000000000000aa' })
  const join = (session: number, access: Access, echo = false) =>
    step({
      type: 'joined',
      session,
      profile: { author: '', access, echo },
      request: { type: 'open', name: 'notes', resume: null, stateVector: emptyStateVector },
    })
  const ask = (session: number, request: Exclude<DocumentRequest, { type: 'open' }>) =>
    step({ type: 'received', session, now, request })
  const send = (session: number, seq: number, update: Uint8Array, answer = true) =>
    ask(session, { type: 'update', seq, answer, update })
  const commit = () => {
    step({ type: 'committing', now })
    step({ type: 'committed', now })
  }
  const grant = (session: number, access: Access) => step({ type: 'granted', session, access, now })
  /** what a session was told since it was asked last */
  const told = (session: number): DocumentReply[] =>
    effects
      .splice(0)
      .flatMap((effect) => (effect.type === 'send' && effect.to.includes(session) ? [effect.message] : []))
  return { room, step, join, ask, send, commit, grant, told }
}

function typed(doc: Y.Doc, text: string): Uint8Array {
  const before = Y.encodeStateVector(doc)
  doc.getText().insert(0, text)
  return Y.encodeStateAsUpdate(doc, before)
}

describe('an access that changes', () => {
  test('to read is told; what comes after it is refused, and what came before is acknowledged', () => {
    const { join, send, commit, grant, told } = start()
    const doc = new Y.Doc()
    join(1, 'write')
    send(1, 1, typed(doc, 'x'))
    told(1)
    grant(1, 'read')
    expect(told(1)).toEqual([{ type: 'access', access: 'read' }])
    commit()
    expect(told(1)).toMatchObject([{ type: 'ack', seq: 1 }])
    send(1, 2, typed(doc, 'y'), false)
    expect(told(1)).toMatchObject([{ type: 'rejected', seq: 2, code: 'read_only' }])
  })

  test('to write asks for all that was typed meanwhile', () => {
    const { join, send, commit, grant, told } = start()
    const doc = new Y.Doc()
    join(1, 'read')
    told(1)
    grant(1, 'write')
    expect(told(1)).toEqual([
      { type: 'access', access: 'write' },
      { type: 'resync', seq: 0, stateVector: emptyStateVector },
    ])
    const first = typed(doc, 'kept ')
    send(1, 1, typed(doc, 'too early, refers to what was kept'), false)
    expect(told(1)).toEqual([])
    send(1, 2, Y.encodeStateAsUpdate(doc))
    commit()
    expect(told(1)).toMatchObject([{ type: 'ack', seq: 2 }])
    expect(first.length).toBeGreaterThan(0)
  })

  test('to what it is, or of who has left, is nothing', () => {
    const { join, grant, told, step } = start()
    join(1, 'write')
    told(1)
    grant(1, 'write')
    step({ type: 'left', session: 1, now })
    grant(1, 'read')
    expect(told(1)).toEqual([])
  })

  test('to write waits while there is no room for edits', () => {
    const { join, grant, told, step } = start()
    join(1, 'read')
    step({ type: 'readOnly', readOnly: true, now })
    told(1)
    grant(1, 'write')
    expect(told(1)).toEqual([{ type: 'access', access: 'read', withheld: true }])
    grant(1, 'read')
    expect(told(1)).toEqual([{ type: 'access', access: 'read' }])
    grant(1, 'write')
    told(1)
    step({ type: 'readOnly', readOnly: false, now })
    expect(told(1)).toMatchObject([{ type: 'closed', code: 'disk_full', retry: true }])
  })

  test('leaves its awareness where it is', () => {
    const { join, ask, grant, told, step } = start()
    join(1, 'write')
    join(2, 'write')
    ask(1, { type: 'awareness', update: cursor })
    told(2)
    grant(1, 'read')
    step({ type: 'ticked', now: now + 1_000 })
    expect(told(2)).toEqual([])
    join(3, 'read')
    expect(told(3).map(({ type }) => type)).toContain('awareness')
  })

  test('to read shows the cursor behind an update that is refused for it', () => {
    const { join, ask, send, grant, told } = start()
    join(1, 'write')
    join(2, 'write')
    grant(1, 'read')
    send(1, 1, typed(new Y.Doc(), 'sent before it was heard of'))
    told(2)
    ask(1, { type: 'awareness', update: cursor })
    expect(told(2)).toEqual([{ type: 'awareness', update: cursor }])
  })

  test('to read shows a cursor that waited for an answer, which is never taken now', () => {
    const { join, ask, send, grant, told } = start()
    const doc = new Y.Doc()
    typed(doc, 'lost ')
    join(1, 'write')
    join(2, 'write')
    send(1, 1, Y.encodeStateAsUpdate(new Y.Doc()))
    expect(told(1)).toContainEqual(expect.objectContaining({ type: 'ack', seq: 1 }))
    send(1, 2, typed(doc, 'needs what was lost'), false)
    expect(told(1)).toMatchObject([{ type: 'resync', seq: 2 }])
    ask(1, { type: 'awareness', update: cursor })
    expect(told(2)).toEqual([])
    grant(1, 'read')
    expect(told(2)).toEqual([{ type: 'awareness', update: cursor }])
  })

  test('to read still has the cursor wait for what was taken before, and for nothing that came later', () => {
    const { join, ask, send, commit, grant, told } = start()
    const doc = new Y.Doc()
    join(1, 'write')
    join(2, 'write')
    send(1, 1, typed(doc, 'x'))
    grant(1, 'read')
    send(1, 2, typed(doc, 'y'), false)
    ask(1, { type: 'awareness', update: cursor })
    expect(told(2).filter(({ type }) => type === 'awareness')).toEqual([])
    commit()
    expect(told(2).map(({ type }) => type)).toEqual(['update', 'awareness'])
  })
})

describe('a reader of a dialect', () => {
  test('is passed over for what the log has and for deletions, and closed for what it inserts', () => {
    const { join, send, commit, told } = start()
    const doc = new Y.Doc()
    join(1, 'write')
    send(1, 1, typed(doc, 'hello'))
    commit()
    join(2, 'read', true)
    told(2)
    send(2, 1, Y.encodeStateAsUpdate(doc))
    expect(told(2)).toMatchObject([{ type: 'ack', seq: 1 }])
    const before = Y.encodeStateVector(doc)
    doc.getText().delete(0, 2)
    send(2, 2, Y.encodeStateAsUpdate(doc, before), false)
    expect(told(2)).toEqual([])
    send(2, 3, Uint8Array.of(9), false)
    expect(told(2)).toMatchObject([{ type: 'closed', code: 'malformed_update' }])
    join(3, 'read', true)
    told(3)
    send(3, 1, typed(doc, 'x'))
    expect(told(3)).toMatchObject([{ type: 'closed', code: 'read_only', retry: false }])
  })

  test('is seen where it has deleted something, which nobody will see', () => {
    const { join, ask, send, commit, told } = start()
    const doc = new Y.Doc()
    join(1, 'write')
    send(1, 1, typed(doc, 'hello'))
    commit()
    join(2, 'read', true)
    const before = Y.encodeStateVector(doc)
    doc.getText().delete(0, 2)
    send(2, 1, Y.encodeStateAsUpdate(doc, before), false)
    told(1)
    ask(2, { type: 'awareness', update: cursor })
    expect(told(1)).toEqual([{ type: 'awareness', update: cursor }])
  })

  test('which is none of protocol 1', () => {
    const { join, send, told } = start()
    join(1, 'read')
    told(1)
    send(1, 1, Uint8Array.of(0, 0))
    expect(told(1)).toMatchObject([{ type: 'rejected', seq: 1, code: 'read_only' }])
  })
})
