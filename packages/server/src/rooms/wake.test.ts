import { defaultLimits, encodeAwareness } from '@syncline/protocol'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { StillClock } from '../../../../test/support/stillClock.js'
import { Backlog } from '../backlog.js'
import { newCounters } from '../counters.js'
import { defaultRelayLimits } from '../limits/limits.js'
import { MemoryLog } from '../log/memory.js'
import { Rooms } from './rooms.js'
import type { SharedReply } from './session.js'

function openRooms(clock: StillClock): Rooms {
  return new Rooms(new MemoryLog(), {
    limits: defaultRelayLimits,
    clock,
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
}

test('a move of a cursor is told, also where the wake before it was overtaken, without anything else happening', async () => {
  const clock = new StillClock()
  const rooms = openRooms(clock)
  const room = rooms.open('notes')
  const profile = { access: 'write', author: '', echo: false } as const
  const open = { type: 'open', name: 'notes', resume: null, stateVector: Uint8Array.of(0) } as const
  let heard = 0
  const mover = { id: 1, deliver: () => {}, ended: () => {} }
  await new Promise<void>((synced) => {
    const deliver = ({ reply }: SharedReply) => {
      if (reply.type === 'awareness') heard++
      if (reply.type === 'synced') synced()
    }
    room.join(mover, profile, open)
    room.join({ id: 2, deliver, ended: () => {} }, profile, open)
  })
  const move = (at: number, moves: number) => {
    clock.time = at
    const entries = new Map([[7, { clock: moves, state: '{}' }]])
    room.receive(mover, { type: 'awareness', update: encodeAwareness(entries) })
  }
  move(1_000, 1) // told at once
  move(1_005, 2) // to be told at 1,020
  move(1_020, 3) // told, before the timer of that moment has run
  move(1_021, 4) // to be told at 1,040
  clock.runUntil(1_500)
  expect(heard).toBe(3)
})

test('what many answer who join brings nothing, and holds up nobody', async () => {
  const clock = new StillClock()
  const rooms = openRooms(clock)
  const room = rooms.open('notes')
  const people = Array.from({ length: 200 }, (_, id) => ({ id, deliver: () => {}, ended: () => {} }))
  for (const person of people) {
    room.join(
      person,
      { access: 'write', author: '', echo: false },
      { type: 'open', name: 'notes', resume: null, stateVector: Uint8Array.of(0) },
    )
  }
  await new Promise(setImmediate) // it is read
  for (const person of people) {
    clock.time += 1
    // an empty difference, as everyone gives who has nothing that the relay lacks
    room.receive(person, { type: 'update', seq: 1, answer: true, update: Uint8Array.of(0, 0) })
  }
  expect(rooms.gatherMs).toBe(0)
  const author = new Y.Doc()
  for (let seq = 2; seq <= 200; seq++) {
    clock.time += 1
    author.getText().insert(0, 'a')
    room.receive(people[0]!, { type: 'update', seq, answer: false, update: Y.encodeStateAsUpdate(author) })
  }
  expect(rooms.gatherMs).toBeGreaterThan(0)
})
