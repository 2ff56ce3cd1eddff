import * as decoding from 'lib0/decoding'
import { SynclineError } from '../errors.js'
import { readVarUint } from '../varUint.js'
import type {
  Channel,
  ClientMessage,
  ConnectionReply,
  ConnectionRequest,
  RelayMessage,
  SessionReply,
  SessionRequest,
} from './types.js'
import {
  connectionChannel,
  messageTypes,
  readEnding,
  readFlags,
  readHead,
  readPoint,
  readReason,
  readRest,
  readUint32,
} from './wire.js'

/**
 * What a frame held, in order: messages, and faults. A fault with a channel ends that session; one without
 * (`channel: null`) means that the connection cannot go on, and is the last of its frame.
 */
export type Read<Message> =
  | { readonly ok: true; readonly message: Message }
  | { readonly ok: false; readonly channel: Channel | null; readonly error: SynclineError }

/** How much a reader takes. */
export interface ReaderLimits {
  /** largest message at all, and bytes of unfinished parts on one connection */
  readonly documentBytesMax: number
  /** largest token */
  readonly tokenBytesMax: number
}

// what a message may have beside its update: seq, position, chain
const headerBytesMax = 64
const versionsMax = 32
// messages whose last part is still to come, on all channels: some hundred bytes of memory each
const unfinishedMax = 10_000

/** Reads what clients send: one for each connection, since large messages arrive in parts. */
export class ClientMessageReader {
  readonly #frames: FrameReader<ClientMessage>

  constructor(limits: ReaderLimits) {
    this.#frames = new FrameReader<ClientMessage>(
      limits,
      (body) => decodeConnectionRequest(body, limits),
      (channel, body) => ({ type: 'session', channel, message: decodeRequest(body) }),
    )
  }

  /** @param frame one WebSocket message; the results hold views into it */
  read(frame: Uint8Array): Read<ClientMessage>[] {
    return this.#frames.read(frame)
  }

  /** As {@link read} does, one by one as they are asked for; null stands for a part of a message that has no end yet. */
  steps(frame: Uint8Array): Iterable<Read<ClientMessage> | null> {
    return this.#frames.steps(frame)
  }
}

/** Reads what a relay sends: one for each connection, since large messages arrive in parts. */
export class RelayMessageReader {
  readonly #frames: FrameReader<RelayMessage>

  constructor(limits: ReaderLimits) {
    this.#frames = new FrameReader<RelayMessage>(limits, decodeConnectionReply, (channel, body) => ({
      type: 'session',
      channel,
      message: decodeReply(body),
    }))
  }

  /** @param frame one WebSocket message; the results hold views into it */
  read(frame: Uint8Array): Read<RelayMessage>[] {
    return this.#frames.read(frame)
  }
}

class FrameReader<Message> {
  readonly #limits: ReaderLimits
  readonly #connection: (body: Uint8Array) => Message
  readonly #session: (channel: Channel, body: Uint8Array) => Message
  readonly #parts = new Map<Channel, Parts>()
  #partBytes = 0

  constructor(
    limits: ReaderLimits,
    connection: (body: Uint8Array) => Message,
    session: (channel: Channel, body: Uint8Array) => Message,
  ) {
    this.#limits = limits
    this.#connection = connection
    this.#session = session
  }

  read(frame: Uint8Array): Read<Message>[] {
    const results: Read<Message>[] = []
    for (const read of this.steps(frame)) if (read !== null) results.push(read)
    return results
  }

  *steps(frame: Uint8Array): Generator<Read<Message> | null, void> {
    const decoder = decoding.createDecoder(frame)
    while (decoder.pos < frame.length) {
      let channel: Channel | null = null
      let read: Read<Message> | null = null
      try {
        const length = readVarUint(decoder)
        const end = decoder.pos + length
        const number = readVarUint(decoder)
        if (decoder.pos >= end) throw new SynclineError('malformed_frame', 'A message has no body')
        channel = number === connectionChannel ? null : number
        if (end > frame.length) {
          decoder.pos = frame.length
          throw new SynclineError('malformed_frame', 'A message is longer than its frame')
        }
        const body = frame.subarray(decoder.pos, end)
        decoder.pos = end
        const message = this.#message(channel ?? connectionChannel, body)
        if (message !== null) read = { ok: true, message }
      } catch (error) {
        if (channel !== null) this.#drop(channel)
        else decoder.pos = frame.length
        read = { ok: false, channel, error: asMalformed(error) }
      }
      yield read
    }
  }

