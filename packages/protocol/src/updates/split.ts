import { type Run, writeDeletes, writeRuns } from './encode.js'
import { Scan } from './scan.js'
import { StructCursor } from './struct.js'
import { Writer } from './writer.js'

const scan = new Scan()
const cursor = new StructCursor('malformed_update')

/** What a section of a client, or a range of deletions, costs beside its content. */
const headerBytes = 32

/** How far the structs of one run are in pieces. */
interface Progress {
  readonly run: Run
  clock: number
  at: number
  left: number
  /** the clock past which it has to get before what waits for it goes on; null where nothing does */
  needed: number | null
}

/**
 * Cuts an update into pieces of at most `bytesMax` bytes, each of which needs only those before it. A struct is never cut:
 * a piece with a larger one is larger. The deletions come last.
 *
 * @throws SynclineError `malformed_update`
 */
export function splitUpdate(update: Uint8Array, bytesMax: number): Uint8Array[] {
  if (update.length <= bytesMax) return [update]
  scan.read(update)
  const pieces = new Pieces(bytesMax)
  for (const run of inOrder(scan.allRuns())) pieces.add(run)
  pieces.flush()
  scan.eachClientDeletes((client, ranges) => {
    const perPiece = 2 * Math.max(1, Math.floor((bytesMax - headerBytes) / 16))
    for (let i = 0; i < ranges.length; i += perPiece) {
      const writer = new Writer(bytesMax)
      writeRuns(writer, [])
      writeDeletes(writer, [{ client, ranges: ranges.slice(i, i + perPiece) }])
      pieces.done.push(writer.finish())
    }
  })
  return pieces.done
}

/** Puts structs into pieces, in their order. */
class Pieces {
  readonly done: Uint8Array[] = []
  readonly #bytesMax: number
  readonly #runs = new Map<number, Run>()
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  add(struct: Run): void {
    const known = this.#runs.get(struct.client)
    const follows = known?.end === struct.clock && known.to === struct.from
    const bytes = struct.to - struct.from + (follows ? 0 : headerBytes)
    if ((known && !follows) || (this.#bytes > 0 && this.#bytes + bytes > this.#bytesMax)) {
      this.flush()
      return this.add(struct)
    }
    this.#bytes += bytes
    const joined = known && { ...known, end: struct.end, to: struct.to, count: known.count + 1 }
    this.#runs.set(struct.client, joined ?? struct)
  }

  flush(): void {
    if (this.#runs.size === 0) return
    const writer = new Writer(this.#bytes + headerBytes)
    writeRuns(
      writer,
      [...this.#runs.values()].sort((a, b) => b.client - a.client),
    )
    writeDeletes(writer, [])
    this.done.push(writer.finish())
    this.#runs.clear()
    this.#bytes = 0
  }
}

/** Every struct as a run of its own, after those of the same update that it refers to. */
function* inOrder(runs: readonly Run[]): Generator<Run> {
  const all = runs.map((run): Progress => ({ run, clock: run.clock, at: run.from, left: run.count, needed: null }))
  const byClient = new Map<number, Progress[]>()
  for (const progress of all) {
    const ofClient = byClient.get(progress.run.client)
    if (ofClient) ofClient.push(progress)
    else byClient.set(progress.run.client, [progress])
  }
  for (const first of all) {
    const stack: Progress[] = []
    const enter = (progress: Progress, needed: number) => {
      progress.needed = needed
      stack.push(progress)
    }
    enter(first, Number.POSITIVE_INFINITY)
    for (let progress = stack.at(-1); progress !== undefined; progress = stack.at(-1)) {
      if (progress.left === 0 || progress.clock > progress.needed!) {
        progress.needed = null
        stack.pop()
        continue
      }
      const { run, clock, at } = progress
      cursor.open(run.bytes, at)
      const end = clock + cursor.struct(run.client, clock)
      const missing = missingNow(byClient)
      if (missing) {
        enter(missing.progress, missing.clock)
        continue
      }
      yield { ...run, clock, end, from: at, to: cursor.at, count: 1 }
      progress.clock = end
      progress.at = cursor.at
      progress.left--
    }
  }
}

/** What the struct just read refers to, and is in no piece yet. What refers to each other in a circle is let go on. */
function missingNow(byClient: ReadonlyMap<number, readonly Progress[]>): { progress: Progress; clock: number } | null {
  return (
    behind(byClient, cursor.originClient, cursor.originClock) ??
    behind(byClient, cursor.rightClient, cursor.rightClock) ??
    behind(byClient, cursor.parentClient, cursor.parentClock)
  )
}

function behind(byClient: ReadonlyMap<number, readonly Progress[]>, client: number, clock: number) {
  const progress = byClient.get(client)?.find(({ run }) => run.clock <= clock && clock < run.end)
  if (progress === undefined || progress.needed !== null || clock < progress.clock) return null
  return { progress, clock }
}
