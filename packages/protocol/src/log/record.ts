import * as decoding from 'lib0/decoding'
import { decodeUtf8, encodeUtf8 } from 'lib0/string'
import { SynclineError } from '../errors.js'
import { crc32c } from './crc32c.js'
import type { LogRecord, Run } from './port.js'
import { readUint32, seal, unseal, writeUint32 } from './sealed.js'

const kind = 0xa
const version = 1
const headBytes = 1
const chainBytes = 4
const checksumBytes = 4

// what is needed for a checksum alone: an array for each record would be garbage between updates that stay, and that
// leaves holes in the heap
const scratch = new Uint8Array(64 * 1024)

/**
 * The chain of a log after a record with these runs. It covers all runs so far, their authors and how they were
 * divided into records: two logs with equal position and chain have the same history.
 *
 * @param chain the chain before that record; 0 for an empty log
 */
export function chainAfter(chain: number, runs: readonly Run[]): number {
  const encoded = new EncodedRuns(runs)
  const bytes = encoded.bytes <= scratch.length ? scratch.subarray(0, encoded.bytes) : new Uint8Array(encoded.bytes)
  encoded.write(bytes, 0)
  return crc32c(bytes, chain)
}

/** Encodes a record as it is stored; the layout stands in the server's LOG.md. */
export function encodeRecord(record: LogRecord): Uint8Array {
  const runs = new EncodedRuns(record.runs)
  const runsAt = headBytes + varUintBytes(record.position) + varUintBytes(record.time)
  const bytes = new Uint8Array(runsAt + runs.bytes + chainBytes + checksumBytes)
  writeVarUint(bytes, writeVarUint(bytes, headBytes, record.position), record.time)
  runs.write(bytes, runsAt)
  writeUint32(bytes, runsAt + runs.bytes, record.chain)
  return seal(bytes, kind, version)
}

/**
 * Decodes a stored record. Its updates share memory with `bytes`. Whether the chain fits to the record before is
 * the reader's to check, with {@link chainAfter}.
 *
 * @throws SynclineError `document_damaged` where a byte is not what was written, `unknown_format` where a newer
 *   version wrote it
 */
export function decodeRecord(bytes: Uint8Array): LogRecord {
  const body = unseal(bytes, kind, version, 'The record')
  const runsEnd = body.length - chainBytes
  const decoder = decoding.createDecoder(body.subarray(0, runsEnd))
  try {
    const position = decoding.readVarUint(decoder)
    const time = decoding.readVarUint(decoder)
    const length = decoding.readVarUint(decoder)
    if (length !== runsEnd - decoder.pos) throw new RangeError(`its runs have ${length} bytes`)
    const runs: Run[] = []
    while (decoding.hasContent(decoder)) {
      const author = decodeUtf8(decoding.readVarUint8Array(decoder))
      runs.push({ author, update: decoding.readVarUint8Array(decoder) })
    }
    return { position, chain: readUint32(body, runsEnd), time, runs }
  } catch (error) {
    throw new SynclineError('document_damaged', `The record has no valid layout: ${(error as Error).message}`)
  }
}

/** The byte length of all runs, then the runs: what the chain is computed over. */
class EncodedRuns {
  /** how many {@link write} writes */
  readonly bytes: number
  readonly #runs: readonly Run[]
  readonly #authors: readonly Uint8Array[]
  readonly #length: number

  constructor(runs: readonly Run[]) {
    this.#runs = runs
    this.#authors = runs.map((run) => encodeAuthor(run.author))
    let length = 0
    for (let i = 0; i < runs.length; i++) length += bufferBytes(this.#authors[i]!) + bufferBytes(runs[i]!.update)
    this.#length = length
    this.bytes = varUintBytes(length) + length
  }

  write(bytes: Uint8Array, start: number): void {
    let at = writeVarUint(bytes, start, this.#length)
    for (let i = 0; i < this.#runs.length; i++) {
      at = writeBuffer(bytes, at, this.#authors[i]!)
      at = writeBuffer(bytes, at, this.#runs[i]!.update)
    }
  }
}

// written by hand into arrays of the right size: lib0's growing encoders took five times as long, on every commit

function encodeAuthor(author: string): Uint8Array {
  const bytes = new Uint8Array(author.length)
  for (let i = 0; i < author.length; i++) {
    const unit = author.charCodeAt(i)
    if (unit >= 0x80) return encodeUtf8(author)
    bytes[i] = unit
  }
  return bytes
}

function bufferBytes(buffer: Uint8Array): number {
  return varUintBytes(buffer.length) + buffer.length
}

function writeBuffer(bytes: Uint8Array, at: number, buffer: Uint8Array): number {
  const start = writeVarUint(bytes, at, buffer.length)
  bytes.set(buffer, start)
  return start + buffer.length
}

function varUintBytes(value: number): number {
  let bytes = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++
  return bytes
}

function writeVarUint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value
  // no shifts: times and positions have more than 32 bits
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes[at++] = 0x80 | (rest % 0x80)
  bytes[at++] = rest
  return at
}
