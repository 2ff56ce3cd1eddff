import { Agent, createServer, request } from 'node:http'
import { defaultLimits, encodeClientMessage, packFrames } from '@syncline/protocol'
import type { RelayOptions } from '@syncline/server'
import { describe, expect, onTestFinished, test } from 'vitest'
import * as Y from 'yjs'
import { boundPipelining } from '../../packages/server/src/pipelining.js'
import { until, within } from '../support/until.js'
import { HttpTestSocket, post } from './httpSocket.js'
import { listen, startRelay, TestClock, typed } from './support.js'

/** A frame as a client sends it. */
function frame(...messages: Parameters<typeof encodeClientMessage>[0][]): Uint8Array {
  const encoded = messages.flatMap((message) => encodeClientMessage(message, defaultLimits.frameBytesMax))
  return packFrames(encoded, defaultLimits.frameBytesMax)[0]!
}

const hello = frame({ type: 'hello', versions: [1], agent: 'test', token: null })
const ping = frame({ type: 'ping' })

/** A relay, and a stream that is open. */
async function listening(options: RelayOptions = {}) {
  const started = await startRelay(options)
  const url = started.url.replace('ws', 'http')
  return { ...started, url, open: () => openStream(url) }
}

async function openStream(url: string) {
  const socket = new HttpTestSocket(url)
  onTestFinished(() => socket.terminate())
  let frames = 0
  let closed: { readonly code: number; readonly reason: string } | null = null
  socket.on('message', () => frames++)
  socket.on('error', () => {})
  socket.on('close', (code: number, reason: Buffer) => {
    closed = { code, reason: reason.toString() }
  })
  await until('the stream', () => socket.readyState !== 0)
  const send = (sequence: unknown, body: Uint8Array, session = socket.session) => {
    return post(`${url}/sync/send`, { 'Syncline-Session': session, 'Syncline-Sequence': String(sequence) }, body)
  }
  return { socket, send, frames: () => frames, closed: () => closed }
}

