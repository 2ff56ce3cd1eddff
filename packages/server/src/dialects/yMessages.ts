import { SynclineError } from '@syncline/protocol'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { readSync, type SyncMessage, writeSync } from './sync.js'

/** What y-websocket clients and servers say to each other, as far as a relay has to know it. */
export type YMessage = SyncMessage | { readonly type: 'awareness'; readonly update: Uint8Array }

const syncType = 0
const awarenessType = 1

/** Encodes a message; it has to be a WebSocket message of its own. */
export function encodeYMessage(message: YMessage): Uint8Array {
  const encoder = encoding.createEncoder()
  if (message.type === 'awareness') {
    encoding.writeVarUint(encoder, awarenessType)
    encoding.writeVarUint8Array(encoder, message.update)
  } else {
    encoding.writeVarUint(encoder, syncType)
    writeSync(encoder, message)
  }
  return encoding.toUint8Array(encoder)
}

/**
 * Reads a WebSocket message. Types that a relay has no use for, such as an application's own, give null.
 *
 * @returns views into `frame`
 * @throws SynclineError `malformed_frame`
 */
export function decodeYMessage(frame: Uint8Array): YMessage | null {
  try {
    const decoder = decoding.createDecoder(frame)
    const message = readMessage(decoder)
    if (message !== null && decoder.pos !== frame.length) throw new Error('Bytes follow the message')
    return message
  } catch (error) {
    throw new SynclineError('malformed_frame', error instanceof Error ? error.message.slice(0, 100) : 'Unreadable')
  }
}

function readMessage(decoder: decoding.Decoder): YMessage | null {
  switch (decoding.readVarUint(decoder)) {
    case syncType:
      return readSync(decoder)
    case awarenessType:
      return { type: 'awareness', update: decoding.readVarUint8Array(decoder) }
    default:
      return null
  }
}
