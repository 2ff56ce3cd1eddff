import * as decoding from 'lib0/decoding'
import { SynclineError } from '../errors.js'
import { Writer } from '../updates/writer.js'
import { readVarUint } from '../varUint.js'
import type { Channel } from './types.js'
import { messageTypes } from './wire.js'

/** A wire message that is not decoded: for those who pass it on. */
export interface Envelope {
  /** 0 belongs to the connection */
  readonly channel: Channel
  /** from its type on; a view into the frame */
  readonly body: Uint8Array
}

/** Types that whoever passes messages on has to know, as they stand in front of a body. */
export const bodyTypes = Object.freeze({
  hello: messageTypes.hello,
  welcome: messageTypes.welcome,
  ping: messageTypes.ping,
  pong: messageTypes.pong,
  refused: messageTypes.refused,
  close: messageTypes.close,
  closed: messageTypes.closed,
})

/**
 * The messages of a frame, in order.
 *
 * @throws SynclineError `malformed_frame`
 */
export function readEnvelopes(frame: Uint8Array): Envelope[] {
  const envelopes: Envelope[] = []
  const decoder = decoding.createDecoder(frame)
  while (decoder.pos < frame.length) {
    const length = readLength(decoder)
    const end = decoder.pos + length
    const channel = readLength(decoder)
    if (decoder.pos >= end || end > frame.length) throw new SynclineError('malformed_frame', 'A message has no end')
    envelopes.push({ channel, body: frame.subarray(decoder.pos, end) })
    decoder.pos = end
  }
  return envelopes
}

/** The message as it stands in a frame. */
export function writeEnvelope({ channel, body }: Envelope): Uint8Array {
  const writer = new Writer(body.length + 16) // length and channel
  writer.uint(varUintBytes(channel) + body.length)
  writer.uint(channel)
  writer.copy(body, 0, body.length)
  return writer.finish()
}

function readLength(decoder: decoding.Decoder): number {
  try {
    return readVarUint(decoder)
  } catch (error) {
    throw new SynclineError('malformed_frame', String(error))
  }
}

function varUintBytes(value: number): number {
  return value < 0x80 ? 1 : 1 + varUintBytes(value / 0x80)
}
