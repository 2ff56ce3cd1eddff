import { Room, type RoomInput } from '@syncline/protocol'
import { afterEach, describe, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { until } from '../support/until.js'
import { joinYWebsocket, NativeClient, read, startRelay, TestLog, typed } from './support.js'

afterEach(() => {
  vi.restoreAllMocks()
})

/** A bug in the room: it throws at its first input that matches. */
function breakRoom(matches: (input: RoomInput) => boolean): void {
  const { step } = Room.prototype
  let isBroken = true
  vi.spyOn(Room.prototype, 'step').mockImplementation(function (this: Room, input) {
    if (isBroken && matches(input)) {
      isBroken = false
      throw new TypeError('a bug')
    }
    return step.call(this, input)
  })
}

const isAwareness = (input: RoomInput) => input.type === 'received' && input.request.type === 'awareness'

describe('an exception', () => {
  test('in what a session sent ends that session: not its siblings, not others in the room, not the process', async () => {
    const { url, relay, lines } = await startRelay()
    const [client, other] = [await NativeClient.connect(url), await NativeClient.connect(url)]
    await client.open(1, 'notes')
    await client.open(2, 'sibling')
    await other.open(1, 'notes')
    breakRoom(isAwareness)
    client.ask(1, { type: 'awareness', update: Uint8Array.of(0) })
    expect(await client.hears(1, 'closed')).toMatchObject({ code: 'internal', retry: true })
    client.ask(2, { type: 'update', seq: 2, answer: false, update: typed(new Y.Doc(), 'a') })
    other.ask(1, { type: 'update', seq: 2, answer: false, update: typed(new Y.Doc(), 'b') })
    await client.hears(2, 'ack', 2)
    await other.hears(1, 'ack', 2)
    await client.open(1, 'notes')
    expect(relay.stats().exceptions).toBe(1)
    expect(lines.find(({ level }) => level === 'error')?.fields).toMatchObject({ code: 'internal', reason: 'a bug' })
  })

  test('lets a y-websocket client come back', async () => {
    const { url } = await startRelay()
    const y = joinYWebsocket(url, 'notes')
    await until('y to be synced', () => y.provider.synced)
    breakRoom(isAwareness)
    y.provider.awareness.setLocalStateField('name', 'Ada')
    await until('y to be told', () => y.closes.length === 1)
    expect(y.closes[0]?.code).toBe(1011)
    y.text.insert(0, 'still here')
    await until('y to be back', async () => (await read(url, 'notes')) === 'still here')
  })

  test.each(['committing', 'committed'] as const)(
    'while a room is %s ends that room, and the log is believed',
    async (type) => {
      const { url, relay } = await startRelay()
      const client = await NativeClient.connect(url)
      await client.open(1, 'notes')
      await client.open(2, 'other')
      breakRoom((input) => input.type === type)
      const doc = new Y.Doc()
      client.ask(1, { type: 'update', seq: 2, answer: false, update: typed(doc, 'x') })
      expect(await client.hears(1, 'closed')).toMatchObject({ code: 'internal', retry: true })
      expect(client.on(1, 'ack')).toHaveLength(1)
      client.ask(2, { type: 'update', seq: 2, answer: false, update: typed(new Y.Doc(), 'y') })
      await client.hears(2, 'ack', 2)
      await client.open(1, 'notes', doc)
      expect(relay.stats()).toMatchObject({ rooms: 2, exceptions: 1 })
      expect(await read(url, 'notes')).toBe('x')
    },
  )

  test('in reading a document refuses that document', async () => {
    const { url, log } = await startRelay()
    const run = { author: '', update: Uint8Array.of(9, 9, 9) }
    await log.kept.commit([
      { document: 'nonsense', epoch: '0123456789abcdef', record: { position: 1, chain: 0, time: 0, runs: [run] } },
    ])
    const client = await NativeClient.connect(url)
    client.ask(1, { type: 'open', name: 'nonsense', resume: null, stateVector: Uint8Array.of(0) })
    expect(await client.hears(1, 'refused')).toMatchObject({ code: 'document_damaged', retry: false })
    await client.open(1, 'notes')
  })

  test('of the logger of an application costs a line, and nothing else', async () => {
    const broken = () => {
      throw new Error('the log is full')
    }
    const logger = { debug: broken, info: broken, warn: broken, error: broken }
    const { url } = await startRelay({ logger }, new TestLog())
    const [bad, good] = [await NativeClient.connect(url), await NativeClient.connect(url)]
    await good.open(1, 'notes')
    bad.socket.send('text')
    await bad.isClosed()
    good.ask(1, { type: 'update', seq: 2, answer: false, update: typed(new Y.Doc(), 'x') })
    await good.hears(1, 'ack', 2)
  })

  test('of listeners and hooks of an application is counted, and keeps nobody from anything', async () => {
    const broken = () => {
      throw new Error('a bug of the application')
    }
    const authorize = Object.assign(async () => ({ subject: 'ada', access: 'write', expiresAt: null }) as const, {
      revoked: broken,
    })
    const commitObserver = { committed: broken, acknowledged: broken }
    const { url, relay } = await startRelay({ authorize, commitObserver })
    relay.document('notes').observe(broken, broken)
    const client = await NativeClient.connect(url)
    await client.open(1, 'notes')
    for (const seq of [2, 3]) {
      client.ask(1, { type: 'update', seq, answer: false, update: typed(new Y.Doc(), 'x') })
      await client.hears(1, 'ack', seq)
    }
    expect(await relay.revoke({ subject: 'ada' })).toBe(1)
    expect(await client.hears(1, 'closed')).toMatchObject({ code: 'revoked' })
    await relay.remove('notes')
    expect(relay.stats()).toMatchObject({ storageFaults: 0 })
    expect(relay.stats().exceptions).toBeGreaterThanOrEqual(5)
  })
})
