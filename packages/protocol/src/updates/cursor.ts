import { type ErrorCode, SynclineError } from '../errors.js'

const nothing = new Uint8Array(0)

/**
 * Walks over bytes that a stranger wrote. Integers are lib0's varUints, refused beyond 2^53 - 1 and where they are
 * longer than needed: lib0 itself reads a long row of 80 bytes as NaN.
 */
export class Cursor {
  readonly #code: ErrorCode
  /** what is read; may be a view into something larger */
  bytes: Uint8Array = nothing
  /** the next byte to read */
  at = 0
  /** the byte at which reading must stop */
  end = 0

  /** @param code what is thrown where the bytes are not what they should be */
  constructor(code: ErrorCode) {
    this.#code = code
  }

  /** Starts over, on other bytes. */
  open(bytes: Uint8Array, at = 0): void {
    this.bytes = bytes
    this.at = at
    this.end = bytes.length
  }

  /** The error to throw: what was seen, and where. */
  fault(fact: string, at: number = this.at): SynclineError {
    return new SynclineError(this.#code, `${fact} at byte ${at}`)
  }

  byte(): number {
    if (this.at >= this.end) throw this.fault('The bytes end too early')
    return this.bytes[this.at++]!
  }

  uint(): number {
    const byte = this.byte()
    return byte < 0x80 ? byte : this.#longUint(byte)
  }

  /** Skips bytes of which there are `length`; anything may be in them. */
  skip(length: number): void {
    if (length > this.end - this.at) throw this.fault('The bytes end too early', this.end)
    this.at += length
  }

  /** Skips a string after its length in bytes and returns its length in UTF-16 units, which Yjs counts in. */
  text(): number {
    const length = this.uint()
    const start = this.at
    this.skip(length)
    const { bytes, at: stop } = this
    for (let at = start; at < stop; at++) {
      if (bytes[at]! >= 0x80) return at - start + this.#units(at)
    }
    return length
  }

  /** Skips a string that `accepts` takes: given the bytes, where it starts and where it ends. */
  textOf(accepts: (bytes: Uint8Array, from: number, to: number) => boolean, what: string): void {
    const start = this.at
    this.text()
    let from = start + 1
    while (this.bytes[from - 1]! >= 0x80) from++
    if (!accepts(this.bytes, from, this.at)) throw this.fault(`A string is not ${what}`, from)
  }

  /** Whether these bytes come next. */
  startsWith(bytes: readonly number[]): boolean {
    return bytes.length <= this.end - this.at && bytes.every((byte, i) => this.bytes[this.at + i] === byte)
  }

  #longUint(first: number): number {
    let value = first & 0x7f
    let factor = 0x80
    for (let length = 2; length <= 8; length++) {
      const byte = this.byte()
      value += (byte & 0x7f) * factor
      if (byte < 0x80) {
        if (byte === 0) throw this.fault('An integer is longer than needed')
        if (value > Number.MAX_SAFE_INTEGER) break
        return value
      }
      factor *= 0x80
    }
    throw this.fault('An integer is larger than 2^53 - 1')
  }

  /** The length in UTF-16 units of the UTF-8 from a character boundary up to here. */
  #units(from: number): number {
    let units = 0
    for (let at = from; at < this.at; ) {
      const length = characterLength(this.bytes, at, this.at)
      if (length === 0) throw this.fault('A string is not UTF-8', at)
      at += length
      units += length === 4 ? 2 : 1
    }
    return units
  }
}

/**
 * The bytes that the UTF-8 character at `at` takes; 0 where there is none. As the Encoding Standard has it: no
 * overlong forms, no surrogates, nothing beyond U+10FFFF.
 */
function characterLength(bytes: Uint8Array, at: number, to: number): number {
  const lead = bytes[at]!
  if (lead < 0x80) return 1
  if (lead < 0xc2 || lead > 0xf4) return 0
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
  if (at + length > to) return 0
  const second = bytes[at + 1]!
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  if (second < low || second > high) return 0
  for (let i = 2; i < length; i++) {
    if ((bytes[at + i]! & 0xc0) !== 0x80) return 0
  }
  return length
}
