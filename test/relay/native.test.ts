import { encodeClientMessage, type SessionRequest } from '@syncline/protocol'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { until } from '../support/until.js'
import { NativeClient, read, startRelay, TestClock, typed } from './support.js'

const open = (name: string): SessionRequest => ({ type: 'open', name, resume: null, stateVector: Uint8Array.of(0) })

/** An update within a session. */
const update = (seq: number, bytes: Uint8Array): SessionRequest => ({
  type: 'update',
  seq,
  answer: false,
  update: bytes,
})

describe('a connection of protocol 1', () => {
  test('is welcomed with the limits that it has to know', async () => {
    const { url } = await startRelay({ limits: { frameBytesMax: 100_000 } })
    const client = await NativeClient.connect(url)
    expect(client.heard).toEqual([
      {
        type: 'welcome',
        version: 1,
        limits: { frameBytesMax: 100_000, updateBytesMax: 16 * 2 ** 20, documentBytesMax: 64 * 2 ** 20 },
        agent: expect.stringMatching(/^syncline\/\d/),
      },
    ])
  })

  test('says hello and opens documents in one breath, and is answered in one frame', async () => {
    const { url, relay } = await startRelay()
    const first = await NativeClient.connect(url)
    for (const [index, name] of ['a', 'b', 'c'].entries()) await first.open(index + 1, name)
    const client = new NativeClient(url)
    await client.isOpen()
    client.say(
      { type: 'hello', versions: [1], agent: 'test', token: null },
      ...['a', 'b', 'c'].map((name, index) => ({ type: 'session', channel: index + 1, message: open(name) }) as const),
    )
    for (const channel of [1, 2, 3]) await client.hears(channel, 'synced')
    expect(client.frames).toBeLessThanOrEqual(2)
    expect(relay.stats()).toMatchObject({ connections: 2, sessions: 6, rooms: 3 })
  })

  test('carries many documents, and each sees its own edits only', async () => {
    const { url } = await startRelay()
    const [writer, reader] = [await NativeClient.connect(url), await NativeClient.connect(url)]
    for (let channel = 1; channel <= 20; channel++) {
      await reader.open(channel, `document ${channel}`)
      const doc = new Y.Doc()
      typed(doc, `text of ${channel}`)
      await writer.open(channel, `document ${channel}`, doc)
    }
    for (let channel = 1; channel <= 20; channel++) {
      const doc = new Y.Doc()
      Y.applyUpdate(doc, (await reader.hears(channel, 'update')).update)
      expect(doc.getText().toString()).toBe(`text of ${channel}`)
      expect(reader.on(channel, 'update')).toHaveLength(1)
    }
  })

  test('may open one document on two channels', async () => {
    const { url } = await startRelay()
    const client = await NativeClient.connect(url)
    await client.open(1, 'notes')
    const doc = new Y.Doc()
    typed(doc, 'x')
    await client.open(2, 'notes', doc)
    expect((await client.hears(1, 'update')).position).toBe(1)
    expect(client.on(2, 'update')).toHaveLength(0)
  })

  test('a session that is closed hears nothing more, its channel can be used again', async () => {
    const { url, relay } = await startRelay()
    const client = await NativeClient.connect(url)
    await client.open(1, 'notes')
    client.ask(1, { type: 'close' })
    await until('the session to end', () => relay.stats().sessions === 0)
    await client.open(1, 'other')
    expect(client.on(1, 'opened')).toHaveLength(2)
    expect(client.on(1, 'closed')).toHaveLength(0)
  })

  test('answers a ping, and is asked for a sign of life when it is silent', async () => {
    const clock = new TestClock()
    const { url } = await startRelay({ clock })
    const client = await NativeClient.connect(url)
    client.say({ type: 'ping' })
    await until('the pong', () => client.heard.at(-1)?.type === 'pong')
    clock.pass(15_000)
    await until('the ping', () => client.heard.at(-1)?.type === 'ping')
    expect(client.closed).toBeNull()
  })

  test('a half-open one is gone within 20 s, and its cursor with it', async () => {
    const clock = new TestClock()
    const { url, relay } = await startRelay({ clock })
    const [silent, other] = [await NativeClient.connect(url), await NativeClient.connect(url)]
    await silent.open(1, 'notes')
    await other.open(1, 'notes')
    silent.ask(1, { type: 'awareness', update: Uint8Array.from([1, 5, 1, 2, 0x7b, 0x7d]) })
    await other.hears(1, 'awareness')
    silent.socket.pause() // as where its network is gone: nothing comes back
    for (let seconds = 0; seconds < 20; seconds += 5) {
      const answered = other.heard.length
      other.say({ type: 'ping' })
      await until('the answer to the other one', () => other.heard.length > answered)
      clock.pass(5_000)
    }
    await until('one connection to be left', () => relay.stats().connections === 1)
    const { update: gone } = await other.hears(1, 'awareness', 2)
    expect([...gone]).toEqual([1, 5, 1, 4, 0x6e, 0x75, 0x6c, 0x6c])
    expect(other.closed).toBeNull()
  })

  test('has 5 s to say hello', async () => {
    const clock = new TestClock()
    const { url } = await startRelay({ clock })
    const client = new NativeClient(url)
    await client.isOpen()
    clock.pass(4_999)
    expect(client.closed).toBeNull()
    clock.pass(1)
    expect(await client.isClosed()).toMatchObject({ code: 4408, reason: expect.stringMatching(/^hello_timeout/) })
  })

  test.each<[string, (client: NativeClient) => void, number, RegExp]>([
    ['a text frame', ({ socket }) => socket.send('hello'), 4400, /^malformed_frame/],
    ['bytes that are no message', ({ socket }) => socket.send(Uint8Array.of(255, 255)), 4400, /^malformed_frame/],
    ['a message before hello', (client) => client.ask(1, open('notes')), 4400, /^protocol_violation/],
    [
      'a version that is not ours',
      (client) => client.say({ type: 'hello', versions: [2, 3], agent: '', token: null }),
      4426,
      /^unsupported_version/,
    ],
    [
      'a frame that is too large',
      ({ socket }) => socket.send(new Uint8Array(2 ** 20 + 1)),
      1009,
      /^(body_too_large)?$/,
    ],
    [
      'a second hello',
      (client) =>
        client.say(
          { type: 'hello', versions: [1], agent: '', token: null },
          { type: 'hello', versions: [1], agent: '', token: null },
        ),
      4400,
      /^protocol_violation/,
    ],
  ])('ends for %s', async (_, misbehave, code, reason) => {
    const { url } = await startRelay()
    const [bad, good] = [new NativeClient(url), await NativeClient.connect(url)]
    await good.open(1, 'notes')
    await bad.isOpen()
    misbehave(bad)
    expect(await bad.isClosed()).toEqual({ code, reason: expect.stringMatching(reason) })
    good.say({ type: 'ping' })
    await until('the good one to be answered', () => good.heard.at(-1)?.type === 'pong')
  })
})

