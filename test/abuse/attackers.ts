import type { Socket } from 'node:net'
import {
  type ClientMessage,
  defaultLimits,
  encodeClientMessage,
  packFrames,
  RelayMessageReader,
  type SessionReply,
  type SessionRequest,
  subprotocol,
} from '@syncline/protocol'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { WebSocket } from 'ws'
import type { Canaries } from '../support/canaries.js'
import { until } from '../support/until.js'
import { written } from './bytes.js'

/** Which wire protocol somebody speaks. */
export type Dialect = 'native' | 'y-websocket' | 'hocuspocus'

export const dialects: readonly Dialect[] = ['native', 'y-websocket', 'hocuspocus']

const nothing = Uint8Array.of(0, 0)
const noVector = Uint8Array.of(0)

/** Where the attack is, and with what. */
export interface Target {
  /** such as `ws://127.0.0.1:4321` */
  readonly url: string
  readonly document: string
  readonly canaries: Canaries
  readonly token?: string
  /** where each wire protocol is spoken; default: where the relay does */
  readonly paths?: { readonly 'y-websocket': string; readonly hocuspocus: string }
}

const relayPaths = { 'y-websocket': '/y/', hocuspocus: '/hocuspocus' }

/** A client that says what it likes, in one of the wire protocols. */
export abstract class Attacker {
  readonly socket: WebSocket
  /** how the relay closed the connection */
  closed: { readonly code: number; readonly reason: string } | null = null
  /** the code with which its session ended or an update was refused, however its wire protocol tells */
  ended: string | null = null
  /** how often it was asked for all it has */
  resyncs = 0
  /** how often it was told that it has all there is */
  syncs = 0
  /** bytes that came */
  bytes = 0
  protected readonly target: Target
  readonly #open: Set<string>
  #isConnected = false

  constructor(target: Target, path: string, protocols: string[] = []) {
    this.target = target
    this.#open = new Set()
    this.socket = new WebSocket(`${target.url}${path}`, protocols, { perMessageDeflate: false })
    this.socket.on('error', () => {})
    this.socket.on('open', () => {
      this.#isConnected = true
    })
    this.socket.on('message', (data) => {
      const frame = new Uint8Array(data as Buffer)
      this.bytes += frame.length
      target.canaries.scan(frame, this.#open)
      this.hear(frame)
    })
    this.socket.on('close', (code, bytes) => {
      const reason = bytes.toString()
      this.closed = { code, reason }
      this.ended ??= codeIn(reason)
    })
  }

  abstract readonly dialect: Dialect

  async connect(): Promise<void> {
    // it may be closed again by then
    await until('the socket to open', () => this.#isConnected)
  }

  /** Opens the document, answers what the relay asks for, and waits until it is synced. */
  async join(): Promise<void> {
    this.opens(this.target.document)
    await this.open()
    await until('it to be synced', () => this.syncs > 0, { seen: () => [this.closed, this.ended] })
  }

  /** Sends a WebSocket message. */
  raw(frame: Uint8Array | string): void {
    this.socket.send(frame)
  }

  /** Sends WebSocket messages, in as few writes as the system takes. */
  all(frames: readonly Uint8Array[]): void {
    this.atOnce(() => {
      for (const frame of frames) this.raw(frame)
    })
  }

  /** Has what is sent meanwhile go in as few writes as the system takes. */
  atOnce(send: () => void): void {
    const { _socket: stream } = this.socket as unknown as { readonly _socket: Socket }
    stream.cork()
    send()
    stream.uncork()
  }

  /** Its session goes on: it is answered once more. */
  async isServed(): Promise<void> {
    const { syncs } = this
    this.exchange(noVector)
    await until('the answer', () => this.syncs > syncs, { seen: () => [this.closed, this.ended] })
  }

  leave(): void {
    this.socket.terminate()
  }

  abstract update(update: Uint8Array, answer?: boolean): void
  abstract exchange(stateVector: Uint8Array): void
  abstract awareness(update: Uint8Array): void
  protected abstract open(): Promise<void>
  protected abstract hear(frame: Uint8Array): void

  /** From here on the canary of that document may come. */
  protected opens(document: string): void {
    this.#open.add(document)
  }
}

/** The code in front of a reason: `malformed_update: The update …`. */
function codeIn(reason: string): string | null {
  return /^([a-z_]+): /.exec(reason)?.[1] ?? null
}

/** Protocol 1. */
export class NativeAttacker extends Attacker {
  readonly dialect = 'native'
  readonly replies: SessionReply[] = []
  pongs = 0
  isWelcome = false
  seq = 0
  readonly #reader = new RelayMessageReader(defaultLimits)

  constructor(target: Target) {
    super(target, '/sync', [subprotocol])
  }

  say(message: ClientMessage): void {
    const { frameBytesMax } = defaultLimits
    for (const frame of packFrames(encodeClientMessage(message, frameBytesMax), frameBytesMax)) this.raw(frame)
  }

  ask(message: SessionRequest, channel = 1): void {
    if (message.type === 'open') this.opens(message.name)
    this.say({ type: 'session', channel, message })
  }

  async greet(): Promise<void> {
    this.say({ type: 'hello', versions: [1], agent: 'abuse', token: this.target.token ?? null })
    await until('the welcome', () => this.isWelcome, { seen: () => this.closed })
  }

  /** The connection goes on, whatever became of its sessions. */
  async isHeard(): Promise<void> {
    const { pongs } = this
    this.say({ type: 'ping' })
    await until('the pong', () => this.pongs > pongs, { seen: () => this.closed })
  }

  update(update: Uint8Array, answer = false): void {
    this.ask({ type: 'update', seq: ++this.seq, answer, update })
  }

  exchange(stateVector: Uint8Array): void {
    this.ask({ type: 'exchange', stateVector })
  }

  awareness(update: Uint8Array): void {
    this.ask({ type: 'awareness', update })
  }

  protected async open(): Promise<void> {
    if (!this.isWelcome) await this.greet()
    this.ask({ type: 'open', name: this.target.document, resume: null, stateVector: noVector })
    const isAnswered = () => this.replies.some(({ type }) => type === 'opened' || type === 'refused')
    await until('the document to be opened', isAnswered, { seen: () => this.closed })
    if (this.ended === null) this.update(nothing, true)
  }

  protected hear(frame: Uint8Array): void {
    for (const read of this.#reader.read(frame)) {
      if (!read.ok) throw read.error
      const { message } = read
      if (message.type === 'welcome') this.isWelcome = true
      else if (message.type === 'pong') this.pongs++
      else if (message.type === 'session') this.#hearSession(message.message)
    }
  }

  #hearSession(reply: SessionReply): void {
    if (this.replies.length < 1_000) this.replies.push(reply)
    if (reply.type === 'refused' || reply.type === 'closed' || reply.type === 'rejected') this.ended = reply.code
    else if (reply.type === 'resync') this.resyncs++
    else if (reply.type === 'synced') this.syncs++
  }
}

/** What y-websocket says. */
export class YAttacker extends Attacker {
  readonly dialect = 'y-websocket'
  #vectors = 0

