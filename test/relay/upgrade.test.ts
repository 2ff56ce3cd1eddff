import { createServer } from 'node:http'
import { connect as connectTcp } from 'node:net'
import { subprotocol } from '@syncline/protocol'
import { MemoryLog, Relay } from '@syncline/server'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import * as Y from 'yjs'
import { until, within } from '../support/until.js'
import { joinYWebsocket, listen, NativeClient, read, startRelay, typed } from './support.js'

interface Answer {
  readonly status: number
  readonly body: { readonly error: { readonly code: string; readonly reason: string } } | null
}

/** Asks for a WebSocket; status 101 where it is given. */
function upgrade(url: string, protocols: string[] = [], headers: Record<string, string> = {}): Promise<Answer> {
  const socket = new WebSocket(url, protocols, { headers })
  const answer = new Promise<Answer>((resolve, reject) => {
    socket.on('open', () => resolve({ status: 101, body: null }))
    socket.on('error', reject)
    socket.on('unexpected-response', (_request, response) => {
      let text = ''
      response.on('data', (bytes) => {
        text += bytes
      })
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: text === '' ? null : JSON.parse(text) }),
      )
    })
  })
  return within('an answer', answer).finally(() => socket.terminate())
}

describe('an upgrade', () => {
  test.each([
    ['/', 404, 'not_found'],
    ['/synchronous', 404, 'not_found'],
    ['/sync/', 404, 'not_found'],
    ['/y', 404, 'not_found'],
    ['/y/', 400, 'invalid_name'],
    ['/y/%zz', 400, 'invalid_name'],
    ['/y/a%00b', 400, 'invalid_name'],
    ['/y/e%CC%81', 400, 'invalid_name'],
    ['/y/%ff', 400, 'invalid_name'],
    [`/y/${'x'.repeat(513)}`, 400, 'invalid_name'],
    ['/sync', 400, 'unsupported_version'],
  ])('of %s is answered with %i %s', async (path, status, code) => {
    const { url } = await startRelay()
    const answer = await upgrade(url + path)
    expect(answer.status).toBe(status)
    expect(answer.body?.error.code).toBe(code)
    expect(answer.body?.error.reason.length).toBeGreaterThan(10)
  })

  test('needs the subprotocol of this version, among others perhaps', async () => {
    const { url } = await startRelay()
    expect(await upgrade(`${url}/sync`, ['syncline.99'])).toMatchObject({
      status: 400,
      body: { error: { code: 'unsupported_version', reason: expect.stringContaining(subprotocol) } },
    })
    expect((await upgrade(`${url}/sync`, ['syncline.99', subprotocol])).status).toBe(101)
  })

  test.each<[string, Record<string, string>, string[], number]>([
    ['no origin: no browser', {}, [], 101],
    ['the same host', { Origin: 'http://app.test', Host: 'app.test' }, [], 101],
    ['the same host behind a proxy that ends TLS', { Origin: 'https://app.test', Host: 'app.test:443' }, [], 101],
    ['another host', { Origin: 'https://evil.test', Host: 'app.test' }, [], 403],
    ['another port', { Origin: 'http://app.test:5173', Host: 'app.test' }, [], 403],
    ['a page without an origin', { Origin: 'null' }, [], 403],
    ['nonsense', { Origin: '🙂' }, [], 403],
    ['one that is allowed by name', { Origin: 'http://app.test:5173' }, ['http://app.test:5173'], 101],
    ['one that looks like it', { Origin: 'http://app.test:5173.evil.test' }, ['http://app.test:5173'], 403],
    ['anyone, where all are allowed', { Origin: 'https://evil.test' }, ['*'], 101],
  ])('from %s', async (_, headers, allowOrigins, status) => {
    const { url } = await startRelay({ allowOrigins })
    const encoded = Object.fromEntries(Object.entries(headers).map(([key, value]) => [key, encodeHeader(value)]))
    for (const answer of [
      await upgrade(`${url}/sync`, [subprotocol], encoded),
      await upgrade(`${url}/y/notes`, [], encoded),
    ]) {
      expect(answer.status).toBe(status)
      if (status === 403) expect(answer.body?.error.code).toBe('forbidden_origin')
    }
  })

  test('that is refused shows nothing of its query in the log', async () => {
    const { url, lines } = await startRelay()
    await upgrade(`${url}/y/%zz?token=secret`)
    await upgrade(`${url}/y/notes?token=secret`, [], { Origin: 'https://evil.test/?token=secret' })
    expect(lines.length).toBeGreaterThan(0)
    expect(JSON.stringify(lines)).not.toContain('secret')
  })

  test('of a peer that is gone before it is answered harms nobody', async () => {
    const { relay, url } = await startRelay()
    const { port } = new URL(url)
    for (const path of ['/nowhere', '/sync', '/y/notes']) {
      const socket = connectTcp(Number(port), '127.0.0.1')
      const seen = () => relay.stats().refused + relay.stats().connections
      const before = seen()
      const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13'
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n\r\n`)
      await until(`the upgrade of ${path}`, () => seen() > before)
      socket.resetAndDestroy()
    }
    expect(await read(url, 'notes')).toBe('')
  })
})

// ws sends header values as latin1
function encodeHeader(value: string): string {
  return Buffer.from(value).toString('latin1')
}

describe('an application with a server of its own', () => {
  test('attaches a relay, and goes on serving its own requests', async () => {
    const { url } = await startRelay()
    const response = await fetch(url.replace('ws:', 'http:'))
    expect(await response.text()).toBe('of the application')
    const a = joinYWebsocket(url, 'notes')
    await until('a to be synced', () => a.provider.synced)
  })

  test('keeps its own WebSockets', async () => {
    const { url, server } = await startRelay()
    const own = new WebSocketServer({ noServer: true })
    server.on('upgrade', (request, socket, head) => {
      if (request.url === '/chat') own.handleUpgrade(request, socket, head, (socket) => socket.send('hello'))
    })
    const chat = new WebSocket(`${url}/chat`)
    const [message] = await within(
      'the chat',
      new Promise<[Buffer]>((resolve) => chat.on('message', (data) => resolve([data as Buffer]))),
    )
    expect(message.toString()).toBe('hello')
    chat.terminate()
    expect((await upgrade(`${url}/y/notes`)).status).toBe(101)
  })

  test('may route upgrades itself, to a path of its own', async () => {
    const relay = new Relay(new MemoryLog())
    const server = createServer()
    server.on('upgrade', (request, socket, head) => {
      const { url = '' } = request
      if (url.startsWith('/collaboration/')) {
        request.url = url.slice('/collaboration'.length)
        if (relay.handleUpgrade(request, socket, head)) return
      }
      socket.destroy()
    })
    const url = await listen(server)
    onTestFinished(async () => {
      await relay.close()
      server.close()
    })
    const a = joinYWebsocket(`${url}/collaboration`, 'notes')
    await until('a to be synced', () => a.provider.synced)
    await expect(upgrade(`${url}/y/notes`)).rejects.toThrow()
    await expect(upgrade(`${url}/collaboration/other`)).rejects.toThrow()
  })

  test('may serve one relay on two servers', async () => {
    const { url, relay } = await startRelay()
    const second = createServer()
    relay.attach(second)
    const secondUrl = await listen(second)
    onTestFinished(() => void second.close())
    const [a, b] = [joinYWebsocket(url, 'notes'), joinYWebsocket(secondUrl, 'notes')]
    a.text.insert(0, 'x')
    await until('b to see it', () => b.text.toString() === 'x')
  })

  test('is told at once of an option that makes no sense', () => {
    expect(() => new Relay(new MemoryLog(), { allowOrigins: ['app.test'] })).toThrow(/no origin/)
    expect(() => new Relay(new MemoryLog(), { limits: { frameBytesMax: -1 } })).toThrow(/limits.frameBytesMax/)
    expect(() => new Relay(new MemoryLog(), { limits: { frames: 1 } as object })).toThrow(/limits.frames/)
  })
})

describe('a relay that stops', () => {
  test('tells its clients, commits and acknowledges what is in flight, and goes away', async () => {
    const { url, relay, log } = await startRelay()
    const client = await NativeClient.connect(url)
    const y = joinYWebsocket(url, 'notes')
    await client.open(1, 'notes')
    await until('y to be synced', () => y.provider.synced)
    log.hold()
    const commits = log.commits
    client.ask(1, { type: 'update', seq: 2, answer: false, update: typed(new Y.Doc(), 'last words') })
    await until('the commit to begin', () => log.commits > commits)
    const closed = relay.close()
    await until('the announcement', () => client.heard.some(({ type }) => type === 'leaving'))
    expect(client.on(1, 'ack')).toHaveLength(1)
    expect((await upgrade(`${url}/y/notes`)).status).toBe(503)
    client.ask(1, { type: 'update', seq: 3, answer: false, update: typed(new Y.Doc(), 'too late') })
    y.provider.shouldConnect = false
    log.release()
    await within('the end', closed)
    expect((await client.isClosed()).code).toBe(1001)
    expect(client.on(1, 'ack').map(({ seq }) => seq)).toEqual([1, 2])
    await until('y to be told', () => y.closes.length === 1)
    expect(y.closes[0]?.code).toBe(1001)
    expect(y.text.toString()).toBe('last words')
    expect((await log.list())[0]?.position).toBe(1)
    expect(log.isClosed).toBe(true)
    expect(relay.stats()).toMatchObject({ connections: 0, sessions: 0, rooms: 0 })
  })

  test('does not wait for a client that does not go', async () => {
    const { url, relay } = await startRelay()
    const client = await NativeClient.connect(url)
    client.socket.pause()
    await within('the end', relay.close(), 10_000)
    expect(relay.stats().connections).toBe(0)
  })
})
