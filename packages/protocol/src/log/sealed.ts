import { SynclineError } from '../errors.js'
import { crc32c } from './crc32c.js'

/**
 * What a stored value is: the high half of its first byte. The low half is the version of its layout, 1 to 14;
 * 15 is kept for a longer head.
 */
export type ValueKind = 0xa | 0xb | 0xc | 0xd | 0xe | 0xf

const checksumBytes = 4

/**
 * Puts head and checksum around the body of a stored value, in place: `bytes` has one byte free at its start and
 * four at its end. Every version of every kind is sealed alike, so that an older relay can tell a newer format
 * from damage.
 */
export function seal(bytes: Uint8Array, kind: ValueKind, version: number): Uint8Array {
  const end = bytes.length - checksumBytes
  bytes[0] = (kind << 4) | version
  writeUint32(bytes, end, crc32c(bytes.subarray(0, end)))
  return bytes
}

/**
 * Checks a sealed value and gives its body, which shares memory with `bytes`.
 *
 * @param what names the value in the error, such as `The record`
 * @throws SynclineError `document_damaged` where the bytes are not what was sealed or of another kind,
 *   `unknown_format` where they are whole but of a version after `version`
 */
export function unseal(bytes: Uint8Array, kind: ValueKind, version: number, what: string): Uint8Array {
  const end = bytes.length - checksumBytes
  if (end < 1) throw new SynclineError('document_damaged', `${what} has only ${bytes.length} bytes`)
  if (crc32c(bytes.subarray(0, end)) !== readUint32(bytes, end)) {
    throw new SynclineError('document_damaged', `${what} does not match its checksum`)
  }
  const head = bytes[0]!
  if (head >>> 4 !== kind || (head & 0xf) === 0) {
    throw new SynclineError('document_damaged', `${what} begins with ${head.toString(16)}`)
  }
  if ((head & 0xf) > version) throw new SynclineError('unknown_format', `${what} has format ${head & 0xf}`)
  return new Uint8Array(bytes.buffer, bytes.byteOffset + 1, end - 1) // a plain one, also where a Buffer came in
}

/** Writes an unsigned 32-bit number, least significant byte first. */
export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i++) bytes[at + i] = value >>> (8 * i)
}

/** Reads what {@link writeUint32} wrote. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
}
