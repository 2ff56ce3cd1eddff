import { crc32 } from 'node:zlib'

// messages below are greetings and pings; what a document weighs is in larger ones
const contentBytesMin = 1_000

/** What stands before something and says how long that is. */
export interface Header {
  readonly headerBytes: number
  readonly bodyBytes: number
}

interface SplitterEvents {
  /** some of a body; the bytes are gone after the call */
  part(bytes: Buffer): void
  /** a body is complete */
  end(): void
}

/** Takes a stream apart, each thing in it after a header, without waiting for whole ones. */
export class Splitter {
  readonly #readHeader: (bytes: Buffer) => Header | null
  readonly #events: SplitterEvents
  #header = Buffer.alloc(0)
  /** bytes that are still to come; null between two bodies */
  #left: number | null = null

  /** @param readHeader null where it is not complete; a header has at most 10 bytes */
  constructor(readHeader: (bytes: Buffer) => Header | null, events: SplitterEvents) {
    this.#readHeader = readHeader
    this.#events = events
  }

  take(bytes: Buffer): void {
    let at = 0
    while (at < bytes.length) {
      if (this.#left === null) at += this.#begin(bytes.subarray(at))
      if (this.#left === null) return
      const part = bytes.subarray(at, at + this.#left)
      if (part.length > 0) this.#events.part(part)
      at += part.length
      this.#left -= part.length
      if (this.#left > 0) return
      this.#left = null
      this.#events.end()
    }
  }

  /** How many bytes of a header it took. */
  #begin(bytes: Buffer): number {
    const before = this.#header
    const known = before.length === 0 ? bytes.subarray(0, 10) : Buffer.concat([before, bytes.subarray(0, 10)])
    const header = this.#readHeader(known)
    this.#header = header === null ? Buffer.from(known) : Buffer.alloc(0)
    if (header === null) return bytes.length
    this.#left = header.bodyBytes
    return header.headerBytes - before.length
  }
}

interface DigestEvents {
  /** a message of a size that content has: its length and the CRC-32 of its bytes */
  message(digest: string): void
  /** another one, as a frame of its own; the bytes are its own */
  short(frame: Buffer): void
}

/** What tells messages from others: of large ones no byte is kept. */
export class Digests {
  readonly #events: DigestEvents
  /** null where a frame is a message */
  readonly #packed: Splitter | null
  #length = 0
  #sum = 0
  #short: Buffer[] = []

  /** @param packs true where a frame holds messages, each after its length */
  constructor(packs: boolean, events: DigestEvents) {
    this.#events = events
    const body = { part: (bytes: Buffer) => this.#add(bytes), end: () => this.#end() }
    this.#packed = packs ? new Splitter(readVarUintHeader, body) : null
  }

  /** Some of a frame. */
  add(bytes: Buffer): void {
    if (this.#packed === null) this.#add(bytes)
    else this.#packed.take(bytes)
  }

  endFrame(): void {
    if (this.#packed === null) this.#end()
  }

  #add(bytes: Buffer): void {
    this.#sum = crc32(bytes, this.#sum)
    this.#length += bytes.length
    if (this.#length < contentBytesMin) this.#short.push(Buffer.from(bytes))
  }

  #end(): void {
    const [length, sum, parts] = [this.#length, this.#sum, this.#short]
    this.#length = 0
    this.#sum = 0
    this.#short = []
    if (length >= contentBytesMin) return this.#events.message(`${length}:${sum}`)
    this.#events.short(Buffer.concat(this.#packed === null ? parts : [varUint(length), ...parts]))
  }
}

function readVarUintHeader(bytes: Buffer): Header | null {
  const end = bytes.findIndex((byte) => byte < 0x80)
  if (end < 0) return null
  const bodyBytes = bytes.subarray(0, end + 1).reduce((sum, byte, i) => sum + (byte & 0x7f) * 2 ** (7 * i), 0)
  return { headerBytes: end + 1, bodyBytes }
}

/** of a short message */
function varUint(length: number): Buffer {
  return length < 0x80 ? Buffer.of(length) : Buffer.of(0x80 | (length & 0x7f), length >> 7)
}
