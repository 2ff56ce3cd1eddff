import {
  type ClientMessage,
  defaultLimits,
  emptyStateVector,
  encodeClientMessage,
  type LogPoint,
  packFrames,
  RelayMessageReader,
  type SessionReply,
  type SessionRequest,
  subprotocol,
} from '@syncline/protocol'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import type { Chance } from '../support/sessions.js'
import type { Witness } from './oracle.js'
import { encodeRows } from './rows.js'

type Reply<Type extends SessionReply['type']> = Extract<SessionReply, { type: Type }>

const { frameBytesMax } = defaultLimits
const KiB = 1024

/** How a {@link RawWriter} writes. */
export interface RawWriterOptions {
  readonly chance: Chance
  readonly witness: Witness
  /** updates of a document that are on their way at once */
  readonly inFlightMax: number
  /** bytes of an update; default: mostly those of a few keys, now and then a picture */
  readonly size?: () => number
}

/**
 * A client of protocol 1 without a replica: it writes rows, one update after the other, as fast as they are
 * acknowledged, and tells a witness what it hears.
 */
export class RawWriter {
  readonly #documents: readonly RawDocument[]
  readonly #witness: Witness
  #socket: WebSocket | null = null

  constructor(names: readonly string[], options: RawWriterOptions) {
    this.#witness = options.witness
    this.#documents = names.map((name) => new RawDocument(name, options))
  }

  /** everything written is acknowledged */
  get isSaved(): boolean {
    return this.#documents.every(({ isSaved }) => isSaved)
  }

  /** why the relay ended sessions for now, each time */
  get endings(): string[] {
    return this.#documents.flatMap(({ endings }) => endings)
  }

  /** true until the socket is closed, whoever closed it, and all that it brought was read */
  get isConnected(): boolean {
    return this.#socket !== null
  }

