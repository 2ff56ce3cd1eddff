import * as encoding from 'lib0/encoding'
import { joinBytes } from '../bytes.js'
import { unreachable } from '../unreachable.js'
import { writeEnvelope } from './envelope.js'
import type { Channel, ClientMessage, RelayMessage, SessionReply, SessionRequest } from './types.js'
import { connectionChannel, messageTypes, writeEnding, writeHead, writePoint } from './wire.js'

/**
 * Encodes a message of a client. The result is one wire message, or several parts of at most `frameBytesMax` bytes
 * where it is larger; {@link packFrames} puts them into frames.
 */
export function encodeClientMessage(message: ClientMessage, frameBytesMax: number): Uint8Array[] {
  switch (message.type) {
    case 'session':
      return frameBody(message.channel, encodeRequest(message.message), frameBytesMax)
    case 'hello':
      return connectionMessage(messageTypes.hello, (encoder) => {
        encoding.writeVarUint(encoder, message.versions.length)
        for (const version of message.versions) encoding.writeVarUint(encoder, version)
        encoding.writeVarString(encoder, message.agent)
        encoding.writeVarString(encoder, message.token ?? '')
      })
    case 'token':
      return connectionMessage(messageTypes.token, (encoder) => encoding.writeVarString(encoder, message.token))
    case 'ping':
    case 'pong':
      return connectionMessage(messageTypes[message.type])
    default:
      return unreachable(message)
  }
}

/** Encodes a message of the relay; like {@link encodeClientMessage}. */
export function encodeRelayMessage(message: RelayMessage, frameBytesMax: number): Uint8Array[] {
  switch (message.type) {
    case 'session':
      return frameBody(message.channel, encodeReply(message.message), frameBytesMax)
    case 'welcome':
      return connectionMessage(messageTypes.welcome, (encoder) => {
        encoding.writeVarUint(encoder, message.version)
        encoding.writeVarUint(encoder, message.limits.frameBytesMax)
        encoding.writeVarUint(encoder, message.limits.updateBytesMax)
        encoding.writeVarUint(encoder, message.limits.documentBytesMax)
        encoding.writeVarString(encoder, message.agent)
      })
    case 'expires':
      return connectionMessage(messageTypes.expires, (encoder) => encoding.writeVarUint(encoder, message.expiresMs))
    case 'leaving':
      return connectionMessage(messageTypes.leaving, (encoder) => encoding.writeVarUint(encoder, message.retryMs))
    case 'ping':
    case 'pong':
      return connectionMessage(messageTypes[message.type])
    default:
      return unreachable(message)
  }
}

/** Puts wire messages into as few frames of at most `frameBytesMax` bytes as their order allows. */
export function packFrames(messages: readonly Uint8Array[], frameBytesMax: number): Uint8Array[] {
  const frames: Uint8Array[] = []
  let group: Uint8Array[] = []
  let bytes = 0
  const flush = () => {
    if (group.length > 0) frames.push(group.length === 1 ? group[0]! : joinBytes(group))
    group = []
    bytes = 0
  }
  for (const message of messages) {
    if (bytes + message.length > frameBytesMax) flush()
    group.push(message)
    bytes += message.length
  }
  flush()
  return frames
}

function encodeRequest(request: SessionRequest): Uint8Array {
  const encoder = encoding.createEncoder()
  switch (request.type) {
    case 'open':
      encoding.writeUint8(encoder, messageTypes.open)
      encoding.writeVarString(encoder, request.name)
      encoding.writeUint8(encoder, request.resume ? 1 : 0)
      if (request.resume) writePoint(encoder, request.resume)
      else encoding.writeUint8Array(encoder, request.stateVector)
      break
    case 'update':
      encoding.writeUint8(encoder, messageTypes.update)
      encoding.writeUint8(encoder, (request.answer ? 1 : 0) | (request.seed ? 2 : 0))
      encoding.writeVarUint(encoder, request.seq)
      encoding.writeUint8Array(encoder, request.update)
      break
    case 'exchange':
      encoding.writeUint8(encoder, messageTypes.exchange)
      encoding.writeUint8Array(encoder, request.stateVector)
      break
    case 'digest':
      encoding.writeUint8(encoder, messageTypes.digest)
      writePoint(encoder, request.point)
      encoding.writeUint32(encoder, request.vectorHash)
      break
    case 'awareness':
      encoding.writeUint8(encoder, messageTypes.awareness)
      encoding.writeUint8Array(encoder, request.update)
      break
    case 'signal':
      encoding.writeUint8(encoder, messageTypes.signal)
      encoding.writeVarString(encoder, request.payload)
      break
    case 'close':
      encoding.writeUint8(encoder, messageTypes.close)
      break
    default:
      return unreachable(request)
  }
  return encoding.toUint8Array(encoder)
}

