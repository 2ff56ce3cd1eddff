import { SynclineError, unreachable } from '@syncline/protocol'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { readSync, type SyncMessage, writeSync } from './sync.js'

/** What Hocuspocus providers say about a document, as far as a relay has to know it. */
export type HocuspocusRequest =
  | SyncMessage
  | { readonly type: 'awareness'; readonly update: Uint8Array }
  /** opens the document, or brings another token for it; `version` is the provider's, from its version 4 on */
  | { readonly type: 'token'; readonly token: string; readonly version: string | null }
  | { readonly type: 'queryAwareness' }
  /** of the application, for its own server */
  | { readonly type: 'stateless'; readonly payload: string }
  /** only servers say this */
  | { readonly type: 'broadcastStateless' }
  | { readonly type: 'close' }

/** What Hocuspocus servers say about a document. */
export type HocuspocusReply =
  | SyncMessage
  | Extract<HocuspocusRequest, { type: 'awareness' | 'stateless' }>
  /** another token is asked for: providers answer with what they were configured with */
  | { readonly type: 'tokenRequest' }
  | { readonly type: 'authenticated'; readonly scope: 'read-write' | 'readonly' }
  | { readonly type: 'denied'; readonly reason: string }
  | { readonly type: 'closed'; readonly reason: string }
  /** one step 2 or update is on disk */
  | { readonly type: 'saved' }

/** A WebSocket message: about the connection, or about the document that `key` stands for. */
export type HocuspocusFrame =
  | { readonly type: 'ping' }
  | { readonly type: 'pong' }
  | { readonly type: 'document'; readonly key: string; readonly request: HocuspocusRequest | null }

const types = {
  sync: 0,
  awareness: 1,
  auth: 2,
  queryAwareness: 3,
  stateless: 5,
  broadcastStateless: 6,
  close: 7,
  syncStatus: 8,
  ping: 9,
  pong: 10,
} as const
const auths = { token: 0, denied: 1, authenticated: 2 } as const

/** A ping, which providers answer from their version 4 on. */
export const pingFrame = Uint8Array.of(types.ping)
/** The answer to a ping. */
export const pongFrame = Uint8Array.of(types.pong)

/**
 * Reads a WebSocket message.
 *
 * @returns views into `frame`; `request` is null where its type is of no use to a relay
 * @throws SynclineError `malformed_frame`
 */
export function decodeHocuspocus(frame: Uint8Array): HocuspocusFrame {
  if (frame.length === 1 && frame[0] === types.ping) return { type: 'ping' }
  if (frame.length === 1 && frame[0] === types.pong) return { type: 'pong' }
  try {
    const decoder = decoding.createDecoder(frame)
    const key = decoding.readVarString(decoder)
    const request = readRequest(decoder)
    if (request !== null && decoder.pos !== frame.length) throw new Error('Bytes follow the message')
    return { type: 'document', key, request }
  } catch (error) {
    throw new SynclineError('malformed_frame', error instanceof Error ? error.message.slice(0, 100) : 'Unreadable')
  }
}

function readRequest(decoder: decoding.Decoder): HocuspocusRequest | null {
  switch (decoding.readVarUint(decoder)) {
    case types.sync:
      return readSync(decoder)
    case types.awareness:
      return { type: 'awareness', update: decoding.readVarUint8Array(decoder) }
    case types.auth:
      return readToken(decoder)
    case types.queryAwareness:
      return { type: 'queryAwareness' }
    case types.stateless:
      return { type: 'stateless', payload: decoding.readVarString(decoder) }
    case types.broadcastStateless:
      decoding.readVarString(decoder)
      return { type: 'broadcastStateless' }
    case types.close:
      return { type: 'close' }
    default:
      return null
  }
}

function readToken(decoder: decoding.Decoder): HocuspocusRequest {
  if (decoding.readVarUint(decoder) !== auths.token) throw new Error('Unknown auth message')
  const token = decoding.readVarString(decoder)
  const version = decoding.hasContent(decoder) ? decoding.readVarString(decoder) : null
  return { type: 'token', token, version }
}

/** Encodes a reply about the document of `key`, which has to be the client's own, letter by letter. */
export function encodeHocuspocus(key: string, reply: HocuspocusReply): Uint8Array {
  return encoding.encode((encoder) => {
    encoding.writeVarString(encoder, key)
    writeReply(encoder, reply)
  })
}

function writeReply(encoder: encoding.Encoder, reply: HocuspocusReply): void {
  switch (reply.type) {
    case 'step1':
    case 'step2':
    case 'update':
      encoding.writeVarUint(encoder, types.sync)
      return writeSync(encoder, reply)
    case 'awareness':
      encoding.writeVarUint(encoder, types.awareness)
      return encoding.writeVarUint8Array(encoder, reply.update)
    case 'stateless':
      encoding.writeVarUint(encoder, types.stateless)
      return encoding.writeVarString(encoder, reply.payload)
    case 'tokenRequest':
      encoding.writeVarUint(encoder, types.auth)
      return encoding.writeVarUint(encoder, auths.token)
    case 'authenticated':
      encoding.writeVarUint(encoder, types.auth)
      encoding.writeVarUint(encoder, auths.authenticated)
      return encoding.writeVarString(encoder, reply.scope)
    case 'denied':
      encoding.writeVarUint(encoder, types.auth)
      encoding.writeVarUint(encoder, auths.denied)
      return encoding.writeVarString(encoder, reply.reason)
    case 'closed':
      encoding.writeVarUint(encoder, types.close)
      return encoding.writeVarString(encoder, reply.reason)
    case 'saved':
      encoding.writeVarUint(encoder, types.syncStatus)
      return encoding.writeVarInt(encoder, 1)
    default:
      return unreachable(reply)
  }
}
