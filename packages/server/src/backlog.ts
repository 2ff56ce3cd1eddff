import type { Clock } from './clock.js'

// A client asks after 10 s of silence and waits 5 s for the answer; one that fears for its network asks at once.
const reassureMs = 2_000

/** A connection that is not read while too much waits for the disk. */
export interface Held {
  /** its peer is not heard, and may ask itself whether anybody is here */
  reassure(): void
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
  readonly #clock: Clock
  readonly #held = new Set<Held>()
  #bytes = 0
  #isFull = false
  #cancelReassuring: (() => void) | null = null

  constructor(bytesHigh: number, clock: Clock) {
    this.#bytesHigh = bytesHigh
    this.#clock = clock
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
    this.#cancelReassuring ??= this.#reassureLater()
  }

  /** It is over. */
  forget(held: Held): void {
    if (this.#held.delete(held)) this.#restWhereNobodyIsHeld()
  }

  #releaseAll(): void {
    this.#isFull = false
    const all = [...this.#held]
    this.#held.clear()
    this.#restWhereNobodyIsHeld()
    for (const held of all) held.release()
  }

  #reassureLater(): () => void {
    return this.#clock.after(reassureMs, () => {
      this.#cancelReassuring = this.#reassureLater()
      for (const held of this.#held) held.reassure()
    })
  }

  #restWhereNobodyIsHeld(): void {
    if (this.#held.size > 0) return
    this.#cancelReassuring?.()
    this.#cancelReassuring = null
  }
}