describe('a session that misbehaves', () => {
  const poison = Uint8Array.of(1, 1, 2, 0, 0, 0, 0)
  const frameOf = (channel: number, body: readonly number[]) => Uint8Array.from([body.length + 1, channel, ...body])

  test.each<[string, (client: NativeClient) => void, RegExp]>([
    ['a truncated message', ({ socket }) => socket.send(frameOf(1, [2])), /malformed_frame/],
    ['a message type that does not exist', ({ socket }) => socket.send(frameOf(1, [99])), /malformed_frame/],
    ['a seq that leaves a gap', (client) => client.ask(1, update(7, Uint8Array.of(0, 0))), /protocol_violation/],
    ['a second open', (client) => client.ask(1, open('other')), /protocol_violation/],
    [
      'malformed awareness',
      (client) => client.ask(1, { type: 'awareness', update: Uint8Array.of(9) }),
      /malformed_awareness/,
    ],
    [
      'a malformed state vector',
      (client) => client.ask(1, { type: 'exchange', stateVector: Uint8Array.of(9) }),
      /malformed/,
    ],
  ])('ends for %s; its siblings, the log and others do not notice', async (_, misbehave, code) => {
    const { url, log } = await startRelay()
    const [client, other] = [await NativeClient.connect(url), await NativeClient.connect(url)]
    await client.open(1, 'notes')
    await client.open(2, 'sibling')
    await other.open(1, 'notes')
    misbehave(client)
    const closed = await client.hears(1, 'closed')
    expect(closed.code).toMatch(code)
    expect(closed.retry).toBe(false)
    expect(closed.reason.length).toBeGreaterThan(10)

    const doc = new Y.Doc()
    client.ask(2, update(2, typed(doc, 'sibling lives')))
    other.ask(1, update(2, typed(new Y.Doc(), 'other lives')))
    await client.hears(2, 'ack', 2)
    await other.hears(1, 'ack', 2)
    expect(client.closed).toBeNull()
    expect((await log.list()).map(({ name, position }) => [name, position])).toEqual([
      ['notes', 1],
      ['sibling', 1],
    ])
    expect(await read(url, 'notes')).toBe('other lives')
  })

  test('a malformed update is rejected, and the session goes on', async () => {
    const { url, relay } = await startRelay()
    const client = await NativeClient.connect(url)
    await client.open(1, 'notes')
    client.ask(1, update(2, poison), { type: 'update', seq: 3, answer: true, update: typed(new Y.Doc(), 'fine') })
    expect(await client.hears(1, 'rejected')).toMatchObject({ seq: 2, code: 'malformed_update' })
    await client.hears(1, 'ack', 2)
    expect(await read(url, 'notes')).toBe('fine')
    expect(relay.stats()).toMatchObject({ rejected: 1, refused: 0 })
  })

  test('what it still sends on its channel is passed over, and the channel can be opened again', async () => {
    const { url } = await startRelay()
    const client = await NativeClient.connect(url)
    await client.open(1, 'notes')
    client.ask(
      1,
      update(7, Uint8Array.of(0, 0)),
      update(3, Uint8Array.of(0, 0)),
      { type: 'awareness', update: Uint8Array.of(0) },
      open('notes'),
    )
    await client.hears(1, 'opened', 2)
    expect(client.on(1, 'closed')).toHaveLength(1)
    expect(client.closed).toBeNull()
  })

  test.each([
    ['an empty name', ''],
    ['a name that is too long', 'x'.repeat(513)],
    ['a control character', 'a\u0007b'],
    ['a name that is not in NFC', 'e\u0301'],
  ])('is refused for %s', async (_, name) => {
    const { url } = await startRelay()
    const client = await NativeClient.connect(url)
    client.ask(1, open(name))
    expect(await client.hears(1, 'refused')).toMatchObject({ code: 'invalid_name', retry: false })
    await client.open(1, 'a good one')
  })

  test('is refused for an open that is malformed', async () => {
    const { url } = await startRelay()
    const client = await NativeClient.connect(url)
    const [whole] = encodeClientMessage({ type: 'session', channel: 3, message: open('notes') }, 1_000)
    client.socket.send(frameOf(3, [whole![2]!]))
    expect(await client.hears(3, 'refused')).toMatchObject({ code: 'malformed_frame', retry: false })
  })

  test('is refused where the connection has as many as it may have', async () => {
    const { url } = await startRelay({ limits: { connectionDocumentsMax: 2 } })
    const client = await NativeClient.connect(url)
    await client.open(1, 'a')
    await client.open(2, 'b')
    client.ask(3, open('c'))
    expect(await client.hears(3, 'refused')).toMatchObject({ code: 'too_many_documents', retry: false })
    client.ask(1, { type: 'close' })
    await client.open(3, 'c')
  })

  test('is ended where it does not wait for the relay to speak', async () => {
    const { url, log } = await startRelay()
    const client = await NativeClient.connect(url)
    log.hold()
    client.ask(1, open('notes'), update(1, Uint8Array.of(0, 0)))
    expect(await client.hears(1, 'refused')).toMatchObject({ code: 'protocol_violation' })
  })
})

