import { createServer, type IncomingMessage } from 'node:http'
import { connect as connectTcp } from 'node:net'
import { Duplex } from 'node:stream'
import { connect } from '@syncline/client'
import { type SessionRequest, subprotocol } from '@syncline/protocol'
import { MemoryLog, Relay } from '@syncline/server'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { connectHocuspocus } from '../support/hocuspocus.js'
import { until, within } from '../support/until.js'
import { joinYWebsocket, listen, NativeClient, read, startRelay, TestClock, typed } from './support.js'

const emptyStateVector = Uint8Array.of(0)
const open = (name: string): SessionRequest => ({ type: 'open', name, resume: null, stateVector: emptyStateVector })
const update = (seq: number, bytes: Uint8Array): SessionRequest => ({
  type: 'update',
  seq,
  answer: false,
  update: bytes,
})

interface Answer {
  readonly status: number
  readonly retryAfter: string | undefined
  readonly code: string
  readonly socket: WebSocket
}

/** Asks for a WebSocket; status 101 where it is given, and stays. */
async function ask(url: string, headers: Record<string, string> = {}, protocol: string[] = []): Promise<Answer> {
  const socket = new WebSocket(url, protocol, { headers })
  onTestFinished(() => socket.terminate())
  const answer = new Promise<Answer>((resolve, reject) => {
    socket.on('open', () => resolve({ status: 101, retryAfter: undefined, code: '', socket }))
    socket.on('error', reject)
    socket.on('unexpected-response', (_request, response) => {
      let text = ''
      response.on('data', (bytes) => {
        text += bytes
      })
      response.on('end', () => {
        const { code } = JSON.parse(text).error
        resolve({ status: response.statusCode!, retryAfter: response.headers['retry-after'], code, socket })
      })
    })
  })
  return within('an answer', answer)
}

/** One path for each wire protocol. */
const paths = [
  ['native', '/sync', [subprotocol]],
  ['y-websocket', '/y/notes', []],
  ['Hocuspocus', '/hocuspocus', []],
] as const

describe.each(paths)('connections of %s', (_, path, protocols) => {
  test('beyond the rate get 429 with the time to wait, before the upgrade, and not beyond it', async () => {
    const clock = new TestClock()
    const limits = { addressConnectionsBurst: 3, addressConnectionsPerSecond: 1 }
    const { url, relay, lines } = await startRelay({ clock, limits })
    for (let i = 0; i < 3; i++) expect((await ask(url + path, {}, [...protocols])).status).toBe(101)
    expect(await ask(url + path, {}, [...protocols])).toMatchObject({
      status: 429,
      retryAfter: '1',
      code: 'rate_limited',
    })
    expect(relay.stats()).toMatchObject({ connections: 3, rateLimited: 1, refusedByCode: { rate_limited: 1 } })
    expect(lines.find(({ message }) => message === 'a request was refused')?.fields).toMatchObject({
      address: '127.0.0.1',
    })
    clock.pass(1_000)
    expect((await ask(url + path, {}, [...protocols])).status).toBe(101)
  })

  test('are so many at a time, and one more when one has gone', async () => {
    const { url, relay } = await startRelay({ limits: { addressConnectionsMax: 2 } })
    const [first] = [await ask(url + path, {}, [...protocols]), await ask(url + path, {}, [...protocols])]
    expect(await ask(url + path, {}, [...protocols])).toMatchObject({ status: 429, code: 'too_many_connections' })
    first.socket.close()
    await until('it to be gone', () => relay.stats().connections === 1)
    expect((await ask(url + path, {}, [...protocols])).status).toBe(101)
  })
})

