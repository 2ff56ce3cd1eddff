import {
  type Channel,
  type ClientMessage,
  ClientMessageReader,
  defaultLimits,
  type Ending,
  encodeRelayMessage,
  packFrames,
  type RelayMessage,
  type SessionReply,
  type SessionRequest,
} from '@syncline/protocol'
import * as Y from 'yjs'
import { connect } from '../connect.js'
import type { Clock, Connection, ConnectOptions, WebSocketLike } from '../types.js'

/** Time that passes when a test says so. */
export class FakeClock implements Clock {
  #now = 0
  readonly #timers = new Set<{ readonly at: number; readonly call: () => void }>()

  now(): number {
    return this.#now
  }

  after(ms: number, call: () => void): () => void {
    const timer = { at: this.#now + ms, call }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  /** No time passes until then. */
  soon(call: () => void): void {
    setImmediate(call)
  }

  /** how many calls are still to come */
  get waiting(): number {
    return this.#timers.size
  }

  /** in how many ms the next one comes */
  get next(): number {
    return Math.min(...Array.from(this.#timers, (timer) => timer.at)) - this.#now
  }

  /** Time passes, every timer fires when it is due. */
  async pass(ms: number): Promise<void> {
    const until = this.#now + ms
    for (let due = this.#due(until); due; due = this.#due(until)) {
      this.#now = Math.max(this.#now, due.at)
      this.#timers.delete(due)
      due.call()
      await turn()
    }
    this.#now = until
  }

  /** The machine sleeps: no timer fires before it wakes, then those that are due do. */
  async sleep(ms: number): Promise<void> {
    this.#now += ms
    await this.pass(0)
  }

  #due(until: number) {
    return [...this.#timers].filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0]
  }
}

/** Lets everything that is ready to run do so. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** A socket whose other end is the test: a relay that says what the test tells it to. */
export class FakeSocket implements WebSocketLike {
  binaryType = ''
  readyState = 0
  bufferedAmount = 0
  onopen: ((event: never) => void) | null = null
  onmessage: ((event: never) => void) | null = null
  onclose: ((event: never) => void) | null = null
  onerror: ((event: never) => void) | null = null
  /** how often each frame held how many messages */
  readonly frames: number[] = []
  /** the code with which the client closed it */
  closedWith: number | null = null
  readonly received: ClientMessage[] = []
  readonly #reader = new ClientMessageReader(defaultLimits)

  send(data: Uint8Array<ArrayBuffer>): void {
    const reads = this.#reader.read(data.slice())
    this.frames.push(reads.length)
    for (const read of reads) {
      if (!read.ok) throw read.error
      this.received.push(read.message)
    }
  }

  close(code?: number): void {
    this.readyState = 3
    this.closedWith = code ?? 1005
  }

  /** what the client sent of this type on sessions, with the channel */
  requests<Type extends SessionRequest['type']>(
    type: Type,
  ): { readonly channel: Channel; readonly message: Extract<SessionRequest, { type: Type }> }[] {
    return this.received.flatMap((message) =>
      message.type === 'session' && message.message.type === type
        ? [{ channel: message.channel, message: message.message as Extract<SessionRequest, { type: Type }> }]
        : [],
    )
  }

  count(type: ClientMessage['type']): number {
    return this.received.filter((message) => message.type === type).length
  }

  channelOf(name: string): Channel {
    const open = this.requests('open').findLast(({ message }) => message.name === name)
    if (!open) throw new Error(`"${name}" was not opened`)
    return open.channel
  }

  // What the relay does

  async accept(): Promise<void> {
    this.readyState = 1
    this.onopen?.({} as never)
    await turn()
  }

  /** the relay goes away, or ends the connection with a code */
  async drop(code = 1006, reason = ''): Promise<void> {
    this.readyState = 3
    this.onclose?.({ code, reason } as never)
    await turn()
  }

  async frame(bytes: Uint8Array): Promise<void> {
    this.onmessage?.({ data: bytes.slice().buffer } as never)
    await turn()
  }

  /** these messages in one frame */
  async says(...messages: RelayMessage[]): Promise<void> {
    const encoded = messages.flatMap((message) => encodeRelayMessage(message, defaultLimits.frameBytesMax))
    for (const frame of packFrames(encoded, defaultLimits.frameBytesMax)) await this.frame(frame)
  }

  /** each message in a frame of its own, all of which wait already when the page looks */
  piles(...messages: RelayMessage[]): void {
    for (const message of messages) {
      for (const frame of packFrames(encodeRelayMessage(message, defaultLimits.frameBytesMax), 0)) {
        this.onmessage?.({ data: frame.slice().buffer } as never)
      }
    }
  }

  async welcome(): Promise<void> {
    await this.accept()
    await this.says({ type: 'welcome', version: 1, limits: defaultLimits, agent: 'fake' })
  }

  /** the document is opened and synced; `content` is all that the relay has */
  async syncs(name: string, content: Y.Doc = new Y.Doc()): Promise<void> {
    const channel = this.channelOf(name)
    const stateVector = Y.encodeStateVector(content)
    await this.says(
      onChannel(channel, { type: 'opened', point: point(1), stateVector, access: 'write' }),
      onChannel(channel, { type: 'synced', position: 1, chain: 1, update: Y.encodeStateAsUpdate(content) }),
    )
  }

  /** everything that was sent on the document's channel is on disk */
  async acknowledges(name: string): Promise<void> {
    const channel = this.channelOf(name)
    const updates = this.requests('update').filter((update) => update.channel === channel)
    const seq = Math.max(...updates.map(({ message }) => message.seq))
    await this.says(onChannel(channel, { type: 'ack', seq, position: 1 + seq, chain: seq }))
  }

  async ends(name: string, ending: Ending<'closed'> | Ending<'refused'>): Promise<void> {
    await this.says(onChannel(this.channelOf(name), ending))
  }
}

export function onChannel(channel: Channel, message: SessionReply): RelayMessage {
  return { type: 'session', channel, message }
}

export function point(position: number) {
  return { epoch: '0011223344556677', position, chain: position }
}

/** A connection whose sockets, time and chance are the test's. */
export function world(options: ConnectOptions = {}) {
  const clock = new FakeClock()
  const sockets: FakeSocket[] = []
  const connection: Connection = connect('ws://relay.test', {
    clock,
    random: () => 0.5,
    webSocket: () => {
      const socket = new FakeSocket()
      sockets.push(socket)
      return socket
    },
    ...options,
  })
  return {
    clock,
    connection,
    sockets,
    /** the latest one */
    get socket(): FakeSocket {
      return sockets.at(-1)!
    },
  }
}

/** A Y.Doc of its own with this text. */
export function docWith(text: string): Y.Doc {
  const doc = new Y.Doc()
  doc.getText('text').insert(0, text)
  return doc
}
