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
import type { Clock, WebSocketLike } from './types.js'

/** How a link ended: the close code of the WebSocket, or one of ours. */
export interface LinkEnd {
  readonly code: number
  readonly reason: string
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
  /** all that came in one frame was `received` */
  settled(): void
  leaving(retryMs: number): void
  ended(end: LinkEnd): void
}

/** Close codes of ours; others come from the relay, see PROTOCOL.md. */
export const closeCodes = { done: 1000, silent: 4000, malformed: 4400, unsupportedVersion: 4426 } as const

/** How long the relay has to answer a `ping`. */
const answerMsMax = 5_000

/** A timer that comes later than this says that the page was frozen, not that the relay was silent. */
const lateMsMax = 1_000

/** An uplink this slow (256 kbit/s) is waited for: an answer can't come before what was sent has arrived. */
const uplinkBytesPerMs = 32

/** Parts of large updates: on a slow link each is a sign of life, which a part of 1 MiB would not be for 30 s. */
const partBytesMax = 64 * 1024

/** The codec cannot cut smaller parts than some bytes: a relay that asks for those does not get them. */
const partBytesMin = 256

/** The bytes of unfinished parts that are kept: parts of several documents take turns. */
const partsOfDocumentsMax = 4

/** A client keeps no more of them than this, whatever the relay says of its documents. */
const partBytesKeptMax = 1024 * 1024 * 1024

/**
 * One WebSocket from its opening to its end: frames and messages, and whether anybody is at the other end. A link
 * that ended is of no more use; its connection makes another.
 */
export class Link {
  readonly #socket: WebSocketLike
  readonly #clock: Clock
  readonly #silenceMsMax: number
  readonly #events: LinkEvents
  // adjusted by `welcome`; the reader looks at it with each part
  readonly #readerLimits = { ...defaultLimits }
  readonly #reader = new RelayMessageReader(this.#readerLimits)
  #state: 'opening' | 'open' | 'ended' = 'opening'
  #outbox: Uint8Array[] = []
  #partBytesMax = partBytesMax
  #heardAt: number
  /** when all that was sent has arrived, were the uplink slow */
  #arrivedAt: number
  #cancelTimer: () => void = () => undefined

  /** @param agent name and version of this client, for the relay's log */
  constructor(socket: WebSocketLike, clock: Clock, silenceMsMax: number, agent: string, events: LinkEvents) {
    this.#socket = socket
    this.#clock = clock
    this.#silenceMsMax = silenceMsMax
    this.#events = events
    this.#heardAt = clock.now()
    this.#arrivedAt = this.#heardAt
    socket.binaryType = 'arraybuffer'
    socket.onopen = () => this.#opened(agent)
    socket.onmessage = (event: { readonly data: unknown }) => this.#received(event.data)
    socket.onclose = (event: { readonly code: number; readonly reason: string }) => this.#ended(event)
    // a close follows; `ws` throws where nobody listens
    socket.onerror = () => undefined
    this.#watch()
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
      this.#arrivedAt = Math.max(this.#arrivedAt, this.#clock.now()) + frame.length / uplinkBytesPerMs
      // frames are made here, over buffers that nobody shares
      this.#socket.send(frame as Uint8Array<ArrayBuffer>)
    }
  }

  /** Asks for a sign of life now, where none came within the last second: the network may be another one. */
  probe(): void {
    if (this.#state === 'open' && this.#clock.now() - this.#heardAt > 1_000) this.#ask(true)
  }

  /** Sends what is queued and ends, without a further event. */
  close(end: LinkEnd = { code: closeCodes.done, reason: '' }): void {
    if (this.#state === 'ended') return
    this.flush()
    this.#state = 'ended'
    this.#cancelTimer()
    this.#socket.onopen = null
    this.#socket.onmessage = null
    this.#socket.onclose = null
    this.#socket.close(end.code, end.reason)
  }

  #opened(agent: string): void {
    this.#state = 'open'
    this.#heard()
    this.send({ type: 'hello', versions: [protocolVersion], agent })
    this.#events.opened()
  }

  #received(data: unknown): void {
    this.#heard()
    if (!(data instanceof ArrayBuffer)) return this.#fail({ code: closeCodes.malformed, reason: 'A text frame' })
    for (const read of this.#reader.read(new Uint8Array(data))) {
      if (read.ok) this.#handle(read.message)
      else if (read.channel !== null) this.#events.faulted(read.channel, read.error)
      else this.#fail({ code: closeCodes.malformed, reason: read.error.code })
      if (this.#isEnded) return
    }
    this.#events.settled()
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

  #heard(): void {
    this.#heardAt = this.#clock.now()
  }

  /** Waits until there has been silence for too long. */
  #watch(): void {
    this.#cancelTimer()
    const waitMs = this.#heardAt + this.#silenceMsMax - this.#clock.now()
    this.#cancelTimer = this.#clock.after(Math.max(0, waitMs), () => {
      if (this.#clock.now() - this.#heardAt < this.#silenceMsMax) this.#watch()
      else this.#ask(true)
    })
  }

  /**
   * Sends a ping and waits for anything at all. A page that was frozen meanwhile finds its timer due before it has
   * read what came in: it asks once more. Only once, since timers of hidden pages are always late.
   */
  #ask(again: boolean): void {
    this.#cancelTimer()
    this.send({ type: 'ping' })
    const askedAt = this.#clock.now()
    const dueAt = Math.max(askedAt, this.#arrivedAt) + answerMsMax
    this.#cancelTimer = this.#clock.after(dueAt - askedAt, () => {
      if (this.#heardAt >= askedAt) this.#watch()
      else if (again && this.#clock.now() > dueAt + lateMsMax) this.#ask(false)
      else this.#fail({ code: closeCodes.silent, reason: 'No answer' })
    })
  }

  #fail(end: LinkEnd): void {
    this.close(end)
    guarded(() => this.#events.ended(end))
  }

  #ended(end: LinkEnd): void {
    this.#state = 'ended'
    this.#cancelTimer()
    this.#events.ended({ code: end.code, reason: end.reason })
  }
}
