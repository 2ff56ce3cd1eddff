import { type Run, writeRuns } from './encode.js'
import { hashBytes } from './hash.js'
import { Scan } from './scan.js'
import { StructCursor } from './struct.js'
import { Writer } from './writer.js'

/** First content has client ids from here on: those that Yjs draws have 32 bits. */
const seedClientMin = 2 ** 52

const empty = new Uint8Array(1)
const scan = new Scan()
const cursor = new StructCursor('malformed_update')

/**
 * Makes an update first content: its structs get client ids that are derived from them and from the document's name. Equal
 * content gives equal bytes, whatever client ids it was made under.
 *
 * @throws SynclineError `malformed_update`
 */
export function seedFrom(update: Uint8Array, name: string): Uint8Array {
  scan.read(update)
  const clients = [...new Set(scan.allRuns().map(({ client }) => client))].sort((a, b) => a - b)
  const neutral = renamed(update, new Map(clients.map((client, index) => [client, index])))
  const hash = hashBytes(neutral, name) % (2 ** 52 - clients.length)
  // in the old order: which of two concurrent structs comes first hangs on it
  return renamed(update, new Map(clients.map((client, index) => [client, seedClientMin + hash + index])))
}

/** Whether a client id is one of first content. */
export function isSeedClient(client: number): boolean {
  return client >= seedClientMin
}

/** Whether an update has any struct of first content. */
export function hasSeed(update: Uint8Array): boolean {
  scan.read(update)
  for (let i = 0; i < scan.runCount; i++) if (isSeedClient(scan.runClient(i))) return true
  return false
}

/** The first content in an update, and the rest of it; null where it has none. */
export function partSeed(update: Uint8Array): { seed: Uint8Array; rest: Uint8Array | null } | null {
  if (!hasSeed(update)) return null
  const runs = scan.allRuns()
  const [first, others] = [true, false].map((wanted) => runs.filter((run) => isSeedClient(run.client) === wanted))
  const deletions = update.subarray(scan.deletesFrom)
  const isBare = others!.length === 0 && deletions.length === 1
  return { seed: updateOf(first!, empty), rest: isBare ? null : updateOf(others!, deletions) }
}

function updateOf(runs: readonly Run[], deletions: Uint8Array): Uint8Array {
  const writer = new Writer(64)
  writeRuns(writer, runs)
  writer.copy(deletions, 0, deletions.length)
  return writer.finish()
}

/** An update under other client ids; those of which nothing is said stay. */
function renamed(update: Uint8Array, names: ReadonlyMap<number, number>): Uint8Array {
  const writer = new Writer(update.length + 64)
  const name = (client: number) => names.get(client) ?? client
  scan.read(update)
  const sections = new Map<number, { clock: number; from: number; count: number }[]>()
  for (const { client, clock, from, count } of scan.allRuns()) {
    sections.set(client, [...(sections.get(client) ?? []), { clock, from, count }])
  }
  writer.uint(sections.size)
  for (const [client, [run, ...others]] of [...sections].sort(([a], [b]) => name(b) - name(a))) {
    if (run === undefined || others.length > 0) throw scan.fault('First content has a hole')
    writer.uint(run.count)
    writer.uint(name(client))
    writer.uint(run.clock)
    writeRenamed(writer, update, client, run, name)
  }
  const deletes: [number, number[]][] = []
  scan.eachClientDeletes((client, ranges) => deletes.push([name(client), ranges]))
  writer.uint(deletes.length)
  for (const [client, ranges] of deletes.sort(([a], [b]) => b - a)) {
    writer.uint(client)
    writer.uint(ranges.length / 2)
    for (let i = 0; i < ranges.length; i += 2) {
      writer.uint(ranges[i]!)
      writer.uint(ranges[i + 1]! - ranges[i]!)
    }
  }
  return writer.finish()
}

function writeRenamed(
  writer: Writer,
  update: Uint8Array,
  client: number,
  run: { readonly clock: number; readonly from: number; readonly count: number },
  name: (client: number) => number,
): void {
  let clock = run.clock
  let at = run.from
  for (let left = run.count; left > 0; left--) {
    cursor.open(update, at)
    clock += cursor.struct(client, clock)
    const { originClient, originClock, rightClient, rightClock, parentClient, parentClock } = cursor
    const to = cursor.at
    writer.byte(cursor.info)
    const ids = [
      [originClient, originClock],
      [rightClient, rightClock],
    ].filter(([id]) => id! >= 0) as [number, number][]
    for (const [id, clock] of ids) {
      writer.uint(name(id))
      writer.uint(clock)
    }
    // a parent that is an id: 0, client, clock; then its key
    let rest = at + 1
    cursor.at = rest
    for (let i = 0; i < 2 * ids.length; i++) cursor.uint()
    rest = cursor.at
    if (parentClient >= 0) {
      cursor.uint()
      cursor.uint()
      cursor.uint()
      rest = cursor.at
      writer.uint(0)
      writer.uint(name(parentClient))
      writer.uint(parentClock)
    }
    writer.copy(update, rest, to)
    at = to
  }
}
