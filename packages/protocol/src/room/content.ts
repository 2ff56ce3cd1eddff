import type { Limits } from '../limits.js'
import type { Head, LogRecord, StoredDocument } from '../log/port.js'
import { differenceFrom, mergeUpdates } from '../updates/index.js'

interface TailRecord {
  /** the point after it: one object for all who have come so far */
  readonly head: Head
  readonly update: Uint8Array
}

/**
 * The committed bytes of one document in memory: everything merged up to some position, and the recent records one by
 * one, so that whoever was here a moment ago gets only what is new.
 *
 * `#base` covers `#basePosition`; `#tail` ends at the head and begins at or before `#basePosition + 1`.
 */
export class Content {
  readonly #limits: Pick<Limits, 'tailRecordsMax' | 'tailBytesMax'>
  #base: Uint8Array | null
  #basePosition: number
  /** the point just before the first record of the tail */
  #tailStart: Head
  #tail: TailRecord[] = []
  #tailBytes = 0
  #unfoldedBytes = 0

  constructor(stored: StoredDocument | null, limits: Pick<Limits, 'tailRecordsMax' | 'tailBytesMax'>) {
    this.#limits = limits
    this.#base = stored?.base ?? null
    this.#basePosition = stored?.basePosition ?? 0
    this.#tailStart = stored?.start ?? { position: 0, chain: 0 }
    for (const record of stored?.records ?? []) this.append(record, mergeUpdates(record.runs.map((run) => run.update)))
  }

  get head(): Head {
    return this.#tail.at(-1)?.head ?? this.#tailStart
  }

  /** Bytes of the document as it would be sent to a newcomer; an upper bound, since merging shares headers. */
  get bytes(): number {
    return (this.#base?.length ?? 0) + this.#unfoldedBytes
  }

  /** Adds the record after the head; `update` is its runs merged. */
  append(record: LogRecord, update: Uint8Array): void {
    this.#tail.push({ head: { position: record.position, chain: record.chain }, update })
    this.#tailBytes += update.length
    if (record.position <= this.#basePosition) return // it is in the base, and was kept for resuming
    this.#unfoldedBytes += update.length
    // folding costs what the base weighs: do it when the tail has grown by a good part of that
    if (this.#unfoldedBytes > Math.max(this.#limits.tailBytesMax, (this.#base?.length ?? 0) / 2)) this.snapshot()
    else if (this.#tail.length > 2 * this.#limits.tailRecordsMax) this.snapshot()
  }

  /** True where this log went through that position with that chain, and still has every record after it. */
  confirms(point: Head): boolean {
    const index = point.position - this.#tailStart.position
    if (index < 0 || index > this.#tail.length) return false
    return (index === 0 ? this.#tailStart : this.#tail[index - 1]!.head).chain === point.chain
  }

  /** Everything after a position, as one update; null where that is nothing. Older positions than the tail's get all. */
  since(position: number): Uint8Array | null {
    const index = position - this.#tailStart.position
    if (index < 0) return this.snapshot()
    const updates = this.#tail.slice(index).map((record) => record.update)
    return updates.length === 0 ? null : mergeUpdates(updates)
  }

  /** The whole document as one update; null where it is empty. Shared by all who join at the same position. */
  snapshot(): Uint8Array | null {
    const { position } = this.head
    if (position > this.#basePosition) {
      const unfolded = this.#tail.slice(this.#basePosition - this.#tailStart.position).map((record) => record.update)
      this.#base = mergeUpdates(this.#base ? [this.#base, ...unfolded] : unfolded)
      this.#basePosition = position
      this.#unfoldedBytes = 0
      this.#trim()
    }
    return this.#base
  }

  /**
   * Takes the compacted document up to some position in place of what was merged here. What is merged here stays where
   * the tail no longer has all records after that position, or does not go that far yet.
   */
  replaceBase(base: Uint8Array, position: number): void {
    if (position < this.#tailStart.position || position > this.head.position) return
    this.#base = base
    this.#basePosition = position
    const unfolded = this.#tail.slice(position - this.#tailStart.position)
    this.#unfoldedBytes = unfolded.reduce((bytes, { update }) => bytes + update.length, 0)
  }

  /** What a replica with this encoded state vector lacks; null where that is nothing. */
  difference(stateVector: Uint8Array): Uint8Array | null {
    const snapshot = this.snapshot()
    if (snapshot === null || stateVector.length === 1) return snapshot
    return differenceFrom(snapshot, stateVector)
  }

  #trim(): void {
    const { tailRecordsMax, tailBytesMax } = this.#limits
    let drop = 0
    while (this.#tail.length - drop > tailRecordsMax || this.#tailBytes > tailBytesMax) {
      this.#tailBytes -= this.#tail[drop++]!.update.length
    }
    if (drop === 0) return
    this.#tailStart = this.#tail[drop - 1]!.head
    this.#tail = this.#tail.slice(drop)
  }
}
