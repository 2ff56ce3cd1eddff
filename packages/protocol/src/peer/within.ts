import type { LogPoint } from '../log/port.js'
import { decodeStateVector } from '../updates/index.js'
import { Scan } from '../updates/scan.js'

const scan = new Scan()

/** A position that no log confirms: its epoch alone is told. */
export const nowhere = { position: Number.MAX_SAFE_INTEGER, chain: 0 }

/** Whether a peer with this state vector has all structs of an update. */
export function isWithin(update: Uint8Array, stateVector: Uint8Array): boolean {
  const vector = decodeStateVector(stateVector)
  scan.read(update)
  for (let i = 0; i < scan.runCount; i++) {
    if (scan.runEnd(i) > (vector.get(scan.runClient(i)) ?? 0)) return false
  }
  return true
}

/** Whether a peer with this state vector has any struct of an update. */
export function touches(update: Uint8Array, stateVector: Uint8Array): boolean {
  const vector = decodeStateVector(stateVector)
  scan.read(update)
  return scan.allRuns().some(({ client, clock }) => clock < (vector.get(client) ?? 0))
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