  #message(channel: Channel, body: Uint8Array): Message | null {
    if (channel === connectionChannel) return this.#connection(body)
    switch (body[0]) {
      case messageTypes.part:
        this.#keep(channel, body.subarray(1))
        return null
      case messageTypes.lastPart: {
        this.#keep(channel, body.subarray(1))
        return this.#session(channel, this.#drop(channel))
      }
      case messageTypes.closed:
        // what was begun gets no end
        this.#drop(channel)
        return this.#session(channel, body)
      default:
        if (this.#parts.has(channel)) throw new SynclineError('malformed_frame', 'A message stands between two parts')
        return this.#session(channel, body)
    }
  }

  #keep(channel: Channel, part: Uint8Array): void {
    if (this.#partBytes + part.length > this.#limits.documentBytesMax + headerBytesMax) {
      throw new SynclineError('update_too_large', `Parts hold more than ${this.#limits.documentBytesMax} bytes`)
    }
    let parts = this.#parts.get(channel)
    if (parts === undefined) {
      if (this.#parts.size === unfinishedMax) {
        throw new SynclineError('protocol_violation', `${unfinishedMax} messages are unfinished`)
      }
      parts = new Parts()
      this.#parts.set(channel, parts)
    }
    parts.add(part)
    this.#partBytes += part.length
  }

  #drop(channel: Channel): Uint8Array {
    const parts = this.#parts.get(channel)
    if (parts === undefined) return new Uint8Array()
    this.#parts.delete(channel)
    this.#partBytes -= parts.length
    return parts.joined()
  }
}

/** The beginning of a message, in one piece of memory: any number of parts takes no more than twice their bytes. */
class Parts {
  length = 0
  #bytes = new Uint8Array()

  add(part: Uint8Array): void {
    const length = this.length + part.length
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, 2 * this.length))
      grown.set(this.#bytes.subarray(0, this.length))
      this.#bytes = grown
    }
    this.#bytes.set(part, this.length)
    this.length = length
  }

  /** Called once, in the end. Whoever keeps them keeps nothing else. */
  joined(): Uint8Array {
    return this.length === this.#bytes.length ? this.#bytes : this.#bytes.slice(0, this.length)
  }
}

function decodeConnectionRequest(body: Uint8Array, limits: ReaderLimits): ConnectionRequest {
  return whole(body, (decoder, type) => {
    switch (type) {
      case messageTypes.hello: {
        const count = readVarUint(decoder)
        if (count > versionsMax) throw new SynclineError('malformed_frame', `${count} versions`)
        const versions = Array.from({ length: count }, () => readVarUint(decoder))
        const agent = decoding.readVarString(decoder)
        const token = readToken(decoder, limits)
        return { type: 'hello', versions, agent, token: token === '' ? null : token }
      }
      case messageTypes.token:
        return { type: 'token', token: readToken(decoder, limits) }
      case messageTypes.ping:
        return { type: 'ping' }
      case messageTypes.pong:
        return { type: 'pong' }
      default:
        throw unknownType(type)
    }
  })
}

function decodeConnectionReply(body: Uint8Array): ConnectionReply {
  return whole(body, (decoder, type) => {
    switch (type) {
      case messageTypes.welcome: {
        const version = readVarUint(decoder)
        const limits = {
          frameBytesMax: readVarUint(decoder),
          updateBytesMax: readVarUint(decoder),
          documentBytesMax: readVarUint(decoder),
        }
        return { type: 'welcome', version, limits, agent: decoding.readVarString(decoder) }
      }
      case messageTypes.ping:
        return { type: 'ping' }
      case messageTypes.pong:
        return { type: 'pong' }
      case messageTypes.expires:
        return { type: 'expires', expiresMs: readVarUint(decoder) }
      case messageTypes.leaving:
        return { type: 'leaving', retryMs: readVarUint(decoder) }
      default:
        throw unknownType(type)
    }
  })
}