describe('what comes up', () => {
  test('is taken once and in its turn, however often it is sent', async () => {
    const { open, relay } = await listening()
    const { send, frames, closed } = await open()
    expect((await send(1, hello)).status).toBe(204)
    await until('the welcome', () => frames() === 1)
    // a second hello would end the connection
    for (let i = 0; i < 3; i++) expect((await send(1, hello)).status).toBe(204)
    const doc = new Y.Doc()
    const open1 = { type: 'open', name: 'notes', resume: null, stateVector: Uint8Array.of(0) } as const
    expect((await send(2, frame({ type: 'session', channel: 1, message: open1 }))).status).toBe(204)
    await until('the document', () => relay.stats().sessions === 1)
    const update = frame({
      type: 'session',
      channel: 1,
      message: { type: 'update', seq: 1, answer: true, update: typed(doc, 'once') },
    })
    const answers = await Promise.all([send(3, update), send(3, update), send(3, update)])
    expect(answers.map(({ status }) => status)).toEqual([204, 204, 204])
    expect((await send(2, ping)).status).toBe(204)
    expect((await send(4, ping)).status).toBe(204)
    expect(relay.stats()).toMatchObject({ updates: 1, refusedByCode: {} })
    expect(closed()).toBeNull()
  })

  test.each<[string, unknown, Uint8Array, number, string, number | null]>([
    ['a number that leaves one out', 3, ping, 400, 'protocol_violation', 4400],
    ['no number', '', ping, 400, 'invalid_request', null],
    ['a number below 1', 0, ping, 400, 'invalid_request', null],
    ['a number that is none', '1e99', ping, 400, 'invalid_request', null],
    ['nothing', 2, new Uint8Array(), 400, 'protocol_violation', 4400],
    ['a byte more than a frame may have', 2, new Uint8Array(2 ** 20 + 1), 413, 'body_too_large', 1009],
  ])('is refused with %s', async (_, sequence, body, status, code, closes) => {
    const { open } = await listening()
    const [bad, good] = [await open(), await open()]
    for (const { send } of [bad, good]) await send(1, hello)
    expect(await bad.send(sequence, body)).toMatchObject({ status, code })
    if (closes === null) expect((await bad.send(2, ping)).status).toBe(204)
    else await until('the end', () => bad.closed()?.code === closes, { seen: bad.closed })
    expect((await good.send(2, ping)).status).toBe(204)
    await until('the pong', () => good.frames() === 2)
  })

  test('of as many bytes as a frame may have is taken', async () => {
    const { open } = await listening()
    const { send, closed } = await open()
    await send(1, hello)
    const pings = new Uint8Array(2 ** 20).fill(0)
    for (let at = 0; at + 3 <= pings.length; at += 3) pings.set(ping, at)
    expect((await send(2, pings.subarray(0, pings.length - (pings.length % 3)))).status).toBe(204)
    expect(closed()).toBeNull()
  })

  test('needs the secret, which nobody guesses', async () => {
    const clock = new TestClock()
    const { open, url } = await listening({ clock, limits: { addressOpensBurst: 20, addressOpensPerSecond: 1 } })
    const { socket, send } = await open()
    expect(Buffer.from(socket.session, 'base64url')).toHaveLength(24)
    expect(await send(1, hello, '')).toMatchObject({ status: 404, code: 'no_session' })
    const wrong = `${socket.session.slice(0, -1)}${socket.session.endsWith('A') ? 'B' : 'A'}`
    expect(await send(1, hello, wrong)).toMatchObject({ status: 404, code: 'no_session' })
    const guesses = await Promise.all(Array.from({ length: 30 }, (_, i) => send(1, hello, `guess ${i}`)))
    expect(guesses.at(-1)).toMatchObject({ status: 429, code: 'rate_limited', headers: { 'retry-after': '1' } })
    expect((await send(1, hello)).status).toBe(204)
    expect((await fetch(`${url}/sync/send`)).status).toBe(405)
    expect((await fetch(`${url}/sync/events`, { method: 'PUT' })).status).toBe(405)
    // a client asks so before it comes this way
    expect((await fetch(`${url}/sync/events`)).status).toBe(204)
  })

  test('is not taken any more once the stream has ended', async () => {
    const { open, relay } = await listening()
    const { socket, send } = await open()
    await send(1, hello)
    socket.terminate()
    await until('the relay to notice', () => relay.stats().connections === 0)
    expect(await send(2, ping)).toMatchObject({ status: 404, code: 'no_session' })
  })

  test('waits where more comes than is taken, and no more than some of it', async () => {
    const clock = new TestClock()
    const { open, relay } = await listening({
      clock,
      limits: { addressMessagesBurst: 1_000, addressMessagesPerSecond: 100 },
    })
    const { send, closed } = await open()
    await send(1, hello)
    const pings = (count: number) => Buffer.concat(Array.from({ length: count }, () => ping))
    expect((await send(2, pings(1_300))).status).toBe(204)
    // it takes turns with others: some of them may be looked at later
    await until('it to be held', () => relay.stats().throttles === 1)
    // four wait, and one is too many
    const statuses: number[] = []
    const waiting = Array.from({ length: 5 }, () => send(3, ping).then(({ status }) => statuses.push(status)))
    await until('an answer', () => statuses.length > 0)
    expect(statuses).toEqual([429])
    clock.pass(10_000)
    await within('the answers', Promise.all(waiting))
    expect(statuses).toEqual([429, 204, 204, 204, 204])
    expect(closed()).toBeNull()
  })

  test('again and again is paid for', async () => {
    const limits = { addressBytesBurst: 2 ** 20, addressBytesPerSecond: 2 ** 20 }
    const { open } = await listening({ clock: new TestClock(), limits })
    const { send } = await open()
    await send(1, hello)
    const large = new Uint8Array(2 ** 20)
    const statuses: number[] = []
    for (let i = 0; i < 20; i++) statuses.push((await send(1, large)).status)
    expect(statuses[0]).toBe(204)
    expect(statuses.at(-1)).toBe(429)
  })

  test('has a minute to come', async () => {
    const clock = new TestClock()
    const { open, url } = await listening({ clock })
    const { socket, send, closed } = await open()
    await send(1, hello)
    let failed = false
    const slow = request(`${url}/sync/send`, {
      method: 'POST',
      headers: { 'Syncline-Session': socket.session, 'Syncline-Sequence': '2', 'Content-Length': '3' },
    })
    slow.on('error', () => {
      failed = true
    })
    slow.write(ping.subarray(0, 1))
    await until('the relay to read it', async () => (await send(1, hello)).status === 204)
    clock.pass(4_999)
    expect(failed).toBe(false)
    // the others know that it is there
    for (let seconds = 5; seconds <= 65; seconds += 5) {
      expect((await send(1, hello)).status).toBe(204)
      clock.pass(5_000)
    }
    await until('it to be given up', () => failed)
    expect(closed()).toBeNull()
    expect((await send(2, ping)).status).toBe(204)
  })
})

