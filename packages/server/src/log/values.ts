import { SynclineError, seal, unseal } from '@syncline/protocol'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'

// What LevelDB holds beside records; LOG.md has the layouts. Every value is sealed like a record: one byte that says
// what it is and in which version, the body, CRC-32C.

const formatKind = 0xf
const documentKind = 0xd
const baseKind = 0xb
const version = 1
const epochBytes = 8

/** What a log knows of a document without reading it. */
export interface DocumentHead {
  /** 16 hex digits */
  readonly epoch: string
  /** position that the base goes up to; 0 where there is none */
  readonly basePosition: number
  readonly baseChain: number
  /** size of the stored base */
  readonly baseBytes: number
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
    encoding.writeUint32(encoder, head.baseChain)
    encoding.writeVarUint(encoder, head.baseBytes)
  })
}

/** @throws SynclineError `document_damaged`, `unknown_format` */
export function decodeDocument(value: Uint8Array): DocumentHead {
  const decoder = decoding.createDecoder(unseal(value, documentKind, version, "The document's head"))
  return {
    epoch: Buffer.from(decoding.readUint8Array(decoder, epochBytes)).toString('hex'),
    basePosition: decoding.readVarUint(decoder),
    baseChain: decoding.readUint32(decoder),
    baseBytes: decoding.readVarUint(decoder),
  }
}

/** How the update of a base is packed. */
const plain = 0

/** Encodes the compacted update of a document up to a position. */
export function encodeBase(update: Uint8Array, position: number): Uint8Array {
  return sealed(baseKind, (encoder) => {
    encoding.writeVarUint(encoder, position)
    encoding.writeUint8(encoder, plain)
    encoding.writeUint8Array(encoder, update)
  })
}

/**
 * The update of a base, which shares memory with `value`.
 *
 * @throws SynclineError `document_damaged` where it is none or goes up to another position, `unknown_format`
 */
export function decodeBase(value: Uint8Array, position: number): Uint8Array {
  const body = unseal(value, baseKind, version, 'The base')
  const decoder = decoding.createDecoder(body)
  const found = decoding.readVarUint(decoder)
  if (found !== position) throw new SynclineError('document_damaged', `The base goes up to ${found}, not ${position}`)
  const packing = decoding.readUint8(decoder)
  if (packing !== plain) throw new SynclineError('unknown_format', `The base has packing ${packing}`)
  return decoding.readTailAsUint8Array(decoder)
}

function sealed(kind: 0xb | 0xd, write: (encoder: encoding.Encoder) => void): Uint8Array {
  const encoder = encoding.createEncoder()
  encoding.writeUint8(encoder, 0)
  write(encoder)
  encoding.writeUint32(encoder, 0)
  return seal(encoding.toUint8Array(encoder), kind, version)
}
