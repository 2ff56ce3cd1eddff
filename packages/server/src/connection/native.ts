import type {
  Channel,
  ClientMessage,
  ConnectionReply,
  ConnectionRequest,
  Read,
  RelayMessage,
  SessionReply,
  SessionRequest,
} from '@syncline/protocol'
import {
  ClientMessageReader,
  encodeRelayMessage,
  packFrames,
  protocolVersion,
  SynclineError,
  unreachable,
} from '@syncline/protocol'
import type { Credentials, Visitor } from '../auth/authorize.js'
import { countRefusal } from '../counters.js'
import type { Account } from '../limits/account.js'
import { ending, SharedReply } from '../rooms/session.js'
import { version } from '../version.js'
import { ClientSession, type SessionWire } from './clientSession.js'
import type { RelayContext } from './context.js'
import type { Link, LinkHandler } from './link.js'

type Open = Extract<SessionRequest, { type: 'open' }>

// how long a client has for its `hello`
const helloMs = 5_000

// large messages travel in parts of this size, so that those of other channels take turns with them
const partBytesMax = 64 * 1024

// what is no message on channels that are not open: no client of ours sends one, and each is answered at length
const straysMax = 16

// where messages about the connection stand in line
const connectionChannel = 0

/** One connection of protocol 1: any number of sessions, each on its channel. */
export class NativeConnection implements LinkHandler {
  readonly slowReaderStatus = 4408
  readonly #link: Link
  readonly #context: RelayContext
  readonly #visitor: Visitor
  readonly #reader: ClientMessageReader
  readonly #sessions = new Map<Channel, ClientSession>()
  readonly #partBytesMax: number
  readonly #cancelHelloTimeout: () => void
  #isGreeted = false
  #strays = 0
  #isPongDue = false
  #token: string | null = null
  /** the sessions are being decided anew */
  #isReauthorizing = false
  /** when the first of the sessions ends, as the client was told: ms since 1970 */
  #toldExpiry: number | null = null

  constructor(link: Link, context: RelayContext, visitor: Visitor) {
    this.#link = link
    this.#context = context
    this.#visitor = visitor
    this.#reader = new ClientMessageReader(context.limits)
    this.#partBytesMax = Math.min(partBytesMax, context.limits.frameBytesMax)
    this.#cancelHelloTimeout = context.clock.after(helloMs, () => link.fail(4408, new SynclineError('hello_timeout')))
  }