/** one for all replies: lib0's takes a buffer outside of V8's heap for each */
let scratch: encoding.Encoder | null = null

function encodeReply(reply: SessionReply): Uint8Array {
  scratch ??= encoding.createEncoder()
  const encoder = scratch
  encoder.cpos = 0
  encoder.bufs = []
  encoding.writeUint8(encoder, messageTypes[reply.type])
  switch (reply.type) {
    case 'opened':
      encoding.writeUint8(
        encoder,
        (reply.stateVector ? 1 : 0) | (reply.access === 'write' ? 2 : 0) | (reply.withheld ? 4 : 0),
      )
      writePoint(encoder, reply.point)
      if (reply.stateVector) encoding.writeUint8Array(encoder, reply.stateVector)
      break
    case 'update':
      writeHead(encoder, reply)
      encoding.writeUint8Array(encoder, reply.update)
      break
    case 'synced':
      encoding.writeUint8(encoder, reply.update ? 1 : 0)
      writeHead(encoder, reply)
      if (reply.update) encoding.writeUint8Array(encoder, reply.update)
      break
    case 'ack':
      encoding.writeVarUint(encoder, reply.seq)
      writeHead(encoder, reply)
      break
    case 'resync':
      encoding.writeVarUint(encoder, reply.seq)
      encoding.writeUint8Array(encoder, reply.stateVector)
      break
    case 'rejected':
      encoding.writeVarUint(encoder, reply.seq)
      encoding.writeVarString(encoder, reply.code)
      encoding.writeVarString(encoder, reply.reason)
      break
    case 'digest':
      break
    case 'awareness':
      encoding.writeUint8Array(encoder, reply.update)
      break
    case 'signal':
      encoding.writeVarString(encoder, reply.payload)
      break
    case 'access':
      encoding.writeUint8(encoder, (reply.access === 'write' ? 1 : 0) | (reply.withheld ? 2 : 0))
      break
    case 'refused':
    case 'closed':
      writeEnding(encoder, reply)
      break
    default:
      return unreachable(reply)
  }
  const body = encoding.toUint8Array(encoder)
  if (encoder.bufs.length > 0) scratch = null // it has grown
  return body
}

function connectionMessage(type: number, payload?: (encoder: encoding.Encoder) => void): Uint8Array[] {
  const encoder = encoding.createEncoder()
  encoding.writeUint8(encoder, type)
  payload?.(encoder)
  return [envelope(connectionChannel, encoding.toUint8Array(encoder))]
}

// length and channel: two varUints of at most 8 bytes each, and the type byte of a part
const overheadMax = 17

function frameBody(channel: Channel, body: Uint8Array, frameBytesMax: number): Uint8Array[] {
  if (body.length + overheadMax <= frameBytesMax) return [envelope(channel, body)]
  const partBytes = frameBytesMax - overheadMax
  const parts: Uint8Array[] = []
  for (let start = 0; start < body.length; start += partBytes) {
    const type = start + partBytes < body.length ? messageTypes.part : messageTypes.lastPart
    parts.push(envelope(channel, body.subarray(start, start + partBytes), type))
  }
  return parts
}

function envelope(channel: Channel, body: Uint8Array, partType?: number): Uint8Array {
  if (partType === undefined) return writeEnvelope({ channel, body })
  const part = new Uint8Array(1 + body.length)
  part[0] = partType
  part.set(body, 1)
  return writeEnvelope({ channel, body: part })
}
