import { SynclineError } from '../errors.js'
import type { Run } from './encode.js'
import { kinds, StructCursor } from './struct.js'

/** Numbers a run takes in {@link Scan.runs}, and where each stands. */
const runSize = 6
/** Numbers a deletion takes in {@link Scan.deletes}. */
const deleteSize = 3
/** Runs of an update: each takes 48 bytes here, and more elsewhere, and may be 4 bytes in the update. */
const runsMax = 250_000
/** Numbers of scratch that are kept from one scan to the next. */
const scratchKept = 1 << 14

/** Up to where the inserts of each client are there: what a `Coverage` knows. */
export interface Clocks {
  clock(client: number): number
}

/**
 * What one pass over an update finds: runs of structs, and deletions. It builds nothing: a scan is made once and read
 * into again and again, so that an update of one keystroke costs no garbage.
 *
 * It refuses what a fresh `Y.Doc` cannot load and keep using, and encodings that Yjs does not produce. What it can't
 * see, since it holds no document, is what a reference points at.
 */
export class Scan extends StructCursor {
  /** how many runs there are: see `run` */
  runCount = 0
  /** how many deletions there are: see `deleteClient` */
  deleteCount = 0
  /** whether there is any Skip */
  hasSkips = false
  /** whether any struct may be the value of a key, which deletes the one before it without a word */
  hasValues = false
  /** whether a struct refers to one of another client that is not known */
  hasMissing = false
  /** the byte at which the delete set starts */
  deletesFrom = 0
  #runs = new Float64Array(16 * runSize)
  #deletes = new Float64Array(16 * deleteSize)
  #known: Clocks | null = null

  constructor() {
    super('malformed_update')
  }

