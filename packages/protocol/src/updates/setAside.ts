import { type Run, writeDeletes, writeRuns } from './encode.js'
import { Scan } from './scan.js'
import { StructCursor } from './struct.js'
import { Writer } from './writer.js'

const scan = new Scan()
const cursor = new StructCursor('malformed_update')

/** Clocks of one client that are set aside. */
interface Span {
  readonly from: number
  readonly end: number
}

/**
 * The structs of updates that a log does not have and will not get, and which updates can't be there without them:
 * those with a later struct of the same client, with a struct that refers to one of them, or with a deletion of one.
 */
export class SetAside {
  readonly #spans = new Map<number, Span>()

  get isEmpty(): boolean {
    return this.#spans.size === 0
  }

  /**
   * Sets aside what is in an update, and where that can't be read its first client from its first clock on.
   *
   * @returns false where not even that can be told
   */
  add(update: Uint8Array): boolean {
    try {
      scan.read(update)
    } catch {
      return this.#addUnreadable(update)
    }
    for (let i = 0; i < scan.runCount; i++) {
      const client = scan.runClient(i)
      const { from, end } = this.#spans.get(client) ?? { from: scan.runClock(i), end: 0 }
      this.#spans.set(client, { from: Math.min(from, scan.runClock(i)), end: Math.max(end, scan.runEnd(i)) })
    }
    return true
  }

  #addUnreadable(update: Uint8Array): boolean {
    try {
      cursor.open(update)
      if (cursor.uint() !== 1) return false
      cursor.uint()
      const client = cursor.uint()
      const from = Math.min(cursor.uint(), this.#spans.get(client)?.from ?? Number.MAX_SAFE_INTEGER)
      this.#spans.set(client, { from, end: Number.MAX_SAFE_INTEGER })
      return true
    } catch {
      return false
    }
  }

  /** The log has all that is in this update of it: that is set aside no more. */
  has(update: Uint8Array): void {
    scan.read(update)
    for (let i = 0; i < scan.runCount; i++) {
      const client = scan.runClient(i)
      const span = this.#spans.get(client)
      if (span === undefined || scan.runClock(i) > span.from || scan.runEnd(i) <= span.from) continue
      if (scan.runEnd(i) >= span.end) this.#spans.delete(client)
      else this.#spans.set(client, { from: scan.runEnd(i), end: span.end })
    }
  }

  /**
   * Whether an update can't be there without what is set aside.
   *
   * @throws SynclineError `malformed_update`
   */
  isNeededBy(update: Uint8Array): boolean {
    scan.read(update)
    for (let i = 0; i < scan.runCount; i++) {
      if (this.#contains(scan.runClient(i), scan.runEnd(i) - 1)) return true
    }
    for (let i = 0; i < scan.deleteCount; i++) {
      if (this.#contains(scan.deleteClient(i), scan.deleteEnd(i) - 1)) return true
    }
    return scan.allRuns().some((run) => this.#firstNeeding(run) !== null)
  }

  /**
   * Sets aside, of updates, those that can't be there without what is set aside, or without each other. Of one that can't
   * be read nobody knows what it needs: it counts as one that does.
   *
   * @returns which of them they are, in order
   */
  addAllThatNeed(updates: readonly Uint8Array[]): number[] {
    const needing = new Set<number>()
    for (let size = -1; size !== needing.size; ) {
      size = needing.size
      for (const [index, update] of updates.entries()) {
        if (needing.has(index) || !this.#isNeededOrUnreadable(update)) continue
        needing.add(index)
        this.add(update)
      }
    }
    return [...needing].sort((a, b) => a - b)
  }

  /**
   * An update without what can't be there, and of its deletions only those of the structs that are left in it; null where
   * nothing is left.
   *
   * @throws SynclineError `malformed_update`
   */
  without(update: Uint8Array): Uint8Array | null {
    const left = new Map<number, Run>()
    const needed = new SetAside()
    for (const [client, span] of this.#spans) needed.#spans.set(client, span)
    scan.read(update)
    const runs = scan.allRuns()
    // a client's structs go up to the first that is needed no more, whatever comes after it
    for (let size = -1; size !== needed.#weight; ) {
      size = needed.#weight
      left.clear()
      for (const run of runs) {
        const kept = left.has(run.client) ? null : needed.#keep(run)
        if (kept) left.set(run.client, kept)
      }
    }
    if (left.size === 0) return null
    const deletes = new Map<number, number[]>()
    scan.eachClientDeletes((client, ranges) => {
      const run = left.get(client)
      for (let i = 0; run !== undefined && i < ranges.length; i += 2) {
        const [start, end] = [Math.max(ranges[i]!, run.clock), Math.min(ranges[i + 1]!, run.end)]
        if (start < end) deletes.set(client, [...(deletes.get(client) ?? []), start, end])
      }
    })
    const writer = new Writer(update.length)
    writeRuns(writer, [...left.values()])
    writeDeletes(
      writer,
      Array.from(deletes, ([client, ranges]) => ({ client, ranges })),
    )
    return writer.finish()
  }

  /** What of a run does not need what is set aside; the rest of it is set aside too. */
  #keep(run: Run): Run | null {
    const at = this.#firstNeeding(run)
    if (at === null) return run
    const { from, end } = this.#spans.get(run.client) ?? { from: at.clock, end: run.end }
    this.#spans.set(run.client, { from: Math.min(from, at.clock), end: Math.max(end, run.end) })
    return at.count === 0 ? null : { ...run, end: at.clock, to: at.to, count: at.count, last: at.last }
  }

  /** grows with every clock that is set aside */
  get #weight(): number {
    let weight = 0
    for (const { from, end } of this.#spans.values()) weight += end - from
    return weight
  }

  #isNeededOrUnreadable(update: Uint8Array): boolean {
    try {
      return this.isNeededBy(update)
    } catch {
      return true
    }
  }

  /** How far a run goes before the first struct, or the part of one, that needs what is set aside; null where to its end. */
  #firstNeeding(run: Run): (Pick<Run, 'to' | 'count' | 'last'> & { readonly clock: number }) | null {
    cursor.open(run.bytes, run.from)
    const from = this.#spans.get(run.client)?.from ?? Number.POSITIVE_INFINITY
    let clock = run.clock - run.cut
    for (let count = 0; count < run.count; count++) {
      const { at } = cursor
      const end = clock + cursor.struct(run.client, clock)
      if (
        from <= clock ||
        this.#contains(cursor.originClient, cursor.originClock) ||
        this.#contains(cursor.rightClient, cursor.rightClock) ||
        this.#contains(cursor.parentClient, cursor.parentClock)
      )
        return { clock, to: at, count }
      // Yjs has joined it from several
      if (from < end) return { clock: from, to: cursor.at, count: count + 1, last: { at, clock } }
      clock = end
    }
    return null
  }

  #contains(client: number, clock: number): boolean {
    const span = this.#spans.get(client)
    return span !== undefined && clock >= span.from
  }
}