describe('visitors behind a proxy', () => {
  const limits = { addressConnectionsBurst: 1, addressConnectionsPerSecond: 1 }
  const from = (address: string) => ({ 'X-Forwarded-For': address })

  test('are told from each other where it is trusted, whatever they say themselves', async () => {
    const { url } = await startRelay({ clock: new TestClock(), limits, trustProxy: ['127.0.0.0/8'] })
    const statuses: number[] = []
    for (const address of ['192.0.2.1', '192.0.2.2', '9.9.9.9, 192.0.2.1', '8.8.8.8, 192.0.2.1', '192.0.2.3']) {
      statuses.push((await ask(`${url}/y/notes`, from(address))).status)
    }
    expect(statuses).toEqual([101, 101, 429, 429, 101])
  })

  test('are one where it is not, and the operator is told so once', async () => {
    const { url, lines } = await startRelay({ clock: new TestClock(), limits })
    const statuses: number[] = []
    for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) {
      statuses.push((await ask(`${url}/y/notes`, from(address))).status)
    }
    expect(statuses).toEqual([101, 429, 429])
    expect(lines.filter(({ level, message }) => level === 'warn' && message.includes('--trust-proxy'))).toHaveLength(1)
  })

  test('are known by their address to whoever decides about access', async () => {
    const asked: string[] = []
    const { url } = await startRelay({
      trustProxy: 1,
      authorize: async ({ visitor }) => {
        asked.push(visitor.address)
        return { subject: 'ada', access: 'write', expiresAt: null }
      },
    })
    await ask(`${url}/y/notes`, from('1.2.3.4, 192.0.2.7'))
    await until('it to be asked', () => asked.length > 0)
    expect(asked).toEqual(['192.0.2.7'])
  })
})

