interface Line {
  messages: Uint8Array[]
  /** those before it are on their way: to shift a long array moves all of it, each time */
  next: number
  bytes: number
}

/** Messages that wait for a connection's socket: in order within their channel, and the channels take turns. */
export class Interleaver {
  readonly #lines = new Map<number, Line>()
  #bytes = 0
  #count = 0

  get bytes(): number {
    return this.#bytes
  }

  /** number of messages that wait */
  get count(): number {
    return this.#count
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
    const line = this.#lines.get(channel) ?? { messages: [], next: 0, bytes: 0 }
    for (const message of messages) {
      line.messages.push(message)
      line.bytes += message.length
      this.#bytes += message.length
      this.#count++
    }
    this.#lines.set(channel, line)
  }

  /** Takes messages of together at most `bytesMax` bytes, at least one where there is any. */
  take(bytesMax: number): Uint8Array[] {
    const taken: Uint8Array[] = []
    let bytes = 0
    // a line that is deleted and set again is at the end, and comes up once more in this very iteration
    for (const [channel, line] of this.#lines) {
      const next = line.messages[line.next]!
      if (taken.length > 0 && bytes + next.length > bytesMax) break
      taken.push(next)
      bytes += next.length
      advance(line)
      line.bytes -= next.length
      this.#lines.delete(channel)
      if (line.messages.length > line.next) this.#lines.set(channel, line)
    }
    this.#bytes -= bytes
    this.#count -= taken.length
    return taken
  }

  /** Forgets what waits on a channel. */
  drop(channel: number): void {
    const line = this.#lines.get(channel)
    if (line === undefined) return
    this.#bytes -= line.bytes
    this.#count -= line.messages.length - line.next
    this.#lines.delete(channel)
  }

  clear(): void {
    this.#lines.clear()
    this.#bytes = 0
    this.#count = 0
  }
}

/** Passes over the next message, and now and then lets go of those that were passed over. */
function advance(line: Line): void {
  line.next++
  if (line.next < 64 || 2 * line.next < line.messages.length) return
  line.messages = line.messages.slice(line.next)
  line.next = 0
}
