import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { type ErrorCode, SynclineError } from '../errors.js'
import type { LogPoint } from '../log/port.js'
import { readVarUint } from '../varUint.js'

/** The number of each message on the wire; PROTOCOL.md has their layouts. */
export const messageTypes = {
  hello: 0,
  welcome: 1,
  ping: 2,
  pong: 3,
  leaving: 4,
  token: 5,
  expires: 6,
  open: 16,
  opened: 17,
  refused: 18,
  update: 19,
  exchange: 20,
  synced: 21,
  ack: 22,
  resync: 23,
  digest: 24,
  awareness: 25,
  close: 26,
  closed: 27,
  access: 28,
  rejected: 29,
  signal: 30,
  part: 32,
  lastPart: 33,
} as const

/** Channel 0 belongs to the connection, every other one to a session. */
export const connectionChannel = 0

export function writePoint(encoder: encoding.Encoder, point: LogPoint): void {
  writeEpoch(encoder, point.epoch)
  writeHead(encoder, point)
}

export function readPoint(decoder: decoding.Decoder): LogPoint {
  const epoch = readEpoch(decoder)
  return { epoch, ...readHead(decoder) }
}

export function writeHead(
  encoder: encoding.Encoder,
  head: { readonly position: number; readonly chain: number },
): void {
  encoding.writeVarUint(encoder, head.position)
  encoding.writeUint32(encoder, head.chain)
}

export function readHead(decoder: decoding.Decoder): { position: number; chain: number } {
  return { position: readVarUint(decoder), chain: readUint32(decoder) }
}

// lib0 reads past the end of a view into a larger buffer for fixed-width numbers: go byte by byte
export function readUint32(decoder: decoding.Decoder): number {
  let value = 0
  for (let shift = 0; shift < 32; shift += 8) value |= readByte(decoder) << shift
  return value >>> 0
}

export function readByte(decoder: decoding.Decoder): number {
  if (decoder.pos >= decoder.arr.length) throw new SynclineError('malformed_frame', 'The message ends early')
  return decoding.readUint8(decoder)
}

export function readFlags(decoder: decoding.Decoder, allowed: number): number {
  const flags = readByte(decoder)
  if ((flags & ~allowed) !== 0) throw new SynclineError('malformed_frame', `Unknown flags ${flags}`)
  return flags
}

export function readRest(decoder: decoding.Decoder): Uint8Array {
  const rest = decoder.arr.subarray(decoder.pos)
  decoder.pos = decoder.arr.length
  return rest
}

const endingFlags = { retry: 1, retryMs: 2 }

export function writeEnding(
  encoder: encoding.Encoder,
  ending: { code: string; reason: string; retry: boolean; retryMs?: number },
): void {
  const { retry, retryMs } = ending
  encoding.writeUint8(encoder, (retry ? endingFlags.retry : 0) | (retryMs === undefined ? 0 : endingFlags.retryMs))
  if (retryMs !== undefined) encoding.writeVarUint(encoder, retryMs)
  encoding.writeVarString(encoder, ending.code)
  encoding.writeVarString(encoder, ending.reason)
}

export function readEnding(decoder: decoding.Decoder) {
  const flags = readFlags(decoder, endingFlags.retry | endingFlags.retryMs)
  const wait = (flags & endingFlags.retryMs) === 0 ? {} : { retryMs: readVarUint(decoder) }
  const retry = (flags & endingFlags.retry) !== 0
  return { ...readReason(decoder), retry, ...wait }
}

export function readReason(decoder: decoding.Decoder) {
  const code = decoding.readVarString(decoder)
  const reason = decoding.readVarString(decoder)
  // a page does not carry the codes of relays, and a newer one may have others
  return { code: /^[a-z_]+$/.test(code) ? (code as ErrorCode) : 'internal', reason }
}

function writeEpoch(encoder: encoding.Encoder, epoch: string): void {
  for (let i = 0; i < 16; i += 2) encoding.writeUint8(encoder, Number.parseInt(epoch.slice(i, i + 2), 16))
}

function readEpoch(decoder: decoding.Decoder): string {
  let epoch = ''
  for (let i = 0; i < 8; i++) epoch += readByte(decoder).toString(16).padStart(2, '0')
  return epoch
}
