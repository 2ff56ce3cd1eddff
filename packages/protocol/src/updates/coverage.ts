import { Intervals, type Ranges } from './intervals.js'
import { Scan } from './scan.js'
import { encodeStateVector } from './stateVector.js'

/** Ranges of deletions in a document: adding one costs up to half a millisecond then. A written book has some 10,000. */
export const documentDeleteRangesMax = 1_000_000

const scan = new Scan()

/**
 * Which ranges of inserts a log contains, and which ranges of deletions its updates carried. Integration deletes too,
 * and no update says so: never compare this with the delete set of a `Y.Doc`.
 *
 * The inserts of a client in a log that is causally complete are one range from 0, and take one number.
 */
export class Coverage {
  readonly #clocks = new Map<number, number>()
  /** null where there are none: there are many documents, and most are small */
  #deletes: Map<number, Intervals> | null = null
  /** inserts after a hole: a log that is causally complete has none */
  #beyond: Map<number, Intervals> | null = null
  #deleteRanges = 0

  /**
   * Adds everything that is in an update of the log itself, without judging it.
   *
   * @throws SynclineError `malformed_update`; then nothing was added
   */
  add(update: Uint8Array): void {
    scan.read(update)
    for (let i = 0; i < scan.runCount; i++) this.addInserts(scan.runClient(i), scan.runClock(i), scan.runEnd(i))
    scan.eachClientDeletes((client, ranges) => this.addDeletes(client, ranges))
  }

  /** The clock up to which the log has all of a client: 0 where it has nothing from 0 on. */
  clock(client: number): number {
    return this.#clocks.get(client) ?? 0
  }

  /** Whether updates carried any deletion in this range of a client's structs. */
  hasDeletes(client: number, clock: number, end: number): boolean {
    return this.#deletes?.get(client)?.overlaps(clock, end) ?? false
  }

  /** What of this range of a client's structs no update deleted. */
  withoutDeletes(client: number, clock: number, end: number): Ranges {
    return this.#deletes?.get(client)?.missing(clock, end) ?? [clock, end]
  }

  /** Adds a range of a client's inserts, from `clock` up to but not with `end`. */
  addInserts(client: number, clock: number, end: number): void {
    const known = this.clock(client)
    if (clock > known) {
      this.#beyond ??= new Map()
      intervalsOf(this.#beyond, client).add(clock, end)
    } else if (end > known) {
      this.#clocks.set(client, this.#beyond === null ? end : this.#closeHole(this.#beyond, client, end))
    }
  }

  /** Adds deletions of a client's structs. */
  addDeletes(client: number, ranges: Ranges): void {
    this.#deletes ??= new Map()
    const deletes = intervalsOf(this.#deletes, client)
    this.#deleteRanges -= deletes.count
    deletes.addAll(ranges)
    this.#deleteRanges += deletes.count
  }

  /** How many clients have inserted anything. */
  get clients(): number {
    return this.#clocks.size
  }

  /** Whether there is nothing at all. */
  get isEmpty(): boolean {
    return this.#clocks.size === 0 && (this.#beyond?.size ?? 0) === 0 && this.#deleteRanges === 0
  }

  /** How many ranges of deletions there are. */
  get deleteRanges(): number {
    return this.#deleteRanges
  }

  /** Client id → the clock up to which the log has all of it. A copy. */
  stateVector(): Map<number, number> {
    return new Map(this.#clocks)
  }

  /** {@link stateVector} in the encoding of Yjs. */
  encodeStateVector(): Uint8Array {
    return encodeStateVector(this.#clocks)
  }

  /** How far a client's inserts reach, now that all up to `end` are there. */
  #closeHole(holes: Map<number, Intervals>, client: number, end: number): number {
    const beyond = holes.get(client)
    if (beyond === undefined) return end
    beyond.add(0, end)
    if (beyond.count === 1) holes.delete(client)
    return beyond.firstEnd
  }
}

function intervalsOf(map: Map<number, Intervals>, client: number): Intervals {
  const known = map.get(client)
  if (known !== undefined) return known
  const intervals = new Intervals()
  map.set(client, intervals)
  return intervals
}