describe('streams', () => {
  test('are counted and rationed as WebSockets are', async () => {
    const clock = new TestClock()
    const { open, url, relay } = await listening({ clock, limits: { addressConnectionsMax: 2 } })
    await open()
    const second = await open()
    expect(await post(`${url}/sync/events`, {}, new Uint8Array())).toMatchObject({
      status: 429,
      code: 'too_many_connections',
    })
    second.socket.terminate()
    await until('one to be gone', () => relay.stats().connections === 1)
    await open()
  })

  test('by the hundred are refused beyond the rate, and all are gone when nobody is there', async () => {
    const clock = new TestClock()
    const { url, relay } = await listening({
      clock,
      limits: { addressConnectionsBurst: 200, addressConnectionsPerSecond: 1 },
    })
    const agent = new Agent({ maxSockets: 100 })
    onTestFinished(() => agent.destroy())
    const statuses = await Promise.all(Array.from({ length: 400 }, () => statusOfStream(url, agent)))
    const opened = statuses.filter((status) => status === 200).length
    // and one more for each second that this takes
    expect(opened).toBeGreaterThanOrEqual(200)
    expect(opened).toBeLessThan(250)
    expect(statuses.filter((status) => status === 429)).toHaveLength(400 - opened)
    await until('them to be gone', () => relay.stats().connections === 0)
  })

  test('say that they are events, which nobody keeps or gathers', async () => {
    const { url } = await listening()
    const gone = new AbortController()
    onTestFinished(() => gone.abort())
    const response = await fetch(`${url}/sync/events`, { method: 'POST', signal: gone.signal })
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    })
  })

  test('are opened by pages of this origin and allowed ones', async () => {
    const { url } = await listening({ allowOrigins: ['https://app.example.com'] })
    const asked = (method: string, origin: string) => fetch(`${url}/sync/send`, { method, headers: { origin } })
    const refused = await asked('POST', 'https://evil.example.com')
    expect(refused.status).toBe(403)
    expect(refused.headers.get('access-control-allow-origin')).toBeNull()
    expect(await refused.json()).toMatchObject({ error: { code: 'forbidden_origin' } })
    const preflight = await asked('OPTIONS', 'https://app.example.com')
    expect(preflight.status).toBe(204)
    expect(Object.fromEntries(preflight.headers)).toMatchObject({
      'access-control-allow-origin': 'https://app.example.com',
      'access-control-allow-credentials': 'true',
      'access-control-allow-headers': 'Content-Type, Syncline-Session, Syncline-Sequence',
      vary: 'Origin',
    })
    expect((await asked('OPTIONS', 'https://evil.example.com')).status).toBe(403)
    expect((await asked('GET', url)).status).toBe(405)
  })

  test('other requests of the server are its application’s, also when the relay has gone', async () => {
    const { url, relay } = await listening()
    expect(await (await fetch(`${url}/page`)).text()).toBe('of the application')
    await relay.close()
    expect(await (await fetch(`${url}/page`)).text()).toBe('of the application')
  })

  test('are answered once when the relay has gone, also where another listener is around its own', async () => {
    let answers = 0
    const server = createServer((_request, response) => {
      answers++
      response.end('of the application')
    })
    const { relay } = await startRelay()
    relay.attach(server)
    boundPipelining(server)
    const url = (await listen(server)).replace('ws', 'http')
    onTestFinished(() => void server.close())
    await relay.close()
    expect(await (await fetch(`${url}/page`)).text()).toBe('of the application')
    expect(answers).toBe(1)
  })
})

/** Opens a stream and leaves it. */
function statusOfStream(url: string, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(`${url}/sync/events`, { method: 'POST', agent }, (response) => {
      resolve(response.statusCode!)
      asked.destroy()
    })
    asked.on('error', reject)
    asked.end()
  })
}
