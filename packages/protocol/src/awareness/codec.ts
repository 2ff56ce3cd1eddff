import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { decodeUtf8 } from 'lib0/string'
import { SynclineError } from '../errors.js'
import type { Limits } from '../limits.js'
import { readVarUint } from '../varUint.js'

/** One client's state at a clock; `state` is JSON, `null` means gone. */
export interface AwarenessEntry {
  readonly clock: number
  readonly state: string | null
}

/** Client id → entry. */
export type AwarenessEntries = ReadonlyMap<number, AwarenessEntry>

type AwarenessLimits = Pick<Limits, 'awarenessClientsMax' | 'awarenessStateBytesMax' | 'awarenessDepthMax'>

// a clock counts one renewal in 15 s and one for each move of a cursor: 2^31 are decades
const clockMax = 2 ** 31

/**
 * Reads a y-protocols awareness update: count, then client id, clock and JSON of each.
 *
 * @throws SynclineError `malformed_awareness`
 */
export function decodeAwareness(bytes: Uint8Array, limits: AwarenessLimits): Map<number, AwarenessEntry> {
  try {
    return decode(bytes, limits)
  } catch (error) {
    throw error instanceof SynclineError ? error : malformed(String(error).slice(0, 100))
  }
}

/** Writes a y-protocols awareness update. */
export function encodeAwareness(entries: AwarenessEntries): Uint8Array {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, entries.size)
  for (const [client, { clock, state }] of entries) {
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, clock)
    encoding.writeVarString(encoder, state ?? 'null')
  }
  return encoding.toUint8Array(encoder)
}

function decode(bytes: Uint8Array, limits: AwarenessLimits): Map<number, AwarenessEntry> {
  const decoder = decoding.createDecoder(bytes)
  const count = readVarUint(decoder)
  // a tab of y-websocket forwards its siblings and, at first, everyone it knows: some room above what it may own
  if (count > limits.awarenessClientsMax * 64) throw malformed(`${count} clients`)
  const entries = new Map<number, AwarenessEntry>()
  for (let i = 0; i < count; i++) {
    const client = readVarUint(decoder)
    const clock = readVarUint(decoder)
    if (clock > clockMax) throw malformed(`Clock ${clock}`)
    entries.set(client, { clock, state: readState(decoder, limits) })
  }
  if (decoder.pos !== bytes.length) throw malformed('Bytes follow the message')
  return entries
}

function readState(decoder: decoding.Decoder, limits: AwarenessLimits): string | null {
  const json = decoding.readVarUint8Array(decoder)
  if (json.length > limits.awarenessStateBytesMax) throw malformed(`A state of ${json.length} bytes`)
  const text = decodeUtf8(json)
  if (depthOf(text) > limits.awarenessDepthMax) throw malformed('A state nested too deep')
  return JSON.parse(text) === null ? null : text
}

function depthOf(json: string): number {
  let depth = 0
  let deepest = 0
  let inString = false
  for (let i = 0; i < json.length; i++) {
    const c = json.charCodeAt(i)
    if (inString) {
      if (c === 0x5c) i++
      else if (c === 0x22) inString = false
    } else if (c === 0x22) inString = true
    else if (c === 0x7b || c === 0x5b) deepest = Math.max(deepest, ++depth)
    else if (c === 0x7d || c === 0x5d) depth--
  }
  return deepest
}

function malformed(fact: string): SynclineError {
  return new SynclineError('malformed_awareness', fact)
}