  /** what it shows by now */
  get credentials(): Credentials {
    return { token: this.#token, visitor: this.#visitor }
  }

  pack(messages: Uint8Array[]): Uint8Array[] {
    return packFrames(messages, this.#context.limits.frameBytesMax)
  }

  *received(frame: Uint8Array): Generator<void, void> {
    for (const read of this.#reader.steps(frame)) {
      if (read !== null) this.#take(read)
      yield
      if (!this.#link.isOpen) return
    }
    if (this.#isPongDue) this.#sendConnection({ type: 'pong' })
    this.#isPongDue = false
  }

  #take(read: Read<ClientMessage>): void {
    this.#link.charge('messages', 1)
    if (read.ok) this.#handle(read.message)
    else if (read.channel === null || !this.#isGreeted) this.#link.fail(4400, read.error)
    else this.#refuse(read.channel, read.error)
  }

  congested(channel: Channel, isCongested: boolean): void {
    this.#sessions.get(channel)?.setCongested(isCongested)
  }

  ask(): void {
    if (this.#isGreeted) this.#sendConnection({ type: 'ping' })
  }

  quiet(): void {}

  /** As if it had asked: its own ping is read later. */
  reassure(): void {
    if (this.#isGreeted) this.#sendConnection({ type: 'pong' })
  }

  leaving(retryMs: number): void {
    if (this.#isGreeted) this.#sendConnection({ type: 'leaving', retryMs })
  }

  ended(): void {
    this.#cancelHelloTimeout()
    for (const session of [...this.#sessions.values()]) session.leave()
  }

  /** What came on a channel is no message: that ends its session, or keeps it from opening. */
  #refuse(channel: Channel, error: SynclineError): void {
    const session = this.#sessions.get(channel)
    if (session) return session.fail(error)
    if (++this.#strays > straysMax) return this.#link.fail(4400, error)
    countRefusal(this.#context.counters, error)
    this.deliver(channel, new SharedReply(ending('refused', error)))
  }

  #handle(message: ClientMessage): void {
    if (message.type === 'session') return this.#handleSession(message.channel, message.message)
    this.#handleConnection(message)
  }

  #handleConnection(message: ConnectionRequest): void {
    switch (message.type) {
      case 'hello':
        return this.#greet(message)
      case 'token':
        return this.#replaceToken(message.token)
      case 'ping':
        // one for all of a frame, which may hold some hundred thousand
        this.#isPongDue = true
        return
      case 'pong':
        return
      default:
        return unreachable(message)
    }
  }

  #greet({ versions, token }: Extract<ConnectionRequest, { type: 'hello' }>): void {
    if (this.#isGreeted) return this.#link.fail(4400, new SynclineError('protocol_violation', 'A second hello'))
    if (!versions.includes(protocolVersion)) {
      const fact = `The relay speaks version ${protocolVersion}`
      return this.#link.fail(4426, new SynclineError('unsupported_version', fact))
    }
    this.#isGreeted = true
    this.#token = token
    this.#cancelHelloTimeout()
    const { frameBytesMax, updateBytesMax, documentBytesMax } = this.#context.limits
    const limits = { frameBytesMax, updateBytesMax, documentBytesMax }
    this.#sendConnection({ type: 'welcome', version: protocolVersion, limits, agent: `syncline/${version}` })
  }

  #replaceToken(token: string): void {
    if (!this.#isGreeted) return this.#link.fail(4400, new SynclineError('protocol_violation', 'No hello came first'))
    this.#token = token
    this.#link.charge('opens', this.#sessions.size)
    if (!this.#isReauthorizing) void this.#reauthorize()
  }

  /** One round at a time, and the last token counts: a flood of them costs what it takes to verify them one by one. */
  async #reauthorize(): Promise<void> {
    this.#isReauthorizing = true
    let token: string | null = null
    while (token !== this.#token && this.#link.isOpen) {
      token = this.#token
      await Promise.all([...this.#sessions.values()].map((session) => session.reauthorize()))
    }
    this.#isReauthorizing = false
  }

  /** Tells when the first session ends, where that is not what the client knows. */
  tellExpiry(): void {
    let first: number | null = null
    for (const { expiresAt } of this.#sessions.values()) {
      if (expiresAt !== null && (first === null || expiresAt < first)) first = expiresAt
    }
    if (first === null || first === this.#toldExpiry) return
    this.#toldExpiry = first
    this.#sendConnection({ type: 'expires', expiresMs: Math.max(0, Math.floor(first - this.#context.clock.now())) })
  }

  #handleSession(channel: Channel, request: SessionRequest): void {
    if (!this.#isGreeted) return this.#link.fail(4400, new SynclineError('protocol_violation', 'No hello came first'))
    const session = this.#sessions.get(channel)
    if (request.type === 'open') {
      if (session) return session.fail(new SynclineError('protocol_violation', `Channel ${channel} is open`))
      return this.#open(channel, request)
    }
    // a session that the relay ended: what was on its way still arrives
    session?.receive(request)
  }

  #open(channel: Channel, request: Open): void {
    const session = new ClientSession(this.#context, new ChannelWire(channel, this.#link, this))
    const { connectionDocumentsMax } = this.#context.limits
    if (this.#sessions.size >= connectionDocumentsMax) {
      return session.fail(new SynclineError('too_many_documents', `${connectionDocumentsMax} are open`))
    }
    this.#sessions.set(channel, session)
    session.open(request).catch((error: unknown) => this.#link.fail(1011, error))
  }

  /** The session of a channel is over. */
  forget(channel: Channel): void {
    this.#sessions.delete(channel)
  }

  /** Queues a reply of a session; all that one turn produces goes out together. */
  deliver(channel: Channel, reply: SharedReply): void {
    const encode = (message: SessionReply) => this.#encode({ type: 'session', channel, message })
    this.#link.send(channel, reply.encoded(channel, encode))
  }

  #sendConnection(message: ConnectionReply): void {
    this.#link.send(connectionChannel, this.#encode(message))
  }

  #encode(message: RelayMessage): Uint8Array[] {
    return encodeRelayMessage(message, this.#partBytesMax)
  }
}

/** What a channel is to its session: a class, since there are as many as sessions, and a closure for each would weigh more. */
class ChannelWire implements SessionWire {
  readonly echo = false
  readonly #channel: Channel
  readonly #link: Link
  readonly #connection: NativeConnection

  constructor(channel: Channel, link: Link, connection: NativeConnection) {
    this.#channel = channel
    this.#link = link
    this.#connection = connection
  }

  get account(): Account {
    return this.#link.account
  }

  credentials(): Credentials {
    return this.#connection.credentials
  }

  whenRoom(call: () => void): void {
    this.#link.whenRoom(call)
  }

  deliver(reply: SharedReply): void {
    this.#connection.deliver(this.#channel, reply)
  }

  hold(): void {
    this.#link.hold()
  }

  holdFor(ms: number): void {
    this.#link.holdFor(ms)
  }

  drop(): void {
    this.#link.drop(this.#channel)
  }

  expires(): void {
    this.#connection.tellExpiry()
  }

  ended(): void {
    this.#connection.forget(this.#channel)
  }
}