describe('documents', () => {
  const limits = { addressOpensBurst: 2, addressOpensPerSecond: 1 }

  test('that are opened too fast wait for their turn; far too fast, they are refused with the time to wait', async () => {
    const clock = new TestClock()
    const { url, relay } = await startRelay({ clock, limits })
    const client = await NativeClient.connect(url)
    // in one frame: what was read is handled
    const opens = Array.from({ length: 15 }, (_, i) => ({ channel: i + 1, message: open(`d${i + 1}`) }))
    client.say(...opens.map((each) => ({ type: 'session', ...each }) as const))
    for (const channel of [1, 2]) await client.hears(channel, 'opened')
    for (const channel of [13, 14, 15]) {
      const { code, retry, retryMs } = await client.hears(channel, 'refused')
      expect([code, retry]).toEqual(['rate_limited', true])
      expect(retryMs).toBeGreaterThan(10_000)
      expect(retryMs).toBeLessThanOrEqual(11_000)
    }
    expect(client.on(3, 'opened')).toEqual([])
    expect(relay.stats()).toMatchObject({ sessions: 2, rateLimited: 3, throttles: 1, connections: 1 })
    clock.pass(1_000)
    await client.hears(3, 'opened')
    expect(client.on(4, 'opened')).toEqual([])
    // it is not read meanwhile, and hears that somebody is here
    client.say({ type: 'ping' })
    clock.pass(9_000)
    for (let channel = 4; channel <= 12; channel++) await client.hears(channel, 'opened')
    expect(client.heard.filter(({ type }) => type === 'pong').length).toBeGreaterThanOrEqual(4)
    expect(client.closed).toBeNull()
  })

  test('are opened in the end by our client, which comes back when it was told to', async () => {
    const { url, relay } = await startRelay({ limits: { addressOpensBurst: 2, addressOpensPerSecond: 20 } })
    const connection = connect(url)
    onTestFinished(() => connection.close())
    const handles = Array.from({ length: 30 }, (_, i) => connection.open(`d${i}`))
    await within('all to be synced', Promise.all(handles.map(({ synced }) => synced)))
    expect(relay.stats()).toMatchObject({ connections: 1, sessions: 30 })
  })

  test('of a subject wait as well, whatever its address, and those of another do not', async () => {
    const clock = new TestClock()
    const { url } = await startRelay({
      clock,
      limits: { subjectOpensBurst: 1, subjectOpensPerSecond: 1 },
      authorize: async ({ token }) => ({ subject: token!, access: 'write', expiresAt: null }),
    })
    const [ada, again, ben] = await Promise.all(['ada', 'ada', 'ben'].map((token) => NativeClient.connect(url, token)))
    ada!.ask(1, open('a'))
    await ada!.hears(1, 'opened')
    again!.ask(1, open('b'))
    ben!.ask(1, open('c'))
    await ben!.hears(1, 'opened')
    expect(again!.on(1, 'opened')).toEqual([])
    clock.pass(1_000)
    await again!.hears(1, 'opened')
  })

  test('through the dialects wait for their turn, and nobody is closed', async () => {
    const { url, relay } = await startRelay({ limits: { addressOpensBurst: 1, addressOpensPerSecond: 10 } })
    const { open: openDocument, closes } = connectHocuspocus(url)
    const ys = ['a', 'b', 'c'].map((name) => joinYWebsocket(url, name))
    const providers = ['d', 'e', 'f', 'g'].map((name) => openDocument(name).provider)
    await until('all to be synced', () => ys.every((y) => y.provider.synced) && providers.every((p) => p.isSynced))
    expect([closes, ...ys.map((y) => y.closes)]).toEqual([[], [], [], []])
    expect(relay.stats().rateLimited).toBe(0)
  })

  test('that would wait for too long through the dialects close the connection, which comes back', async () => {
    const clock = new TestClock()
    const { url, relay } = await startRelay({ clock, limits })
    const ys = Array.from({ length: 12 }, (_, i) => joinYWebsocket(url, `d${i}`))
    await until('two to be here, and ten to wait', () => relay.stats().connections === 12)
    const late = joinYWebsocket(url, 'late')
    await until('y-websocket to be sent away', () => late.closes.length > 0)
    expect(late.closes[0]).toMatchObject({ code: 4529, reason: expect.stringMatching(/^rate_limited/) })
    const { open: openDocument, closes } = connectHocuspocus(url)
    const { provider } = openDocument('late')
    await until('Hocuspocus to be sent away', () => closes.length > 0)
    expect(closes[0]).toMatchObject({ code: 4205, reason: expect.stringMatching(/^rate_limited/) })
    expect(ys.flatMap((y) => y.closes)).toEqual([])
    clock.pass(15_000)
    await until('all to be synced', () => [late, ...ys].every((y) => y.provider.synced) && provider.isSynced)
  })

  test('have so many sessions, of all protocols together', async () => {
    const { url, relay } = await startRelay({ limits: { documentSessionsMax: 2 } })
    const [a, b] = [await NativeClient.connect(url), await NativeClient.connect(url)]
    await a.open(1, 'notes')
    await a.open(2, 'notes')
    b.ask(1, open('notes'))
    const refused = await b.hears(1, 'refused')
    expect(refused).toMatchObject({ code: 'too_many_sessions', retry: true, retryMs: 30_000 })
    const y = joinYWebsocket(url, 'notes')
    await until('y to be closed', () => y.closes.length > 0)
    expect(y.closes[0]).toMatchObject({ code: 4510, reason: expect.stringMatching(/^too_many_sessions/) })
    y.provider.disconnect()
    const { open: openDocument, closes } = connectHocuspocus(url)
    const [denied, other] = [openDocument('notes'), openDocument('other')]
    await until('it to be denied', () => denied.denials.length > 0 && other.provider.isSynced)
    expect([denied.denials[0], closes]).toEqual([expect.stringMatching(/^too_many_sessions/), []])
    expect(relay.stats().rateLimited).toBeGreaterThanOrEqual(3)
    a.ask(2, { type: 'close' })
    await until('a place', () => relay.stats().sessions === 2)
    await b.open(2, 'notes')
  })

  test('have so many clients with a cursor; further ones are not shown, and nobody is closed', async () => {
    const { url } = await startRelay({ limits: { roomAwarenessClientsMax: 2 } })
    const ys = [joinYWebsocket(url, 'notes'), joinYWebsocket(url, 'notes'), joinYWebsocket(url, 'notes')]
    await until('all to be synced', () => ys.every((y) => y.provider.synced))
    for (const [i, { provider }] of ys.entries()) {
      provider.awareness.setLocalState({ name: `y${i}` })
      await until('it to be here', () => ys[0]!.provider.awareness.getStates().size >= Math.min(i + 1, 2))
    }
    const newcomer = joinYWebsocket(url, 'notes')
    const states = () => [...newcomer.provider.awareness.getStates().values()].map(({ name }) => name)
    await until('the newcomer to see two', () => states().filter((name) => name !== undefined).length === 2)
    expect(ys.flatMap((y) => y.closes)).toEqual([])
  })
})

