import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type Append,
  type BaseReplacement,
  type Channel,
  type ClientMessage,
  defaultLimits,
  encodeClientMessage,
  type Log,
  packFrames,
  type RelayMessage,
  RelayMessageReader,
  type SessionReply,
  type SessionRequest,
  type StoredDocument,
  SynclineError,
  subprotocol,
} from '@syncline/protocol'
import {
  type Clock,
  type LogFields,
  type Logger,
  MemoryLog,
  Relay,
  type RelayOptions,
  systemClock,
} from '@syncline/server'
import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as version1 from 'y-websocket-1'
import * as version2 from 'y-websocket-2'
import * as Y from 'yjs'
import { until } from '../support/until.js'
import type { TestSocket } from './httpSocket.js'

const frameBytesMax = defaultLimits.frameBytesMax
const emptyStateVector = Uint8Array.of(0)

const soonMs = 1_000

/** Time in which what takes a second or more waits until the test says that it has passed. */
export class TestClock implements Clock {
  #passed = 0
  readonly #timers = new Set<{ readonly at: number; readonly call: () => void }>()

  readonly now = () => Date.now() + this.#passed

  readonly after = (ms: number, call: () => void) => {
    if (ms < soonMs) return systemClock.after(ms, call)
    const timer = { at: this.#passed + ms, call }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  pass(ms: number): void {
    const end = this.#passed + ms
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
      if (next === undefined) break
      this.#passed = next.at
      this.#timers.delete(next)
      next.call()
    }
    this.#passed = end
  }
}

/** A log in memory whose reads and commits wait or fail where the test says so. */
export class TestLog implements Log {
  readonly kept: MemoryLog
  readonly reads: string[] = []
  commits = 0
  readFault: Error | null = null
  commitFault: Error | null = null
  isClosed = false
  #held: (() => void)[] | null = null

  constructor(kept = new MemoryLog()) {
    this.kept = kept
  }

  /** From now on reads and commits wait. */
  hold(): void {
    this.#held ??= []
  }

  release(): void {
    const held = this.#held ?? []
    this.#held = null
    for (const go of held) go()
  }

  async read(document: string): Promise<StoredDocument | null> {
    this.reads.push(document)
    await this.#gate()
    if (this.readFault) throw this.readFault
    return this.kept.read(document)
  }

  async commit(appends: readonly Append[]): Promise<void> {
    this.commits++
    await this.#gate()
    if (this.commitFault) throw this.commitFault
    return this.kept.commit(appends)
  }

  async replaceBase(document: string, replacement: BaseReplacement): Promise<boolean> {
    await this.#gate()
    if (this.commitFault) throw this.commitFault
    return this.kept.replaceBase(document, replacement)
  }

  async remove(document: string, time: number): Promise<boolean> {
    await this.#gate()
    if (this.commitFault) throw this.commitFault
    return this.kept.remove(document, time)
  }

  create(document: string, epoch: string): Promise<boolean> {
    return this.kept.create(document, epoch)
  }

  history(document: string, options?: Parameters<Log['history']>[1]) {
    return this.kept.history(document, options)
  }

  list(options?: Parameters<Log['list']>[0]) {
    return this.kept.list(options)
  }

  /** The documents stay, as on a disk. */
  async close(): Promise<void> {
    this.isClosed = true
  }

  async #gate(): Promise<void> {
    if (this.isClosed) throw new SynclineError('closed')
    if (this.#held) await new Promise<void>((go) => this.#held?.push(go))
  }
}

/** A relay within the test's process, on a port of its own. */
export interface TestRelay {
  readonly relay: Relay
  readonly server: Server
  readonly log: TestLog
  /** such as `ws://127.0.0.1:4321` */
  readonly url: string
  readonly lines: readonly { readonly level: string; readonly fields: LogFields; readonly message: string }[]
}

/** Starts a relay that ends with the test. */
export async function startRelay(options: RelayOptions = {}, log = new TestLog(), port = 0): Promise<TestRelay> {
  const lines: { level: string; fields: LogFields; message: string }[] = []
  const at = (level: string) => (fields: LogFields, message: string) => void lines.push({ level, fields, message })
  const logger: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  const relay = new Relay(log, { logger, ...options })
  const server = createServer((_request, response) => response.end('of the application'))
  relay.attach(server)
  const url = await listen(server, port)
  onTestFinished(async () => {
    log.release()
    await relay.close()
    server.closeAllConnections()
    server.close()
  })
  return { relay, server, log, url, lines }
}

