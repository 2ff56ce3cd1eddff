import {
  defaultLimits,
  emptyStateVector,
  encodeClientMessage,
  packFrames,
  type RelayMessage,
  RelayMessageReader,
  type SessionReply,
  type SessionRequest,
  subprotocol,
} from '@syncline/protocol'
import { WebSocket } from 'ws'

const { frameBytesMax } = defaultLimits
const channel = 1
const emptyUpdate = Uint8Array.of(0, 0)

/** What a light client tells of its session. */
export interface LoadEvents {
  update(update: Uint8Array): void
  /** the relay has so many of its updates on disk */
  saved(count: number): void
  /** it is over, for a reason that is not this side's */
  ended(reason: string): void
}

/** Somebody who speaks protocol 1 on one document, and keeps no document: a thousand of them fit into a process. */
export class LoadClient {
  readonly #socket: WebSocket
  readonly #events: LoadEvents
  readonly #document: string
  readonly #reader = new RelayMessageReader(defaultLimits)
  /** all that the document had, as one update; null where that was nothing */
  readonly opened: Promise<Uint8Array | null>
  #resolve: (update: Uint8Array | null) => void = () => {}
  #reject: (error: Error) => void = () => {}
  #seq = 0
  #answers = 0
  #isLeaving = false

  constructor(url: string, document: string, token: string | null, events: LoadEvents) {
    this.#document = document
    this.#events = events
    this.opened = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#socket = new WebSocket(new URL('/sync', url.replace(/^http/, 'ws')), subprotocol, {
      perMessageDeflate: false,
    })
    this.#socket.binaryType = 'nodebuffer'
    this.#socket.on('open', () => this.#greet(token))
    this.#socket.on('message', (frame: Buffer) => this.#read(frame))
    this.#socket.on('error', (error) => this.#ended(error.message))
    this.#socket.on('close', (code) => this.#ended(`the connection was closed with ${code}`))
  }

  send(update: Uint8Array): void {
    this.#send({ type: 'update', seq: ++this.#seq, answer: false, update })
  }

  leave(): void {
    this.#isLeaving = true
    this.#socket.terminate()
  }

  #greet(token: string | null): void {
    const hello = encodeClientMessage({ type: 'hello', versions: [1], agent: 'syncline load', token }, frameBytesMax)
    for (const frame of packFrames(hello, frameBytesMax)) this.#socket.send(frame)
    this.#send({ type: 'open', name: this.#document, resume: null, stateVector: emptyStateVector })
  }

  #send(message: SessionRequest): void {
    const encoded = encodeClientMessage({ type: 'session', channel, message }, frameBytesMax)
    for (const frame of packFrames(encoded, frameBytesMax)) this.#socket.send(frame)
  }

  #read(frame: Buffer): void {
    for (const read of this.#reader.read(frame)) {
      if (!read.ok) this.#ended(read.error.message)
      else this.#take(read.message)
    }
  }

  #take(message: RelayMessage): void {
    if (message.type === 'session') return this.#takeReply(message.message)
    if (message.type === 'leaving') return this.#ended('the relay is stopping')
    if (message.type !== 'ping') return
    for (const pong of packFrames(encodeClientMessage({ type: 'pong' }, frameBytesMax), frameBytesMax)) {
      this.#socket.send(pong)
    }
  }

  #takeReply(reply: SessionReply): void {
    switch (reply.type) {
      case 'opened':
        if (reply.stateVector === null) return
        // it has nothing that the relay lacks
        this.#answers++
        return this.#send({ type: 'update', seq: ++this.#seq, answer: true, update: emptyUpdate })
      case 'synced':
        return this.#resolve(reply.update)
      case 'update':
        return this.#events.update(reply.update)
      case 'ack':
        return this.#events.saved(reply.seq - this.#answers)
      case 'refused':
      case 'closed':
      case 'rejected':
        return this.#ended(reply.code)
      case 'resync':
        return this.#ended('resync')
      case 'awareness':
      case 'access':
      case 'signal':
      case 'digest':
        return
    }
  }

  #ended(reason: string): void {
    if (this.#isLeaving) return
    this.leave()
    this.#reject(new Error(reason))
    this.#events.ended(reason)
  }
}
