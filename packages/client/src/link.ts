import {
  type Channel,
  type ClientMessage,
  defaultLimits,
  encodeClientMessage,
  packFrames,
  protocolVersion,
  type RelayMessage,
  RelayMessageReader,
  type SessionReply,
  SynclineError,
  unreachable,
  type WelcomeLimits,
} from '@syncline/protocol'
import { guarded, report } from './listeners.js'
import { Pulse } from './pulse.js'
import type { Clock, TransportKind, WebSocketLike } from './types.js'

/** How a link ended: the close code of the WebSocket, or one of ours. */
export interface LinkEnd {
  readonly code: number
  readonly reason: string
}

/** What a link says first. */
export interface Greeting {
  /** name and version of this client, for the relay's log */
  readonly agent: string
  readonly token: string | null
}

/** What a link tells its connection. After `ended` nothing follows. */
export interface LinkEvents {
  /** the socket is open and `hello` goes first: sessions can be opened */
  opened(): void
  /** @param updateBytesMax the largest update that the relay takes */
  welcomed(updateBytesMax: number): void
  received(channel: Channel, reply: SessionReply): void
  /** what the relay sent on this channel cannot be read */
  faulted(channel: Channel, error: SynclineError): void
  /** all that waited was `received` */
  settled(): void
  /** the relay's sessions end then, unless it gets another token */
  expires(expiresMs: number): void
  leaving(retryMs: number): void
  ended(end: LinkEnd): void
}

/** Close codes of ours; others come from the relay, see PROTOCOL.md. */
export const closeCodes = {
  done: 1000,
  silent: 4000,
  /** the tab that had the socket gave it up: another one has it, or will */
  moved: 4001,
  /** this tab took nothing for too long */
  slow: 4002,
  malformed: 4400,
  unsupportedVersion: 4426,
} as const

/** Parts of large updates: on a slow link each is a sign of life, which a part of 1 MiB would not be for 30 s. */
const partBytesMax = 64 * 1024

/** The codec cannot cut smaller parts than some bytes: a relay that asks for those does not get them. */
const partBytesMin = 256

/** The bytes of unfinished parts that are kept: parts of several documents take turns. */
const partsOfDocumentsMax = 4

/** A client keeps no more of them than this, whatever the relay says of its documents. */
const partBytesKeptMax = 1024 * 1024 * 1024

/**
 * So much is handled in one go: some ms of work (1,800 keys of others took 3 to 15), after which a page can look at what a
 * person does. What is more is left to the socket, so that the relay sees who does not keep up.
 */
const batchBytesMax = 64 * 1024

/**
 * One WebSocket from its opening to its end: frames and messages, and whether anybody is at the other end. A link
 * that ended is of no more use; its connection makes another.
 *
 * A frame is handled as it comes. Those that wait behind it, since the page was busy, are taken as one: they come before a
 * task that is asked for now.
 */
export class Link {
  readonly #socket: WebSocketLike
  readonly #clock: Clock
  readonly #events: LinkEvents
  readonly #pulse: Pulse
  // adjusted by `welcome`; the reader looks at it with each part
  readonly #readerLimits = { ...defaultLimits }
  readonly #reader = new RelayMessageReader(this.#readerLimits)
  #state: 'opening' | 'open' | 'ended' = 'opening'
  /** frames that came while others are awaited that wait already */
  #inbox: Uint8Array[] = []
  #inboxBytes = 0
  #isGathering = false
  #outbox: Uint8Array[] = []
  #partBytesMax = partBytesMax

  constructor(socket: WebSocketLike, clock: Clock, silenceMsMax: number, greeting: Greeting, events: LinkEvents) {
    this.#socket = socket
    this.#clock = clock
    this.#events = events
    socket.binaryType = 'arraybuffer'
    socket.onopen = () => this.#opened(greeting)
    socket.onmessage = (event: { readonly data: unknown }) => this.#received(event.data)
    socket.onclose = (event: { readonly code: number; readonly reason: string }) => this.#ended(event)
    // a close follows; `ws` throws where nobody listens
    socket.onerror = () => undefined
    const silent = () => this.#fail({ code: closeCodes.silent, reason: 'No answer' })
    this.#pulse = new Pulse(clock, silenceMsMax, () => this.send({ type: 'ping' }), silent)
  }

  /** What carries it. */
  get transport(): TransportKind {
    return this.#socket.transport ?? 'websocket'
  }

