/** A connection that is not read while too much waits for the disk. */
export interface Held {
  /** it is read again */
  release(): void
}

/**
 * What all rooms together have accepted and the log does not have yet. Above its mark, whoever brings more is held until
 * less than half of it is left: so a disk that is slow or stalls costs its writers time, and the relay no more memory
 * than the mark and what each of them had on its way.
 *
 * Nothing is held for ever: what waits is committed, or dropped with its room.
 */
export class Backlog {
  readonly #bytesHigh: number
  readonly #held = new Set<Held>()
  #bytes = 0
  #isFull = false

  constructor(bytesHigh: number) {
    this.#bytesHigh = bytesHigh
  }

  /** what waits or is being committed */
  get bytes(): number {
    return this.#bytes
  }

  /** True from the mark on until half of it is left: whoever brings an update is to be held. */
  get isFull(): boolean {
    return this.#isFull
  }

  /** A room has so much more, or less. */
  change(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes > this.#bytesHigh) this.#isFull = true
    else if (this.#isFull && this.#bytes < this.#bytesHigh / 2) this.#releaseAll()
  }

  /** Holds a connection until there is room, or {@link forget}. */
  hold(held: Held): void {
    this.#held.add(held)
  }

  /** It is over. */
  forget(held: Held): void {
    this.#held.delete(held)
  }

  #releaseAll(): void {
    this.#isFull = false
    const all = [...this.#held]
    this.#held.clear()
    for (const held of all) held.release()
  }
}