  connect(webSocketUrl: string): void {
    const socket = new WebSocket(`${webSocketUrl}/sync`, subprotocol, { perMessageDeflate: false })
    const reader = new RelayMessageReader(defaultLimits)
    this.#socket = socket
    socket.on('open', () => {
      send(socket, { type: 'hello', versions: [1], agent: 'crash test', token: null })
      for (const [index, document] of this.#documents.entries()) {
        document.join((message) => send(socket, { type: 'session', channel: index + 1, message }))
      }
    })
    socket.on('message', (frame) => {
      for (const read of reader.read(new Uint8Array(frame as Buffer))) {
        if (!read.ok) this.#witness.contradict(String(read.error))
        else if (read.message.type === 'session') {
          this.#documents[read.message.channel - 1]!.receive(read.message.message)
        }
      }
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      for (const document of this.#documents) document.leave()
      this.#socket = null
    })
  }

  disconnect(): void {
    this.#socket?.terminate()
  }

  /** Writes nothing new; what is on its way is sent again until it is acknowledged. */
  stop(): void {
    for (const document of this.#documents) document.stop()
  }
}

/** Rows that were not acknowledged yet. */
interface Pending {
  readonly clock: number
  readonly rows: readonly Uint8Array[]
  /** number within the session */
  seq: number
}

// a session that the relay ended for now is opened again after so long
const reopenMs = 30

class RawDocument {
  readonly endings: string[] = []
  readonly #name: string
  readonly #options: RawWriterOptions
  readonly #client: number
  #pending: Pending[] = []
  #clock = 0
  #seq = 0
  #resume: LogPoint | null = null
  #epoch = ''
  #send: ((request: SessionRequest) => void) | null = null
  #isLive = false
  /** false while the relay takes no edits */
  #mayWrite = false
  #isStopped = false

  constructor(name: string, options: RawWriterOptions) {
    this.#name = name
    this.#options = options
    this.#client = options.chance.int(2 ** 32)
  }

  get isSaved(): boolean {
    return this.#pending.length === 0
  }

  join(send: (request: SessionRequest) => void): void {
    this.#send = send
    this.#open()
  }

  leave(): void {
    this.#send = null
    this.#isLive = false
  }

  stop(): void {
    this.#isStopped = true
  }

  receive(reply: SessionReply): void {
    switch (reply.type) {
      case 'opened':
        return this.#opened(reply)
      case 'synced':
        this.#show(reply.update)
        this.#pass(reply)
        this.#isLive = true
        return this.#write()
      case 'update':
        this.#show(reply.update)
        return this.#pass(reply)
      case 'ack':
        return this.#acknowledged(reply)
      case 'awareness':
        return
      case 'refused':
      case 'closed':
        return this.#ended(reply)
      default:
        return this.#options.witness.contradict(`${this.#name}: an unexpected ${reply.type}`)
    }
  }

  #open(): void {
    this.#seq = 0
    this.#isLive = false
    this.#send?.({ type: 'open', name: this.#name, resume: this.#resume, stateVector: emptyStateVector })
  }

  /** What is pending goes first; where the relay asks for a difference, that is what it is. */
  #opened({ point, stateVector, access }: Reply<'opened'>): void {
    this.#epoch = point.epoch
    this.#mayWrite = access === 'write'
    const isAsked = stateVector !== null
    const acknowledged = this.#pending[0]?.clock ?? this.#clock
    const known = isAsked ? (Y.decodeStateVector(stateVector).get(this.#client) ?? 0) : acknowledged
    if (known < acknowledged) {
      const fact = `${acknowledged} of client ${this.#client} were acknowledged, the relay has ${known}`
      return this.#options.witness.contradict(`${this.#name}: ${fact}`)
    }
    const rows = this.#pending.flatMap((pending) => pending.rows)
    if (this.#mayWrite && (isAsked || rows.length > 0)) this.#sendUpdate(acknowledged, rows, isAsked)
    for (const pending of this.#pending) pending.seq = this.#seq
    if (isAsked && this.#resume !== null) this.#send?.({ type: 'exchange', stateVector: emptyStateVector })
  }

  #acknowledged(ack: Reply<'ack'>): void {
    const count = this.#pending.filter(({ seq }) => seq <= ack.seq).length
    for (const { clock, rows } of this.#pending.splice(0, count)) {
      this.#options.witness.acknowledge(this.#name, encodeRows(this.#client, clock, rows))
    }
    // before the session is synced its point is still to come
    if (this.#isLive) this.#pass(ack)
    this.#write()
  }

  #show(update: Uint8Array | null): void {
    if (update !== null) this.#options.witness.show(this.#name, update)
  }

  #pass({ position, chain }: { position: number; chain: number }): void {
    this.#resume = { epoch: this.#epoch, position, chain }
    this.#options.witness.pass(this.#name, { position, chain })
  }

  #ended({ code, retry }: Reply<'refused' | 'closed'>): void {
    if (!retry) return this.#options.witness.contradict(`${this.#name}: the relay ended the session for good: ${code}`)
    this.#isLive = false
    this.endings.push(code)
    const send = this.#send
    setTimeout(() => this.#send === send && this.#open(), reopenMs)
  }

  #write(): void {
    const { chance, inFlightMax } = this.#options
    while (this.#isLive && this.#mayWrite && !this.#isStopped && this.#pending.length < inFlightMax) {
      const rows = Array.from({ length: 1 + chance.int(3) }, () => this.#row())
      this.#sendUpdate(this.#clock, rows, false)
      this.#pending.push({ clock: this.#clock, rows, seq: this.#seq })
      this.#clock += rows.length
    }
  }

  /** Bytes that do not compress: what is written is what reaches the disk. */
  #row(): Uint8Array {
    const { chance, size = () => sizeOf(chance) } = this.#options
    const row = new Uint8Array(size())
    let state = chance.int(2 ** 32) | 1
    for (let i = 0; i < row.length; i++) {
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      row[i] = state
    }
    return row
  }

  #sendUpdate(clock: number, rows: readonly Uint8Array[], answer: boolean): void {
    this.#send?.({ type: 'update', seq: ++this.#seq, answer, update: encodeRows(this.#client, clock, rows) })
  }
}

function sizeOf(chance: Chance): number {
  const odds = chance.next()
  return 1 + chance.int(odds < 0.97 ? 20 : odds < 0.998 ? 4 * KiB : 100 * KiB)
}

function send(socket: WebSocket, message: ClientMessage): void {
  for (const frame of packFrames(encodeClientMessage(message, frameBytesMax), frameBytesMax)) socket.send(frame)
}
