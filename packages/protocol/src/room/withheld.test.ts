import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { defaultLimits } from '../limits.js'
import type { DocumentReply } from '../messages/types.js'
import { emptyStateVector } from '../updates/index.js'
import { Room } from './room.js'
import type { RoomEffect, RoomInput } from './types.js'

const now = 1_000

function start(deletedEpochs: readonly string[] = []) {
  const room = new Room('notes', defaultLimits)
  const effects: RoomEffect[] = []
  const step = (input: RoomInput) => void effects.push(...room.step(input))
  const stored = { epoch: 'aa', base: null, basePosition: 0, start: { position: 0, chain: 0 }, records: [] }
  step({ type: 'loaded', stored: { ...stored, deletedEpochs }, epoch: '' })
  const join = (session: number, { echo = false, epoch = '' } = {}) =>
    step({
      type: 'joined',
      session,
      profile: { author: '', access: 'write', echo },
      request: {
        type: 'open',
        name: 'notes',
        resume: epoch === '' ? null : { epoch, position: 0, chain: 0 },
        stateVector: emptyStateVector,
      },
    })
  const send = (session: number, seq: number, update: Uint8Array) =>
    step({ type: 'received', session, now, request: { type: 'update', seq, answer: true, update } })
  const heard = (session: number): DocumentReply[] =>
    effects.flatMap((effect) => (effect.type === 'send' && effect.to.includes(session) ? [effect.message] : []))
  return { room, step, join, send, heard }
}

function typed(): Uint8Array {
  const doc = new Y.Doc()
  doc.getText().insert(0, 'x')
  return Y.encodeStateAsUpdate(doc)
}

test('where there is no room, our sessions read until there is; those of dialects may say what is known', () => {
  const { step, join, send, heard } = start()
  join(1)
  const update = typed()
  send(1, 1, update)
  step({ type: 'committing', now })
  step({ type: 'committed', now })
  step({ type: 'readOnly', readOnly: true, now })
  join(2)
  join(3, { echo: true })
  expect(heard(2)[0]).toMatchObject({ type: 'opened', access: 'read' })
  expect(heard(3)[0]).toMatchObject({ type: 'opened', access: 'write' })
  send(3, 1, update)
  expect(heard(3).at(-1)).toMatchObject({ type: 'ack', seq: 1 })
  send(3, 2, typed())
  send(1, 2, typed())
  for (const session of [1, 3]) {
    expect(heard(session).at(-1)).toMatchObject({ type: 'closed', code: 'disk_full', retry: true })
  }
  step({ type: 'readOnly', readOnly: false, now })
  expect(heard(2).at(-1)).toMatchObject({ type: 'closed', code: 'disk_full', retry: true })
  join(4)
  expect(heard(4)[0]).toMatchObject({ type: 'opened', access: 'write' })
})

test('whoever has a document of that name which was deleted is refused for good', () => {
  const { join, heard } = start(['dd', 'ee'])
  join(1, { epoch: 'ee' })
  expect(heard(1)).toMatchObject([{ type: 'refused', code: 'document_deleted', retry: false }])
  join(2, { epoch: 'bb' })
  join(3)
  for (const session of [2, 3]) expect(heard(session)[0]).toMatchObject({ type: 'opened' })
})