describe('a reader that does not read', () => {
  /** Fills the way to a paused reader until the relay holds back, so that kernels and sockets are full. */
  async function congested(limits = {}) {
    const clock = new TestClock()
    const { url, relay } = await startRelay({ clock, limits: { socketBytesHigh: 64 * 1024, ...limits } })
    const [writer, reader] = [await NativeClient.connect(url), await NativeClient.connect(url)]
    await writer.open(1, 'notes')
    await reader.open(1, 'notes')
    reader.socket.pause()
    const doc = new Y.Doc()
    const text = 'x'.repeat(200_000)
    let seq = 1
    const write = async () => {
      writer.ask(1, update(++seq, typed(doc, text)))
      await writer.hears(1, 'ack', seq)
    }
    for (let i = 0; i < 100; i++) await write()
    return { clock, relay, writer, reader, doc, write, url }
  }

  test('is held back, and catches up with what it missed as one update', async () => {
    const { reader, doc, write } = await congested()
    for (let i = 0; i < 20; i++) await write()
    const before = reader.on(1, 'update').length
    reader.socket.resume()
    await until('it to be at the end', () => reader.on(1, 'update').at(-1)?.position === 120)
    const replica = new Y.Doc()
    for (const { update } of reader.on(1, 'update')) Y.applyUpdate(replica, update)
    expect(replica.getText().length).toBe(doc.getText().length)
    const frames = reader.on(1, 'update').length - before
    console.log(`a paused reader got 120 updates of 200 kB in ${frames}`)
    expect(frames).toBeLessThan(100)
    const last = reader.on(1, 'update').at(-1)!
    expect(last.update.length).toBeGreaterThan(20 * 200_000)
  })

  test('is closed after 30 s in which it took nothing, though it still talks', async () => {
    const { clock, relay, reader, writer } = await congested()
    for (let seconds = 0; seconds <= 35; seconds += 5) {
      for (const client of [reader, writer]) client.say({ type: 'ping' })
      const pongs = writer.heard.length
      await until('the writer to be answered', () => writer.heard.length > pongs)
      clock.pass(5_000)
      if (seconds < 30) expect(relay.stats().slowReaders).toBe(0)
    }
    expect(relay.stats()).toMatchObject({ slowReaders: 1, sessions: 1 })
    reader.socket.resume()
    expect(await reader.isClosed()).toMatchObject({ code: 4408, reason: expect.stringMatching(/^slow_reader/) })
    expect(writer.closed).toBeNull()
  })
})