/** Listens on a free port, or a given one; returns its URL for WebSockets. */
export async function listen(server: Server, port = 0): Promise<string> {
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A client of protocol 1 that says what the test says, and notes what it hears. */
export class NativeClient {
  /** what carries it; the tests of another transport put theirs in its place */
  static openSocket = (url: string): TestSocket => new WebSocket(`${url}/sync`, subprotocol)
  readonly socket: TestSocket
  readonly heard: RelayMessage[] = []
  frames = 0
  closed: { readonly code: number; readonly reason: string } | null = null
  readonly #reader = new RelayMessageReader(defaultLimits)

  constructor(url: string) {
    this.socket = NativeClient.openSocket(url)
    this.socket.on('message', (data: Buffer) => this.#hear(new Uint8Array(data)))
    this.socket.on('close', (code: number, reason: Buffer) => {
      this.closed = { code, reason: reason.toString() }
    })
    this.socket.on('error', () => {})
    onTestFinished(() => this.socket.terminate())
  }

  /** Connects, and says hello. */
  static async connect(url: string, token: string | null = null): Promise<NativeClient> {
    const client = new NativeClient(url)
    await client.isOpen()
    client.say({ type: 'hello', versions: [1], agent: 'test', token })
    await until('the welcome', () => client.heard.some(({ type }) => type === 'welcome'))
    return client
  }

  isOpen(): Promise<void> {
    return until('the socket to open', () => this.socket.readyState === WebSocket.OPEN)
  }

  /** Sends messages in one frame. */
  say(...messages: ClientMessage[]): void {
    const encoded = messages.flatMap((message) => encodeClientMessage(message, frameBytesMax))
    for (const frame of packFrames(encoded, frameBytesMax)) this.socket.send(frame)
  }

  ask(channel: Channel, ...requests: SessionRequest[]): void {
    this.say(...requests.map((message): ClientMessage => ({ type: 'session', channel, message })))
  }

  /** Opens a document, answers what the relay asks for, and waits until it is synced. */
  async open(channel: Channel, name: string, doc = new Y.Doc()): Promise<void> {
    const [opens, syncs, acks] = (['opened', 'synced', 'ack'] as const).map((type) => this.on(channel, type).length + 1)
    this.ask(channel, { type: 'open', name, resume: null, stateVector: Y.encodeStateVector(doc) })
    const opened = await this.hears(channel, 'opened', opens)
    const update = Y.encodeStateAsUpdate(doc, opened.stateVector ?? emptyStateVector)
    this.ask(channel, { type: 'update', seq: 1, answer: true, update })
    await this.hears(channel, 'synced', syncs)
    await this.hears(channel, 'ack', acks)
  }

  /** All replies on a channel of one type, so far. */
  on<Type extends SessionReply['type']>(channel: Channel, type: Type): Extract<SessionReply, { type: Type }>[] {
    return this.heard.flatMap((message) =>
      message.type === 'session' && message.channel === channel && message.message.type === type
        ? [message.message as Extract<SessionReply, { type: Type }>]
        : [],
    )
  }

  /** Waits for the `count`th reply of a type on a channel. */
  async hears<Type extends SessionReply['type']>(channel: Channel, type: Type, count = 1) {
    const story = `${type} ${count} on channel ${channel}`
    await until(story, () => this.on(channel, type).length >= count, { seen: () => [this.heard, this.closed] })
    return this.on(channel, type)[count - 1]!
  }

  async isClosed(): Promise<{ readonly code: number; readonly reason: string }> {
    await until('the relay to close the connection', () => this.closed !== null, { seen: () => this.heard })
    return this.closed!
  }

  #hear(frame: Uint8Array): void {
    this.frames++
    for (const read of this.#reader.read(frame)) {
      if (!read.ok) throw read.error
      this.heard.push(read.message)
    }
  }
}

const yProviders = {
  1: version1.WebsocketProvider as unknown as typeof WebsocketProvider,
  2: version2.WebsocketProvider as unknown as typeof WebsocketProvider,
  3: WebsocketProvider,
} as const

/** A version of y-websocket that is tested. */
export type YVersion = keyof typeof yProviders

/** How a y-websocket client joins. */
export interface YOptions {
  readonly params?: Record<string, string>
  readonly protocols?: string[]
  /** default: by the relay alone */
  readonly disableBc?: boolean
  /** default 3 */
  readonly version?: YVersion
}

/** An unmodified y-websocket client. */
export interface YClient {
  readonly provider: WebsocketProvider
  readonly doc: Y.Doc
  readonly text: Y.Text
  /** what the relay closed it with, each time */
  readonly closes: { readonly code: number; readonly reason: string }[]
  /** the relay ended it for good */
  readonly isStopped: () => boolean
}

/** Joins with y-websocket; it leaves with the test. */
export function joinYWebsocket(
  url: string,
  name: string,
  doc = new Y.Doc(),
  { version = 3, ...options }: YOptions = {},
): YClient {
  const provider = new yProviders[version](`${url}/y`, name, doc, {
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc: true,
    maxBackoffTime: 100,
    ...options,
  })
  const closes: { code: number; reason: string }[] = []
  let isStopped = false
  provider.on('connection-close', (event) => {
    if (event) closes.push({ code: event.code, reason: event.reason })
  })
  provider.on('closed', () => {
    isStopped = true
  })
  onTestFinished(() => provider.destroy())
  return { provider, doc, text: doc.getText(), closes, isStopped: () => isStopped }
}

/** The update of one insertion at the end of a text. */
export function typed(doc: Y.Doc, text: string): Uint8Array {
  const before = Y.encodeStateVector(doc)
  doc.getText().insert(doc.getText().length, text)
  return Y.encodeStateAsUpdate(doc, before)
}

/** What a newcomer reads. */
export async function read(url: string, name: string): Promise<string> {
  const { provider, text } = joinYWebsocket(url, name)
  await until(`a newcomer to read ${name}`, () => provider.synced)
  const content = text.toString()
  provider.destroy()
  return content
}
