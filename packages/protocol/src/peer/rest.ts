import { decodeStateVector, emptyStateVector, encodeStateVector, partSeed, SetAside } from '../updates/index.js'
import { joinRanges } from '../updates/intervals.js'
import { Scan } from '../updates/scan.js'
import type { RowId } from './copy.js'
import { type Edit, isReadable, type Outbox } from './outbox.js'
import type { Replica } from './types.js'

const scan = new Scan()

/** A difference without these edits and what needs them; null where nothing is left, or where it can't be told. */
export function withoutEdits(difference: Uint8Array, edits: readonly Pick<Edit, 'update'>[]): Uint8Array | null {
  if (!isReadable({ update: difference })) return null
  const aside = new SetAside()
  for (const { update } of edits) aside.add(update)
  return aside.without(difference)
}

/**
 * Of a replica what is in none of these edits; null where that can't be told, or where the two together would lack
 * something of it: it has let go of what they deleted, be it that a value took the place of another one unnamed.
 */
export function restOf(replica: Replica, edits: readonly Edit[]): Uint8Array | null {
  const state = replica.difference(emptyStateVector)
  if (edits.some(deletes) || ![{ update: state }, ...edits].every(isReadable)) return null
  const update = withoutEdits(state, edits) ?? new Uint8Array(2)
  if (deletes({ update }) && edits.some(hasValues)) return null
  const parts = [{ update }, ...edits].map((part) => part.update)
  return contentOf(parts) === contentOf([...parts, state]) ? update : null
}

/** An update ends with its deletions, or with a zero where it has none. */
function deletes({ update }: Pick<Edit, 'update'>): boolean {
  return update.at(-1) !== 0
}

function hasValues({ update }: Edit): boolean {
  scan.read(update)
  return scan.hasValues
}

/** How many clocks updates insert and delete together. */
function contentOf(updates: readonly Uint8Array[]): number {
  // what is deleted of a client goes by a number below zero
  const known = new Map<number, number[]>()
  const add = (key: number, ranges: readonly number[]) => {
    const all = known.get(key) ?? []
    known.set(key, all)
    for (const end of ranges) all.push(end)
  }
  for (const update of updates) {
    scan.read(update)
    for (const { client, clock, end } of scan.allRuns()) add(client, [clock, end])
    scan.eachClientDeletes((client, ranges) => add(-1 - client, ranges))
  }
  let count = 0
  for (const ranges of known.values())
    for (const [index, end] of joinRanges(ranges).entries()) count += index % 2 === 0 ? -end : end
  return count
}

/** The state vector of a replica, as it was before the inserts of these edits. */
export function vectorBefore(edits: readonly Edit[], stateVector: Uint8Array): Uint8Array {
  const vector = decodeStateVector(stateVector)
  for (const { update } of edits) {
    scan.read(update)
    for (let i = 0; i < scan.runCount; i++) {
      const client = scan.runClient(i)
      vector.set(client, Math.min(scan.runClock(i), vector.get(client) ?? 0))
    }
  }
  return encodeStateVector(vector)
}

/** First content that was not answered yet is told by its client ids, whatever it was packed with. */
export function addRowTo(outbox: Outbox, update: Uint8Array, changes: number, row: RowId): void {
  const parts = isReadable({ update }) ? partSeed(update) : null
  if (parts) outbox.addSeed(parts.seed, row)
  if (parts?.rest !== null) outbox.add(parts?.rest ?? update, changes, row)
}
