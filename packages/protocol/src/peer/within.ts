import { decodeStateVector } from '../updates/index.js'
import { Scan } from '../updates/scan.js'

const scan = new Scan()

/** Whether a peer with this state vector has all structs of an update. */
export function isWithin(update: Uint8Array, stateVector: Uint8Array): boolean {
  const vector = decodeStateVector(stateVector)
  scan.read(update)
  for (let i = 0; i < scan.runCount; i++) {
    if (scan.runEnd(i) > (vector.get(scan.runClient(i)) ?? 0)) return false
  }
  return true
}