  /** The socket is open: what is sent goes out behind `hello`. */
  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** Puts a message behind those of this turn: they leave together, in as few frames as hold them. */
  send(message: ClientMessage): void {
    if (this.#state !== 'open') return
    if (this.#outbox.length === 0) queueMicrotask(() => this.flush())
    this.#outbox.push(...encodeClientMessage(message, this.#partBytesMax))
  }

  /** Hands what is queued to the socket now. */
  flush(): void {
    if (this.#state !== 'open') return
    const frames = packFrames(this.#outbox, this.#partBytesMax)
    this.#outbox = []
    for (const frame of frames) {
      this.#pulse.sent(frame.length)
      // frames are made here, over buffers that nobody shares
      this.#socket.send(frame as Uint8Array<ArrayBuffer>)
    }
  }

  /** Asks for a sign of life now, where none came within the last second: the network may be another one. */
  probe(): void {
    if (this.#state === 'open') this.#pulse.probe()
  }

  /** Sends what is queued and ends, without a further event. */
  close(end: LinkEnd = { code: closeCodes.done, reason: '' }): void {
    if (this.#state === 'ended') return
    this.flush()
    this.#state = 'ended'
    this.#pulse.stop()
    this.#socket.onopen = null
    this.#socket.onmessage = null
    this.#socket.onclose = null
    this.#socket.close(end.code, end.reason)
  }

  #opened(greeting: Greeting): void {
    this.#state = 'open'
    this.#pulse.heard()
    this.send({ type: 'hello', versions: [protocolVersion], ...greeting })
    this.#events.opened()
  }

  #received(data: unknown): void {
    this.#pulse.heard()
    if (!(data instanceof ArrayBuffer)) return this.#fail({ code: closeCodes.malformed, reason: 'A text frame' })
    this.#inbox.push(new Uint8Array(data))
    this.#inboxBytes += data.byteLength
    if (!this.#isGathering || this.#inboxBytes >= batchBytesMax) this.#readInbox()
  }

  #readInbox(): void {
    const frames = this.#inbox
    this.#inbox = []
    this.#inboxBytes = 0
    for (const frame of frames) {
      for (const read of this.#reader.read(frame)) {
        if (this.#isEnded) return
        if (read.ok) this.#handle(read.message)
        else if (read.channel !== null) this.#events.faulted(read.channel, read.error)
        else this.#fail({ code: closeCodes.malformed, reason: read.error.code })
      }
    }
    this.#events.settled()
    this.#gather()
  }

  /** What waits now is handled when it is over. */
  #gather(): void {
    if (this.#isGathering) return
    this.#isGathering = true
    this.#clock.soon(() => {
      this.#isGathering = false
      if (this.#inbox.length > 0) this.#readInbox()
    })
  }

  #handle(message: RelayMessage): void {
    switch (message.type) {
      case 'session':
        return this.#deliver(message.channel, message.message)
      case 'welcome':
        this.#adopt(message.limits)
        return this.#events.welcomed(message.limits.updateBytesMax)
      case 'ping':
        return this.send({ type: 'pong' })
      case 'pong':
        return
      case 'expires':
        return this.#events.expires(message.expiresMs)
      case 'leaving':
        return this.#events.leaving(message.retryMs)
      default:
        return unreachable(message)
    }
  }

  /** A bug while one session's message is handled ends that session, not those whose messages follow. */
  #deliver(channel: Channel, reply: SessionReply): void {
    try {
      this.#events.received(channel, reply)
    } catch (error) {
      report(error)
      this.#events.faulted(channel, new SynclineError('internal', String(error).slice(0, 100)))
    }
  }

  #adopt(limits: WelcomeLimits): void {
    this.#partBytesMax = Math.max(partBytesMin, Math.min(partBytesMax, limits.frameBytesMax))
    this.#readerLimits.documentBytesMax = Math.min(partBytesKeptMax, partsOfDocumentsMax * limits.documentBytesMax)
  }

  // a getter, since handlers end the link behind the back of control flow analysis
  get #isEnded(): boolean {
    return this.#state === 'ended'
  }

  #fail(end: LinkEnd): void {
    this.close(end)
    guarded(() => this.#events.ended(end))
  }

  #ended(end: LinkEnd): void {
    this.#readInbox()
    if (this.#isEnded) return
    this.#state = 'ended'
    this.#pulse.stop()
    this.#events.ended({ code: end.code, reason: end.reason })
  }
}