  /**
   * Reads an update.
   *
   * @param known what references are looked up in, for `hasMissing`
   * @throws SynclineError `malformed_update`; `update_too_large` where it has more than `deleteRangesMax` ranges
   * of deletions, or far more clients or holes than a document can have
   */
  read(update: Uint8Array, known: Clocks | null = null, deleteRangesMax: number = Number.POSITIVE_INFINITY): void {
    this.open(update)
    this.#known = known
    this.runCount = this.deleteCount = 0
    this.hasSkips = this.hasMissing = this.hasValues = false
    if (this.#runs.length > scratchKept) this.#runs = new Float64Array(16 * runSize)
    if (this.#deletes.length > scratchKept) this.#deletes = new Float64Array(16 * deleteSize)
    let higher = Number.POSITIVE_INFINITY
    for (let left = this.uint(); left > 0; left--) higher = this.#section(higher)
    this.deletesFrom = this.at
    for (let left = this.uint(); left > 0; left--) this.#clientDeletes(deleteRangesMax)
    if (this.at !== this.end) throw this.fault('The update goes on')
  }

  /** Whether the update has nothing to keep. */
  get isEmpty(): boolean {
    return this.runCount === 0 && this.deleteCount === 0
  }

  runClient(index: number): number {
    return this.#runs[index * runSize]!
  }

  runClock(index: number): number {
    return this.#runs[index * runSize + 1]!
  }

  runEnd(index: number): number {
    return this.#runs[index * runSize + 2]!
  }

  /** A run that stays when the scan is read into again. */
  run(index: number): Run {
    const runs = this.#runs
    const at = index * runSize
    return {
      bytes: this.bytes,
      client: runs[at]!,
      clock: runs[at + 1]!,
      end: runs[at + 2]!,
      from: runs[at + 3]!,
      to: runs[at + 4]!,
      count: runs[at + 5]!,
      cut: 0,
    }
  }

  /** All runs, to stay. */
  allRuns(): Run[] {
    return Array.from({ length: this.runCount }, (_, index) => this.run(index))
  }

  deleteClient(index: number): number {
    return this.#deletes[index * deleteSize]!
  }

  deleteClock(index: number): number {
    return this.#deletes[index * deleteSize + 1]!
  }

  deleteEnd(index: number): number {
    return this.#deletes[index * deleteSize + 2]!
  }

  /** The deletions, client by client: the ranges as they stand in the update. */
  eachClientDeletes(visit: (client: number, ranges: number[]) => void): void {
    for (let i = 0; i < this.deleteCount; ) {
      const client = this.deleteClient(i)
      const ranges: number[] = []
      for (; i < this.deleteCount && this.deleteClient(i) === client; i++) {
        ranges.push(this.deleteClock(i), this.deleteEnd(i))
      }
      visit(client, ranges)
    }
  }

  /**
   * The structs of one client. Yjs writes higher clients first, and `Y.mergeUpdates` loses structs where they are in
   * any other order.
   */
  #section(higher: number): number {
    let left = this.uint()
    if (left === 0) throw this.fault('A client has no structs')
    const client = this.uint()
    if (client >= higher) throw this.fault('Clients are not in descending order')
    let clock = this.uint()
    let start = clock
    let from = this.at
    let count = 0
    for (; left > 0; left--) {
      const at = this.at
      const end = this.#ending(clock, this.struct(client, clock))
      if (this.info === kinds.skip) {
        this.hasSkips = true
        if (count > 0) this.#addRun(client, start, clock, from, at, count)
        start = end
        from = this.at
        count = 0
      } else {
        count += 1
        // strings, embeds and formatting are of texts alone
        this.hasValues ||= this.kind < kinds.string || this.kind > kinds.format
        if (!this.hasMissing && this.#known !== null) this.hasMissing = this.#isMissing(this.#known, client)
      }
      clock = end
    }
    if (count > 0) this.#addRun(client, start, clock, from, this.at, count)
    return client
  }

  #isMissing(known: Clocks, client: number): boolean {
    return (
      (this.originClient >= 0 && this.originClient !== client && this.originClock >= known.clock(this.originClient)) ||
      (this.rightClient >= 0 && this.rightClient !== client && this.rightClock >= known.clock(this.rightClient)) ||
      (this.parentClient >= 0 && this.parentClient !== client && this.parentClock >= known.clock(this.parentClient))
    )
  }

  #clientDeletes(deleteRangesMax: number): void {
    const client = this.uint()
    const ranges = this.uint()
    if (ranges === 0) throw this.fault('A client has no deletions')
    // two bytes each: whether an update is malformed or too large shall not hang on what it announces
    if (ranges > (this.end - this.at) / 2) throw this.fault('The bytes end too early', this.end)
    if (ranges > deleteRangesMax - this.deleteCount) {
      throw new SynclineError('update_too_large', `The update has more than ${deleteRangesMax} ranges of deletions`)
    }
    for (let left = ranges; left > 0; left--) {
      const clock = this.uint()
      const length = this.uint()
      if (length === 0) throw this.fault('A deletion is empty')
      this.#addDelete(client, clock, this.#ending(clock, length))
    }
  }

  #ending(clock: number, length: number): number {
    const end = clock + length
    if (end > Number.MAX_SAFE_INTEGER) throw this.fault('A clock is larger than 2^53 - 1')
    return end
  }

  #addRun(client: number, clock: number, end: number, from: number, to: number, count: number): void {
    if (this.runCount === runsMax) {
      throw new SynclineError('update_too_large', `The update has more than ${runsMax} clients or holes`)
    }
    const at = this.runCount++ * runSize
    if (at === this.#runs.length) this.#runs = doubled(this.#runs)
    const runs = this.#runs
    runs[at] = client
    runs[at + 1] = clock
    runs[at + 2] = end
    runs[at + 3] = from
    runs[at + 4] = to
    runs[at + 5] = count
  }

  #addDelete(client: number, clock: number, end: number): void {
    const at = this.deleteCount++ * deleteSize
    if (at === this.#deletes.length) this.#deletes = doubled(this.#deletes)
    const deletes = this.#deletes
    deletes[at] = client
    deletes[at + 1] = clock
    deletes[at + 2] = end
  }
}

function doubled(numbers: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const more = new Float64Array(2 * numbers.length)
  more.set(numbers)
  return more
}