function readToken(decoder: decoding.Decoder, { tokenBytesMax }: ReaderLimits): string {
  const start = decoder.pos
  const token = decoding.readVarString(decoder)
  // with its length, which takes two bytes at most
  if (decoder.pos - start > tokenBytesMax + 2) throw new SynclineError('malformed_frame', 'The token is too long')
  return token
}

function decodeRequest(body: Uint8Array): SessionRequest {
  return whole(body, (decoder, type) => {
    switch (type) {
      case messageTypes.open: {
        const name = decoding.readVarString(decoder)
        const resumes = readFlags(decoder, 1) === 1
        const resume = resumes ? readPoint(decoder) : null
        return { type: 'open', name, resume, stateVector: readRest(decoder) }
      }
      case messageTypes.update: {
        const flags = readFlags(decoder, 3)
        const seq = readVarUint(decoder)
        const request = { type: 'update', seq, answer: (flags & 1) !== 0, update: readRest(decoder) } as const
        return flags & 2 ? { ...request, seed: true } : request
      }
      case messageTypes.exchange:
        return { type: 'exchange', stateVector: readRest(decoder) }
      case messageTypes.digest:
        return { type: 'digest', point: readPoint(decoder), vectorHash: readUint32(decoder) }
      case messageTypes.awareness:
        return { type: 'awareness', update: readRest(decoder) }
      case messageTypes.signal:
        return { type: 'signal', payload: decoding.readVarString(decoder) }
      case messageTypes.close:
        return { type: 'close' }
      default:
        throw unknownType(type)
    }
  })
}

function decodeReply(body: Uint8Array): SessionReply {
  return whole(body, (decoder, type) => {
    switch (type) {
      case messageTypes.opened: {
        const flags = readFlags(decoder, 7)
        const point = readPoint(decoder)
        const stateVector = flags & 1 ? readRest(decoder) : null
        const opened = { type: 'opened', point, stateVector, access: flags & 2 ? 'write' : 'read' } as const
        return flags & 4 ? { ...opened, withheld: true } : opened
      }
      case messageTypes.update:
        return { type: 'update', ...readHead(decoder), update: readRest(decoder) }
      case messageTypes.synced: {
        const hasUpdate = readFlags(decoder, 1) === 1
        const head = readHead(decoder)
        return { type: 'synced', ...head, update: hasUpdate ? readRest(decoder) : null }
      }
      case messageTypes.ack:
        return { type: 'ack', seq: readVarUint(decoder), ...readHead(decoder) }
      case messageTypes.resync:
        return { type: 'resync', seq: readVarUint(decoder), stateVector: readRest(decoder) }
      case messageTypes.rejected: {
        const seq = readVarUint(decoder)
        return { type: 'rejected', seq, ...readReason(decoder) }
      }
      case messageTypes.digest:
        return { type: 'digest' }
      case messageTypes.awareness:
        return { type: 'awareness', update: readRest(decoder) }
      case messageTypes.signal:
        return { type: 'signal', payload: decoding.readVarString(decoder) }
      case messageTypes.access: {
        const flags = readFlags(decoder, 3)
        const access = { type: 'access', access: flags & 1 ? 'write' : 'read' } as const
        return flags & 2 ? { ...access, withheld: true } : access
      }
      case messageTypes.refused:
        return { type: 'refused', ...readEnding(decoder) }
      case messageTypes.closed:
        return { type: 'closed', ...readEnding(decoder) }
      default:
        throw unknownType(type)
    }
  })
}

function whole<T>(body: Uint8Array, decode: (decoder: decoding.Decoder, type: number) => T): T {
  const decoder = decoding.createDecoder(body)
  const result = decode(decoder, decoding.readUint8(decoder))
  if (decoder.pos !== body.length) throw new SynclineError('malformed_frame', 'Bytes follow the message')
  return result
}

function unknownType(type: number): SynclineError {
  return new SynclineError('malformed_frame', `Unknown message type ${type}`)
}

// lib0 throws plain errors for truncated or oversized numbers and invalid UTF-8
function asMalformed(error: unknown): SynclineError {
  return error instanceof SynclineError ? error : new SynclineError('malformed_frame', String(error).slice(0, 100))
}