describe('whoever sends too much', () => {
  const text = 'x'.repeat(1_000)

  test.each([
    ['messages', { addressMessagesBurst: 20, addressMessagesPerSecond: 100 }],
    ['bytes', { addressBytesBurst: 20_000, addressBytesPerSecond: 100_000 }],
    ['messages of a subject', { subjectMessagesBurst: 20, subjectMessagesPerSecond: 100 }],
    ['bytes of a subject', { subjectBytesBurst: 20_000, subjectBytesPerSecond: 100_000 }],
  ])('%s is held, by every protocol, and all of it is saved', async (_, limits) => {
    const authorize = async () => ({ subject: 'ada', access: 'write', expiresAt: null }) as const
    const { url, relay } = await startRelay({ limits, authorize })
    const native = await NativeClient.connect(url)
    const doc = new Y.Doc()
    await native.open(1, 'native', doc)
    for (let seq = 2; seq <= 61; seq++) native.ask(1, update(seq, typed(doc, text)))
    const y = joinYWebsocket(url, 'y')
    await until('y to be synced', () => y.provider.synced)
    const hocuspocus = connectHocuspocus(url)
    const provider = hocuspocus.open('h')
    await until('the provider to be synced', () => provider.provider.isSynced)
    for (let i = 0; i < 60; i++) {
      y.text.insert(0, text)
      provider.text.insert(0, text)
    }
    await until('all to be acknowledged', () => native.on(1, 'ack').some(({ seq }) => seq === 61))
    await until('all to be saved', () => !provider.provider.hasUnsyncedChanges)
    // nothing is acknowledged to a y-websocket client
    await until('all of y to be read', async () => (await read(url, 'y')).length === 60_000)
    expect(relay.stats().throttles).toBeGreaterThan(0)
    expect([native.closed, y.closes, hocuspocus.closes]).toEqual([null, [], []])
    for (const name of ['native', 'h']) expect((await read(url, name)).length).toBe(60_000)
  })

  test('is alone with that: others are answered at once', async () => {
    const limits = { subjectMessagesBurst: 5, subjectMessagesPerSecond: 1 }
    const clock = new TestClock()
    const { url, relay } = await startRelay({
      clock,
      limits,
      authorize: async ({ token }) => ({ subject: token!, access: 'write', expiresAt: null }),
    })
    const [flooder, bystander] = [await NativeClient.connect(url, 'eve'), await NativeClient.connect(url, 'ada')]
    const doc = new Y.Doc()
    await flooder.open(1, 'flood', doc)
    await bystander.open(1, 'notes')
    for (let seq = 2; seq < 500; seq++) flooder.ask(1, update(seq, typed(doc, 'x')))
    await until('it to be held', () => relay.stats().throttles > 0)
    bystander.ask(1, update(2, typed(new Y.Doc(), 'undisturbed')))
    await bystander.hears(1, 'ack', 2)
    expect(relay.stats().connections).toBe(2)
  })

  test('is not held for longer than some seconds when the clock is set back', async () => {
    let setBack = 0
    const clock = new TestClock()
    const moved = { now: () => clock.now() - setBack, after: clock.after }
    const { url } = await startRelay({
      clock: moved,
      limits: { addressBytesBurst: 1_000, addressBytesPerSecond: 1_000 },
    })
    const client = await NativeClient.connect(url)
    const doc = new Y.Doc()
    await client.open(1, 'notes', doc)
    client.ask(1, update(2, typed(doc, 'x'.repeat(3_000))))
    await client.hears(1, 'ack', 2)
    setBack = 3_600_000
    client.ask(1, update(3, typed(doc, 'more')))
    clock.pass(10_100)
    await client.hears(1, 'ack', 3)
    clock.pass(10_100)
    client.ask(1, update(4, typed(doc, 'and more')))
    await client.hears(1, 'ack', 4)
  })
})

describe('full exchanges', () => {
  const limits = { sessionExchangeBytesBurst: 250_000, sessionExchangeBytesPerSecond: 100_000 }

  async function withDocument(clock: TestClock) {
    const world = await startRelay({ clock, limits })
    const author = await NativeClient.connect(world.url)
    const doc = new Y.Doc()
    typed(doc, 'x'.repeat(100_000))
    await author.open(1, 'notes', doc)
    return world
  }

  test('cost what the document weighs: they wait, and are answered', async () => {
    const clock = new TestClock()
    const { url, relay } = await withDocument(clock)
    const client = await NativeClient.connect(url)
    client.ask(1, open('notes'))
    await client.hears(1, 'synced')
    client.ask(1, { type: 'exchange', stateVector: emptyStateVector })
    await client.hears(1, 'synced', 2)
    client.ask(1, { type: 'exchange', stateVector: emptyStateVector })
    await until('it to be held', () => relay.stats().throttles > 0)
    expect(client.on(1, 'synced')).toHaveLength(2)
    clock.pass(1_000)
    await client.hears(1, 'synced', 3)
    expect(client.closed).toBeNull()
  })

  test('of y-websocket wait as well', async () => {
    const clock = new TestClock()
    const { url, relay } = await withDocument(clock)
    const { socket } = await ask(`${url}/y/notes`)
    let bytes = 0
    socket.on('message', (data: Buffer) => {
      bytes += data.length
    })
    // as fast as a socket takes it: three bytes ask for a hundred thousand
    for (let i = 0; i < 100; i++) socket.send(Uint8Array.of(0, 0, 1, 0))
    await until('it to be held', () => relay.stats().throttles > 0 && bytes > 100_000)
    clock.pass(3_000)
    await until('more to be sent', () => bytes > 300_000)
    expect(bytes).toBeLessThan(700_000)
  })
})

