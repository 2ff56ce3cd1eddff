interface Line {
  readonly messages: Uint8Array[]
  bytes: number
}

/** Messages that wait for a connection's socket: in order within their channel, and the channels take turns. */
export class Interleaver {
  readonly #lines = new Map<number, Line>()
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  /** channels on which something waits, and how many bytes */
  *waiting(): Iterable<readonly [number, number]> {
    for (const [channel, { bytes }] of this.#lines) yield [channel, bytes]
  }

  /** number of channels on which something waits */
  get channels(): number {
    return this.#lines.size
  }

  bytesOf(channel: number): number {
    return this.#lines.get(channel)?.bytes ?? 0
  }

  push(channel: number, messages: readonly Uint8Array[]): void {
    if (messages.length === 0) return
    const line = this.#lines.get(channel) ?? { messages: [], bytes: 0 }
    for (const message of messages) {
      line.messages.push(message)
      line.bytes += message.length
      this.#bytes += message.length
    }
    this.#lines.set(channel, line)
  }

  /** Takes messages of together at most `bytesMax` bytes, at least one where there is any. */
  take(bytesMax: number): Uint8Array[] {
    const taken: Uint8Array[] = []
    let bytes = 0
    // a line that is deleted and set again is at the end, and comes up once more in this very iteration
    for (const [channel, line] of this.#lines) {
      const next = line.messages[0]!
      if (taken.length > 0 && bytes + next.length > bytesMax) break
      taken.push(next)
      bytes += next.length
      line.messages.shift()
      line.bytes -= next.length
      this.#lines.delete(channel)
      if (line.messages.length > 0) this.#lines.set(channel, line)
    }
    this.#bytes -= bytes
    return taken
  }

  /** Forgets what waits on a channel. */
  drop(channel: number): void {
    this.#bytes -= this.bytesOf(channel)
    this.#lines.delete(channel)
  }

  clear(): void {
    this.#lines.clear()
    this.#bytes = 0
  }
}
