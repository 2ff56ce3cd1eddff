import { type Head, seal, unseal } from '@syncline/protocol'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'

// What LevelDB holds beside records; LOG.md has the layouts. Every value is sealed like a record: one byte that says
// what it is and in which version, the body, CRC-32C.

const formatKind = 0xf
const documentKind = 0xd
const baseKind = 0xb
const pastKind = 0xe
const version = 1
const epochBytes = 8
const checksumBytes = 4
const pastEpochsMax = 1_000

/** What a log knows of a document without reading it. */
export interface DocumentHead {
  /** 16 hex digits */
  readonly epoch: string
  /** position that the base goes up to; 0 where there is none */
  readonly basePosition: number
  /** how the base is packed, see `packing.ts` */
  readonly packing: number
  /** size of the packed base */
  readonly baseBytes: number
  /** the point just before the first record that counts, at or before the base's */
  readonly start: Head
  /** when the document's first record was committed, in ms since 1970; null where that was not kept */
  readonly createdAt: number | null
  /** the same of the record at `start` */
  readonly startedAt: number | null
}

/** The head of a document that has nothing yet, or its first record. */
export function newDocumentHead(epoch: string, createdAt: number | null = null): DocumentHead {
  const start = { position: 0, chain: 0 }
  return { epoch, basePosition: 0, packing: 0, baseBytes: 0, start, createdAt, startedAt: null }
}

/** The value that tells which format a directory has. */
export function encodeFormat(): Uint8Array {
  return seal(new Uint8Array(5), formatKind, version)
}

/** @throws SynclineError `unknown_format` for a newer one, `document_damaged` where it is none */
export function assertFormat(value: Uint8Array): void {
  unseal(value, formatKind, version, "The log's format")
}

/** Encodes what is stored under a document's name. */
export function encodeDocument(head: DocumentHead): Uint8Array {
  return sealed(documentKind, (encoder) => {
    encoding.writeUint8Array(encoder, Buffer.from(head.epoch, 'hex'))
    encoding.writeVarUint(encoder, head.basePosition)
    encoding.writeUint8(encoder, head.packing)
    encoding.writeVarUint(encoder, head.baseBytes)
    encoding.writeVarUint(encoder, head.start.position)
    encoding.writeUint32(encoder, head.start.chain)
    // heads were written without them before, and are read so still
    if (head.createdAt === null && head.startedAt === null) return
    for (const time of [head.createdAt, head.startedAt]) encoding.writeVarUint(encoder, time === null ? 0 : time + 1)
  })
}

/** @throws SynclineError `document_damaged`, `unknown_format` */
export function decodeDocument(value: Uint8Array): DocumentHead {
  const decoder = decoding.createDecoder(unseal(value, documentKind, version, "The document's head"))
  return {
    epoch: readEpoch(decoder),
    basePosition: decoding.readVarUint(decoder),
    packing: decoding.readUint8(decoder),
    baseBytes: decoding.readVarUint(decoder),
    start: { position: decoding.readVarUint(decoder), chain: decoding.readUint32(decoder) },
    createdAt: readTime(decoder),
    startedAt: readTime(decoder),
  }
}

function readTime(decoder: decoding.Decoder): number | null {
  const time = decoding.hasContent(decoder) ? decoding.readVarUint(decoder) : 0
  return time === 0 ? null : time - 1
}

/** The epochs that a document had before, and whether it was deleted. */
export interface Past {
  /** when the last of them ended, in ms since 1970 */
  readonly time: number
  /** those of documents that were deleted, in order: where there is no head, the last of them was */
  readonly deleted: readonly string[]
  /** earlier ones of the document that is there now: repair and restore renew it */
  readonly renewed: readonly string[]
}

/** Encodes what is left of a document's earlier epochs; the oldest go where there are very many. */
export function encodePast({ time, deleted, renewed }: Past): Uint8Array {
  return sealed(pastKind, (encoder) => {
    encoding.writeVarUint(encoder, time)
    for (const epochs of [deleted, renewed]) {
      const last = epochs.slice(-pastEpochsMax)
      encoding.writeVarUint(encoder, last.length)
      for (const epoch of last) encoding.writeUint8Array(encoder, Buffer.from(epoch, 'hex'))
    }
  })
}

/** @throws SynclineError `document_damaged`, `unknown_format` */
export function decodePast(value: Uint8Array): Past {
  const decoder = decoding.createDecoder(unseal(value, pastKind, version, "The document's past"))
  const time = decoding.readVarUint(decoder)
  const readEpochs = () => Array.from({ length: decoding.readVarUint(decoder) }, () => readEpoch(decoder))
  return { time, deleted: readEpochs(), renewed: readEpochs() }
}

function readEpoch(decoder: decoding.Decoder): string {
  return Buffer.from(decoding.readUint8Array(decoder, epochBytes)).toString('hex')
}

/** A piece of a packed base: each is written by itself, so that a large one does not hold up commits. */
export interface BasePart {
  /** position that the base goes up to */
  readonly position: number
  /** 0, 1, 2, … */
  readonly index: number
  readonly bytes: Uint8Array
}

/** Encodes a part of a base. What it makes is as large as it has to be: there are many parts, and they are large. */
export function encodeBasePart({ position, index, bytes }: BasePart): Uint8Array {
  const place = encoding.encode((encoder) => {
    encoding.writeVarUint(encoder, position)
    encoding.writeVarUint(encoder, index)
  })
  const value = new Uint8Array(1 + place.length + bytes.length + checksumBytes)
  value.set(place, 1)
  value.set(bytes, 1 + place.length)
  return seal(value, baseKind, version)
}

/**
 * Decodes a part of a base; its bytes share memory with `value`.
 *
 * @throws SynclineError `document_damaged`, `unknown_format`
 */
export function decodeBasePart(value: Uint8Array): BasePart {
  const decoder = decoding.createDecoder(unseal(value, baseKind, version, 'The base'))
  const position = decoding.readVarUint(decoder)
  const index = decoding.readVarUint(decoder)
  return { position, index, bytes: decoding.readTailAsUint8Array(decoder) }
}

function sealed(kind: 0xd | 0xe, write: (encoder: encoding.Encoder) => void): Uint8Array {
  const encoder = encoding.createEncoder()
  encoding.writeUint8(encoder, 0)
  write(encoder)
  encoding.writeUint32(encoder, 0)
  return seal(encoding.toUint8Array(encoder), kind, version)
}
