/** Collects bytes. Integers are written as lib0's varUints. */
export class Writer {
  #bytes: Uint8Array
  #length = 0

  /** @param capacity a guess at how many bytes there will be */
  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity)
  }

  byte(byte: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = byte
  }

  uint(value: number): void {
    this.#reserve(8)
    let rest = value
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.#bytes[this.#length++] = rest
  }

  /** Copies `source` from the byte `from` up to but not with `to`. */
  copy(source: Uint8Array, from: number, to: number): void {
    this.#reserve(to - from)
    if (to - from > 48) {
      this.#bytes.set(source.subarray(from, to), this.#length)
      this.#length += to - from
      return
    }
    // a view costs more than so few bytes
    for (let at = from; at < to; at++) this.#bytes[this.#length++] = source[at]!
  }

  /** The bytes so far; the writer is done with. */
  finish(): Uint8Array {
    return this.#length === this.#bytes.length ? this.#bytes : this.#bytes.slice(0, this.#length)
  }

  #reserve(length: number): void {
    const needed = this.#length + length
    if (needed <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
  }
}
