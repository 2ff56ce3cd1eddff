import { defaultLimits } from '@syncline/protocol'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { Backlog } from '../backlog.js'
import { systemClock } from '../clock.js'
import { newCounters } from '../counters.js'
import { defaultRelayLimits } from '../limits/limits.js'
import { MemoryLog } from '../log/memory.js'
import type { LiveRoom } from './liveRoom.js'
import { Rooms } from './rooms.js'
import type { SharedReply } from './session.js'

const profile = { access: 'write', author: '', echo: false } as const

async function roomWith(bytes: number): Promise<LiveRoom> {
  const rooms = new Rooms(new MemoryLog(), {
    limits: defaultRelayLimits,
    clock: systemClock,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    counters: newCounters(),
    backlog: new Backlog(defaultLimits.backlogBytesHigh),
    reopen: null,
    commitObserver: null,
    exception: (error: unknown) => {
      throw error
    },
    unloadMs: 5_000,
    newEpoch: () => '00000000000000aa',
    keepsHistory: () => false,
    presence: () => {},
    loader: null,
  })
  const room = rooms.open('notes')
  const doc = new Y.Doc()
  doc.getText().insert(0, 'x'.repeat(bytes))
  await new Promise<void>((saved) => {
    const author = {
      id: 1,
      deliver: ({ reply }: SharedReply) => {
        if (reply.type === 'ack') saved()
      },
      ended: () => {},
    }
    room.join(author, profile, { type: 'open', name: 'notes', resume: null, stateVector: Uint8Array.of(0) })
    room.receive(author, { type: 'update', seq: 1, answer: true, update: Y.encodeStateAsUpdate(doc) })
  })
  return room
}

function synced(room: LiveRoom, id: number): SharedReply {
  const heard: SharedReply[] = []
  const session = { id, deliver: (reply: SharedReply) => void heard.push(reply), ended: () => {} }
  room.join(session, profile, { type: 'open', name: 'notes', resume: null, stateVector: Uint8Array.of(0) })
  return heard.find(({ reply }) => reply.type === 'synced')!
}

test('all who join a large document at the same position are sent the same bytes', async () => {
  const room = await roomWith(100_000)
  const [first, second] = [synced(room, 2), synced(room, 3)]
  expect(first.reply).toMatchObject({ type: 'synced', position: 1 })
  expect(second).toBe(first)
})

test('a small one is encoded for each, and kept for nobody', async () => {
  const room = await roomWith(100)
  const [first, second] = [synced(room, 2), synced(room, 3)]
  expect(second).not.toBe(first)
  expect(second.reply).toEqual(first.reply)
})