  constructor(target: Target) {
    const query = target.token === undefined ? '' : `?token=${target.token}`
    const { 'y-websocket': path } = target.paths ?? relayPaths
    super(target, `${path}${encodeURIComponent(target.document)}${query}`)
    this.opens(target.document)
  }

  say(type: number, ...parts: (number | Uint8Array)[]): void {
    this.raw(
      written((encoder) => {
        encoding.writeVarUint(encoder, type)
        writeParts(encoder, parts)
      }),
    )
  }

  update(update: Uint8Array, answer = false): void {
    this.say(0, answer ? 1 : 2, update)
  }

  exchange(stateVector: Uint8Array): void {
    this.say(0, 0, stateVector)
  }

  awareness(update: Uint8Array): void {
    this.say(1, update)
  }

  protected async open(): Promise<void> {
    this.exchange(noVector)
    this.update(nothing, true)
  }

  protected hear(frame: Uint8Array): void {
    if (frame[0] !== 0) return
    if (frame[1] === 1) this.syncs++
    if (frame[1] === 0 && this.#vectors++ > 0) this.resyncs++
  }
}

/** What Hocuspocus providers say. */
export class HocuspocusAttacker extends Attacker {
  readonly dialect = 'hocuspocus'
  #isAuthenticated = false
  #vectors = 0
  #key: string

  constructor(target: Target) {
    super(target, (target.paths ?? relayPaths).hocuspocus)
    this.#key = target.document
  }

  sayAbout(key: string, type: number, ...parts: (number | Uint8Array | string)[]): void {
    this.raw(
      written((encoder) => {
        encoding.writeVarString(encoder, key)
        encoding.writeVarUint(encoder, type)
        writeParts(encoder, parts)
      }),
    )
  }

  say(type: number, ...parts: (number | Uint8Array | string)[]): void {
    this.sayAbout(this.#key, type, ...parts)
  }

  /** Opens a document of another name. */
  async authenticate(key = this.#key): Promise<void> {
    this.#key = key
    this.opens(key.split('\0', 1)[0]!)
    this.say(2, 0, this.target.token ?? '', '4.0.0')
    await until('an answer', () => this.#isAuthenticated || this.ended !== null, { seen: () => this.closed })
  }

  update(update: Uint8Array, answer = false): void {
    this.say(0, answer ? 1 : 2, update)
  }

  exchange(stateVector: Uint8Array): void {
    this.say(0, 0, stateVector)
  }

  awareness(update: Uint8Array): void {
    this.say(1, update)
  }

  protected async open(): Promise<void> {
    await this.authenticate()
    this.exchange(noVector)
    this.update(nothing, true)
  }

  protected hear(frame: Uint8Array): void {
    if (frame.length === 1) return
    const decoder = decoding.createDecoder(frame)
    decoding.readVarString(decoder)
    const type = decoding.readVarUint(decoder)
    if (type === 2) this.#hearAuth(decoder)
    else if (type === 7) this.ended = codeIn(decoding.readVarString(decoder)) ?? 'closed'
    else if (type === 0) {
      const step = decoding.readVarUint(decoder)
      if (step === 1) this.syncs++
      if (step === 0 && this.#vectors++ > 0) this.resyncs++
    }
  }

  #hearAuth(decoder: decoding.Decoder): void {
    const isDenied = decoding.readVarUint(decoder) === 1
    if (isDenied) this.ended = codeIn(decoding.readVarString(decoder)) ?? 'denied'
    else this.#isAuthenticated = true
  }
}

function writeParts(encoder: encoding.Encoder, parts: readonly (number | Uint8Array | string)[]): void {
  for (const part of parts) {
    if (typeof part === 'number') encoding.writeVarUint(encoder, part)
    else if (typeof part === 'string') encoding.writeVarString(encoder, part)
    else encoding.writeVarUint8Array(encoder, part)
  }
}

const kinds = { native: NativeAttacker, 'y-websocket': YAttacker, hocuspocus: HocuspocusAttacker }

/** Connects in one of the wire protocols. */
export async function attackerOf<D extends Dialect>(
  dialect: D,
  target: Target,
): Promise<InstanceType<(typeof kinds)[D]>> {
  const attacker = new kinds[dialect](target)
  await attacker.connect()
  return attacker as InstanceType<(typeof kinds)[D]>
}
