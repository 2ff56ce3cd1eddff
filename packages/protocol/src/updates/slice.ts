import { type Run, runFrom, writeRuns } from './encode.js'
import { Scan } from './scan.js'
import { decodeStateVector } from './stateVector.js'
import { Writer } from './writer.js'

const scan = new Scan()

/**
 * What a peer with this state vector lacks: the structs beyond it, and all deletions, of which a state vector says
 * nothing. The update itself where the peer has none of it; null where there is nothing to send.
 *
 * @throws SynclineError `malformed_update`, `malformed_frame` for the state vector
 */
export function differenceFrom(update: Uint8Array, encodedStateVector: Uint8Array): Uint8Array | null {
  const vector = decodeStateVector(encodedStateVector)
  scan.read(update)
  const runs: Run[] = []
  let isWhole = true
  for (let i = 0; i < scan.runCount; i++) {
    const known = vector.get(scan.runClient(i)) ?? 0
    if (known > scan.runClock(i)) isWhole = false
    if (known < scan.runEnd(i)) runs.push(runFrom(scan.run(i), known))
  }
  if (runs.length === 0 && scan.deleteCount === 0) return null
  if (isWhole) return update
  const writer = new Writer(update.length)
  writeRuns(writer, runs)
  writer.copy(update, scan.deletesFrom, update.length)
  return writer.finish()
}
