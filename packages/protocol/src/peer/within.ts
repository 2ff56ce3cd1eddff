import type { LogPoint } from '../log/port.js'
import { Scan } from '../updates/scan.js'

const scan = new Scan()

/** A position that no log confirms: its epoch alone is told. */
export const nowhere = { position: Number.MAX_SAFE_INTEGER, chain: 0 }

/** Whether a peer at this state vector has all structs of an update, and all that it deletes. */
export function isWithin(update: Uint8Array, vector: ReadonlyMap<number, number>): boolean {
  scan.read(update)
  const isThere = (client: number, end: number) => end <= (vector.get(client) ?? 0)
  for (let i = 0; i < scan.runCount; i++) if (!isThere(scan.runClient(i), scan.runEnd(i))) return false
  for (let i = 0; i < scan.deleteCount; i++) if (!isThere(scan.deleteClient(i), scan.deleteEnd(i))) return false
  return true
}

/** Of two points up to which everything is here: they differ where other tabs have followed the relay. */
export function furthest(ours: LogPoint | null, theirs: LogPoint | null): LogPoint | null {
  if (ours === null || theirs === null) return ours ?? theirs
  return theirs.epoch === ours.epoch && theirs.position > ours.position ? theirs : ours
}

/** Two points at the same place of the same log. */
export function isSamePoint(a: LogPoint, b: LogPoint | null): boolean {
  return b !== null && a.epoch === b.epoch && a.position === b.position && a.chain === b.chain
}
