import { SynclineError } from '@syncline/protocol'
import { type Packed, pack, unpackedBytes, unpackSync } from './packing.js'
import { type DocumentHead, decodeBasePart, encodeBasePart } from './values.js'

// LevelDB writes one batch after the other: behind one of 5 MB every commit would wait for its fsync, some 30 ms
const partBytes = 256 * 1024

/** A base as it is stored: packed, cut into parts, and each of them sealed. What makes one of it may be another thread. */
export interface StoredBase {
  /** position that it goes up to */
  readonly position: number
  readonly packing: number
  /** of the update, in bytes */
  readonly length: number
  /** of the packed update, in bytes: what all parts hold together */
  readonly packedBytes: number
  /** the sealed parts, in order */
  readonly values: readonly Uint8Array[]
}

/** Cuts a packed update into parts; they share no memory with it. */
export function cutBase(position: number, length: number, { packing, bytes }: Packed): StoredBase {
  const values: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += partBytes) {
    values.push(encodeBasePart({ position, index: values.length, bytes: bytes.subarray(at, at + partBytes) }))
  }
  return { position, packing, length, packedBytes: bytes.length, values }
}

/** Into how many parts a packed update of so many bytes is cut. */
export function partCount(packedBytes: number): number {
  return Math.ceil(packedBytes / partBytes)
}

/**
 * The base that a document's head names.
 *
 * @param values its parts as they were read
 * @throws SynclineError `document_damaged`, `unknown_format` where its size cannot be told
 */
export function storedBase(
  { basePosition, packing, baseBytes }: DocumentHead,
  values: readonly Uint8Array[],
): StoredBase {
  const [first] = values
  if (first === undefined) throw lacking(basePosition, baseBytes)
  const length = unpackedBytes({ packing, bytes: decodeBasePart(first).bytes }, baseBytes)
  return { position: basePosition, packing, length, packedBytes: baseBytes, values }
}

/**
 * Gives the update back, on this thread.
 *
 * @throws SynclineError `document_damaged`, `unknown_format`
 */
export function updateOf({ position, packing, packedBytes, values }: StoredBase): Uint8Array {
  const parts = new BaseParts(position, packedBytes)
  for (const value of values) parts.add(value)
  return unpackSync({ packing, bytes: parts.joined() })
}

/** Joins the parts of a base, which have to be its own, all of them. */
export class BaseParts {
  readonly #position: number
  readonly #bytes: Uint8Array
  #at = 0
  #index = 0

  /** @param packedBytes of all of them */
  constructor(position: number, packedBytes: number) {
    this.#position = position
    this.#bytes = new Uint8Array(packedBytes)
  }

  /** Takes the next one, sealed as it is stored. @throws SynclineError `document_damaged`, `unknown_format` */
  add(value: Uint8Array): void {
    const { position, index, bytes } = decodeBasePart(value)
    if (position !== this.#position || index !== this.#index++ || bytes.length > this.#bytes.length - this.#at) {
      throw new SynclineError('document_damaged', `The base up to ${this.#position} has a part that is not its own`)
    }
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  /** The packed update. @throws SynclineError `document_damaged` where parts are missing */
  joined(): Uint8Array {
    if (this.#at < this.#bytes.length) throw lacking(this.#position, this.#bytes.length - this.#at)
    return this.#bytes
  }
}

function lacking(position: number, bytes: number): SynclineError {
  return new SynclineError('document_damaged', `The base up to ${position} lacks ${bytes} bytes`)
}

/** An update as it is stored as a base up to a position. */
export async function toStored(update: Uint8Array, position: number): Promise<StoredBase> {
  return cutBase(position, update.length, await pack(update))
}
