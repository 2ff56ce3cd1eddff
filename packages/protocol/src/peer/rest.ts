import { decodeStateVector, emptyStateVector, encodeStateVector, partSeed, SetAside } from '../updates/index.js'
import { Scan } from '../updates/scan.js'
import type { RowId } from './copy.js'
import { type Edit, isReadable, type Outbox } from './outbox.js'
import type { Replica } from './types.js'

const scan = new Scan()

/** A difference without these edits and what needs them; null where nothing is left, or where it can't be told. */
export function withoutEdits(difference: Uint8Array, edits: readonly Pick<Edit, 'update'>[]): Uint8Array | null {
  if (!isReadable({ update: difference })) return null
  const aside = new SetAside()
  for (const edit of edits) {
    if (isReadable(edit)) aside.add(edit.update)
    else aside.addUnreadable(edit.update)
  }
  return aside.without(difference)
}

/** Of a replica what is in none of these edits; null also where that and they would lack something of it. */
export function restOf(replica: Replica, edits: readonly Edit[]): Uint8Array | null {
  if (!edits.every(isReadable)) return null
  const state = replica.difference(emptyStateVector)
  const rest = withoutEdits(state, edits)
  if (rest === null) return null
  const ends = new Map<number, number>()
  const deleted = new Set<string>()
  for (const update of [rest, ...edits.map((edit) => edit.update)]) {
    for (const id of deletedBy(update)) deleted.add(id)
    for (const { client, clock, end } of scan.allRuns()) {
      const known = ends.get(client) ?? 0
      if (clock <= known) ends.set(client, Math.max(known, end))
    }
  }
  const isWhole = deletedBy(state).every((id) => deleted.has(id))
  return isWhole && scan.allRuns().every(({ client, end }) => end === ends.get(client)) ? rest : null
}

/** Every struct that an update deletes; leaves it in the scan. */
function deletedBy(update: Uint8Array): string[] {
  scan.read(update)
  const ids: string[] = []
  for (let i = 0; i < scan.deleteCount; i++)
    for (let clock = scan.deleteClock(i); clock < scan.deleteEnd(i); clock++)
      ids.push(`${scan.deleteClient(i)}:${clock}`)
  return ids
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
