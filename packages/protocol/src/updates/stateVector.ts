import { SynclineError } from '../errors.js'
import { Cursor } from './cursor.js'
import { Writer } from './writer.js'

/** The encoded state vector of who has nothing: the byte 00. Shared: do not write into it. */
export const emptyStateVector: Uint8Array = new Uint8Array([0])

/** Clients in a state vector: a document gains one with every page load that edits it. As many take 10 MB. */
const stateVectorClientsMax = 1_000_000

/**
 * Reads an encoded state vector: client id → the clock that the client's next struct will have.
 *
 * @param clientsMax how many clients it may name
 * @throws SynclineError `malformed_frame` where the bytes are not a state vector and nothing else, or name a client
 * twice, or too many
 */
export function decodeStateVector(
  encoded: Uint8Array,
  clientsMax: number = stateVectorClientsMax,
): Map<number, number> {
  const cursor = new Cursor('malformed_frame')
  cursor.open(encoded)
  const clients = cursor.uint()
  if (clients > clientsMax) {
    throw new SynclineError('malformed_frame', `The state vector names ${clients} clients, more than ${clientsMax}`)
  }
  const vector = new Map<number, number>()
  for (let left = clients; left > 0; left--) vector.set(cursor.uint(), cursor.uint())
  if (vector.size !== clients) throw cursor.fault('The state vector names a client twice')
  if (cursor.at !== encoded.length) throw cursor.fault('The state vector goes on')
  return vector
}

/** Encodes a state vector as Yjs does, with higher client ids first: equal maps give equal bytes. */
export function encodeStateVector(vector: ReadonlyMap<number, number>): Uint8Array {
  const writer = new Writer(8 + 10 * vector.size)
  writer.uint(vector.size)
  for (const client of [...vector.keys()].sort((a, b) => b - a)) {
    writer.uint(client)
    writer.uint(vector.get(client)!)
  }
  return writer.finish()
}

/**
 * Checks an encoded state vector that came over the wire.
 *
 * @param clientsMax how many clients it may name
 * @throws SynclineError `malformed_frame`
 */
export function assertStateVector(encoded: Uint8Array, clientsMax: number = stateVectorClientsMax): void {
  decodeStateVector(encoded, clientsMax)
}

/**
 * A hash of an encoded state vector: an unsigned 32-bit integer, the same for every order of the clients, and whether
 * or not clients with clock 0 are named.
 *
 * @throws SynclineError `malformed_frame`
 */
export function hashStateVector(encoded: Uint8Array): number {
  let hash = 0
  for (const [client, clock] of decodeStateVector(encoded)) {
    if (clock > 0) hash = (hash + hashClock(client, clock)) | 0
  }
  return hash >>> 0
}

function hashClock(client: number, clock: number): number {
  let hash = 0
  for (const word of [client, client / 2 ** 32, clock, clock / 2 ** 32]) hash = scramble(hash ^ word)
  return hash
}

/** Spreads each bit over all 32: the last steps of MurmurHash3, kept off its fixed point 0. */
function scramble(word: number): number {
  let hash = (word + 0x9e3779b9) | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
