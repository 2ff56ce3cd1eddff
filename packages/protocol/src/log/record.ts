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

/**
 * The chain of a log after a record with these runs. It covers all runs so far, their authors and how they were
 * divided into records: two logs with equal position and chain have the same history.
 *
 * @param chain the chain before that record; 0 for an empty log
 */
export function chainAfter(chain: number, runs: readonly Run[]): number {
  return crc32c(encodeRuns(runs), chain)
}

/** Encodes a record as it is stored; the layout stands in the server's LOG.md. */
export function encodeRecord(record: LogRecord): Uint8Array {
  const runs = encodeRuns(record.runs)
  const runsAt = headBytes + varUintBytes(record.position) + varUintBytes(record.time)
  const bytes = new Uint8Array(runsAt + runs.length + chainBytes + checksumBytes)
  writeVarUint(bytes, writeVarUint(bytes, headBytes, record.position), record.time)
  bytes.set(runs, runsAt)
  writeUint32(bytes, runsAt + runs.length, record.chain)
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
function encodeRuns(runs: readonly Run[]): Uint8Array {
  const authors = runs.map((run) => encodeAuthor(run.author))
  let length = 0
  for (let i = 0; i < runs.length; i++) length += bufferBytes(authors[i]!) + bufferBytes(runs[i]!.update)
  const bytes = new Uint8Array(varUintBytes(length) + length)
  let at = writeVarUint(bytes, 0, length)
  for (let i = 0; i < runs.length; i++) {
    at = writeBuffer(bytes, at, authors[i]!)
    at = writeBuffer(bytes, at, runs[i]!.update)
  }
  return bytes
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
