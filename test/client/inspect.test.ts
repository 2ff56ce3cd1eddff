import { performance } from 'node:perf_hooks'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { Throttle } from '../../packages/client/src/devtools/throttle.js'
import { until, within } from '../support/until.js'
import { join, startRelay } from './world.js'

test('inspect tells what a document weighs, what is on its way and the last messages, from the first call on', async () => {
  const relay = await startRelay()
  const [ada, bo] = [join(relay).open('page'), join(relay).open('page')]
  await within('both', Promise.all([ada.synced, bo.synced]))
  await until('the other to be seen', () => ada.awareness.getStates().size === 2)
  const before = ada.inspect()
  expect(before).toMatchObject({ name: 'page', updates: [], people: 2 })
  expect(before.messages.map(({ type }) => type)).toEqual(['digest']) // what it asks itself, for the round trip
  expect(before.document).toEqual({ bytes: 2, clients: 0, structs: 0, deleted: 0, subdocuments: 0 })

  const text = ada.doc.getText('text')
  text.insert(0, 'Hello world')
  text.delete(5, 6)
  expect(ada.inspect().status.pending).toBe(2)
  await within('the save', ada.saved())
  await until('the other to read it', () => bo.doc.getText('text').toString() === 'Hello')
  bo.doc.getText('text').insert(5, '!')
  await until('the answer', () => text.toString() === 'Hello!')

  const { document, connection, updates, messages } = ada.inspect()
  expect(document).toEqual({
    bytes: Y.encodeStateAsUpdate(ada.doc).length,
    clients: 2,
    structs: 3,
    deleted: 1,
    subdocuments: 0,
  })
  expect(connection).toMatchObject({ state: 'online', transport: 'websocket', isElsewhere: false })
  expect(connection.roundTripMs).toBeGreaterThan(0)
  const kinds = messages.map(({ direction, type }) => `${direction} ${type}`)
  expect(kinds).toEqual(expect.arrayContaining(['sent update', 'received ack', 'received update']))
  expect(messages.find(({ type }) => type === 'ack')!.text).toMatch(/^seq 2, position 1, chain \d+$/)
  expect(messages.find(({ direction, type }) => direction === 'sent' && type === 'update')!.bytes).toBeGreaterThan(10)
  const sum = (of: 'sent' | 'received') => updates.reduce((total, second) => total + second[of], 0)
  expect([sum('sent'), sum('received')]).toEqual([1, 1])
})

test('no more than the last 50 messages are kept', async () => {
  const handle = join(await startRelay()).open('page')
  await within('it', handle.synced)
  handle.inspect()
  for (let i = 0; i < 60; i++) {
    handle.doc.getText().insert(0, 'x')
    await within('the save', handle.saved())
  }
  const { messages } = handle.inspect()
  expect(messages).toHaveLength(50)
  expect(messages.at(-1)).toMatchObject({ type: 'ack' })
  expect(messages.at(-1)!.text).toContain(`seq 6`)
})

test('who only reads has its round trip measured by comparing', async () => {
  const relay = await startRelay()
  const writer = join(relay).open('page')
  writer.doc.getText().insert(0, 'x')
  await within('the save', writer.saved())
  const reader = join(relay).open('page')
  await within('it', reader.synced)
  await until('a measurement', () => reader.inspect().connection.roundTripMs !== null)
  const sent = reader.inspect().messages.filter(({ direction }) => direction === 'sent')
  expect(new Set(sent.map(({ type }) => type))).toEqual(new Set(['digest']))
})

test('a throttled network is as slow as it says, and nothing is lost or doubled where it changes', async () => {
  const relay = await startRelay()
  const throttle = new Throttle((url, protocols) => new WebSocket(url, protocols))
  const slow = join(relay, { webSocket: throttle.webSocket }).open('page')
  const fast = join(relay).open('page')
  await within('both', Promise.all([slow.synced, fast.synced]))
  throttle.slowness = { latencyMs: 150, bytesPerSecond: 0 }
  const began = performance.now()
  slow.doc.getText().insert(0, 'slowly')
  await within('the save', slow.saved())
  expect(performance.now() - began).toBeGreaterThanOrEqual(299)
  expect(slow.inspect().connection.roundTripMs).toBeNull() // recorded from this call on
  for (const word of [' but', ' surely']) {
    slow.doc.getText().insert(slow.doc.getText().length, word)
    throttle.slowness = { latencyMs: 0, bytesPerSecond: 100 }
  }
  await within('the save', slow.saved())
  await until('all of it', () => fast.doc.getText().toString() === 'slowly but surely')
  expect(slow.inspect().connection.roundTripMs).toBeGreaterThanOrEqual(149)
})
