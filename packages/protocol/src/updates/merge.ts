import { type Run, runFrom, writeDeletes, writeRuns } from './encode.js'
import { joinRanges } from './intervals.js'
import { Scan } from './scan.js'
import { Writer } from './writer.js'

const scan = new Scan()

/**
 * Merges updates into one, in the effect of `Y.mergeUpdates`: the structs of a client in order, a Skip for a hole
 * between them; of what several updates have, the struct that starts first is kept, and of those that start at the same
 * clock the first in the list. No struct is built, and the cost grows with the bytes, also where updates overlap.
 *
 * A single update is returned as it is; for none, the update that contains nothing.
 *
 * @throws SynclineError `malformed_update`
 */
export function mergeUpdates(updates: readonly Uint8Array[]): Uint8Array {
  if (updates.length === 1) return updates[0]!
  const runs = new Map<number, Run[]>()
  const deletes = new Map<number, number[]>()
  let bytes = 2
  for (const update of updates) {
    bytes += update.length
    scan.read(update)
    for (let i = 0; i < scan.runCount; i++) listOf(runs, scan.runClient(i)).push(scan.run(i))
    for (let i = 0; i < scan.deleteCount; i++) {
      listOf(deletes, scan.deleteClient(i)).push(scan.deleteClock(i), scan.deleteEnd(i))
    }
  }
  const writer = new Writer(bytes)
  writeRuns(
    writer,
    descending(runs).flatMap(([, ofClient]) => withoutOverlaps(ofClient)),
  )
  writeDeletes(
    writer,
    descending(deletes).map(([client, ranges]) => ({ client, ranges: joinRanges(ranges) })),
  )
  return writer.finish()
}

function listOf<T>(lists: Map<number, T[]>, client: number): T[] {
  const list = lists.get(client)
  if (list !== undefined) return list
  const empty: T[] = []
  lists.set(client, empty)
  return empty
}

/** Higher clients first. */
function descending<T>(lists: Map<number, T[]>): [number, T[]][] {
  return [...lists].sort(([a], [b]) => b - a)
}

function withoutOverlaps(runs: Run[]): Run[] {
  let end = 0
  const rest: Run[] = []
  for (const run of runs.sort((a, b) => a.clock - b.clock)) {
    if (run.end <= end) continue
    rest.push(runFrom(run, end))
    end = run.end
  }
  return rest
}