describe('a large document', () => {
  test('is not sent again and again to who asks for it without reading it', async () => {
    const { url, relay } = await startRelay({ clock: new TestClock() })
    const [greedy, other] = [await NativeClient.connect(url), await NativeClient.connect(url)]
    const large = new Y.Doc()
    typed(large, 'x'.repeat(8_000_000))
    await greedy.open(1, 'large', large)
    await other.open(1, 'notes')
    greedy.socket.pause()
    const before = process.memoryUsage().rss
    const exchange: SessionRequest = { type: 'exchange', stateVector: Uint8Array.of(0) }
    for (let i = 0; i < 200; i++) {
      greedy.ask(1, ...Array.from({ length: 10 }, () => exchange))
      greedy.ask(2, open('large'))
      greedy.ask(2, { type: 'close' })
    }
    for (let seq = 2; seq < 200; seq++) {
      other.ask(1, update(seq, typed(new Y.Doc(), 'undisturbed')))
      await other.hears(1, 'ack', seq)
    }
    const grownMiB = Math.round((process.memoryUsage().rss - before) / 2 ** 20)
    console.log(`2,000 exchanges and 200 opens of 8 MB cost ${grownMiB} MiB`)
    expect(grownMiB).toBeLessThan(400)
    expect(relay.stats().connections).toBe(2)
  })

  test('takes turns with what happens in small ones on the same connection', async () => {
    const { url } = await startRelay({ limits: { socketBytesHigh: 64 * 1024 } })
    const writer = await NativeClient.connect(url)
    const large = new Y.Doc()
    typed(large, 'x'.repeat(16_000_000))
    await writer.open(1, 'large', large)
    await writer.open(2, 'small')
    const reader = await NativeClient.connect(url)
    await reader.open(2, 'small')
    reader.ask(1, open('large'))
    await reader.hears(1, 'opened')
    reader.socket.pause()
    writer.ask(2, update(2, typed(new Y.Doc(), 'quick')))
    await writer.hears(2, 'ack', 2)
    reader.socket.resume()
    await reader.hears(1, 'synced')
    await reader.hears(2, 'update')
    const order = reader.heard.flatMap((message) =>
      message.type === 'session' ? [`${message.channel} ${message.message.type}`] : [],
    )
    expect(order.indexOf('2 update')).toBeLessThan(order.indexOf('1 synced'))
    const replica = new Y.Doc()
    Y.applyUpdate(replica, reader.on(1, 'synced')[0]!.update!)
    expect(replica.getText().length).toBe(16_000_000)
  })
})