describe('a Hocuspocus socket', () => {
  test('that asks for nothing is closed after 10 s', async () => {
    const clock = new TestClock()
    const { url } = await startRelay({ clock })
    const { socket } = await ask(`${url}/hocuspocus`)
    let closed = 0
    socket.on('close', (code) => {
      closed = code
    })
    clock.pass(9_999)
    expect(closed).toBe(0)
    clock.pass(2)
    await until('it to be closed', () => closed === 4408)
  })

  test('that is let into no document is closed after 60 s, one that was let into one is not', async () => {
    const clock = new TestClock()
    const { url, relay } = await startRelay({
      clock,
      authorize: async ({ document }) => {
        const { SynclineError } = await import('@syncline/protocol')
        if (document === 'secret') throw new SynclineError('forbidden')
        return { subject: 'ada', access: 'write', expiresAt: null }
      },
    })
    const [stranger, guest] = [connectHocuspocus(url), connectHocuspocus(url)]
    const denied = stranger.open('secret')
    const { provider } = guest.open('notes')
    await until('both to be answered', () => denied.denials.length === 1 && provider.isSynced)
    expect(relay.stats()).toMatchObject({ authFailures: 1, refusedByCode: { forbidden: 1 } })
    clock.pass(15_000)
    await until('both to be here', () => relay.stats().connections === 2)
    stranger.socket.shouldConnect = false
    for (let i = 0; i < 13; i++) {
      clock.pass(3_500)
      await new Promise((resolve) => setTimeout(resolve, 20)) // for the pongs
    }
    await until('the stranger to be closed', () => stranger.closes.length === 1)
    expect(stranger.closes[0]?.code).toBe(4408)
    expect(guest.closes).toEqual([])
  })
})

/** What an embedder may put between a socket and the relay: it counts no bytes. */
class Tunnel extends Duplex {
  readonly #below: Duplex

  constructor(below: Duplex) {
    super()
    this.#below = below
    below.on('data', (bytes) => {
      if (!this.push(bytes)) below.pause()
    })
    below.on('end', () => this.push(null))
    below.on('error', (error) => this.destroy(error))
    below.on('close', () => this.destroy())
  }

  override _read(): void {
    this.#below.resume()
  }

  override _write(bytes: Uint8Array, _encoding: string, done: () => void): void {
    this.#below.write(bytes, () => done())
  }

  override _final(done: () => void): void {
    this.#below.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#below.destroy()
    done(error)
  }
}

describe('a stream that is no socket', () => {
  async function start() {
    const clock = new TestClock()
    const relay = new Relay(new MemoryLog(), { clock })
    const server = createServer()
    server.on('upgrade', (request: IncomingMessage, socket, head) => {
      relay.handleUpgrade(request, new Tunnel(socket), head)
    })
    const url = await listen(server)
    onTestFinished(async () => {
      await relay.close()
      server.close()
    })
    return { clock, relay, url }
  }

  test('carries all protocols, and what goes out goes through it', async () => {
    const { url } = await start()
    const y = joinYWebsocket(url, 'notes')
    const { text } = connectHocuspocus(url).open('notes')
    const native = await NativeClient.connect(url)
    await native.open(1, 'notes')
    y.text.insert(0, 'x'.repeat(300_000))
    await until('all to see it', () => text.length === 300_000 && native.on(1, 'update').length > 0)
  })

  test('whose peer says nothing any more is found', async () => {
    const { clock, relay, url } = await start()
    const socket = connectTcp(Number(new URL(url).port), '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13'
    socket.write(`GET /y/notes HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n\r\n`)
    socket.resume()
    const y = joinYWebsocket(url, 'notes')
    await until('both to be here', () => relay.stats().sessions === 2 && y.provider.synced)
    for (let seconds = 0; seconds < 20; seconds += 5) {
      clock.pass(5_000)
      await new Promise((resolve) => setTimeout(resolve, 30)) // for the pongs of the other
    }
    await until('it to be gone', () => relay.stats().connections === 1)
    expect(y.closes).toEqual([])
  })
})
