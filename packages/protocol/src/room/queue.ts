import type { LogRecord, Run } from '../log/port.js'
import { mergeUpdates } from '../updates/index.js'
import type { Session } from './session.js'
import type { SessionId } from './types.js'

interface QueuedRun extends Run {
  readonly session: SessionId
}

// what a run costs beside the bytes of its update
const runBytes = 256

/** What waits for one commit: its runs, and whom to acknowledge what when it is done. */
interface Batch {
  readonly runs: QueuedRun[]
  readonly acknowledge: Map<Session, number>
}

/**
 * What a room has accepted and the log does not have yet: the batch that is being committed and the one that gathers
 * meanwhile.
 */
export class CommitQueue {
  #gathering: Batch | null = null
  #committing: Batch | null = null
  /** the record that is being committed */
  record: LogRecord | null = null
  #bytes = 0
  #runs = 0

  get empty(): boolean {
    return this.#committing === null && this.#gathering === null
  }

  /** Something gathers and no commit of this room runs: ask the committer. */
  get wantsCommit(): boolean {
    return this.#committing === null && this.#gathering !== null
  }

  /** Bytes that wait or are being committed. */
  get bytes(): number {
    return this.#bytes
  }

  /** What that takes of memory, about. */
  get memoryBytes(): number {
    return this.#bytes + this.#runs * runBytes
  }

  add(run: QueuedRun): void {
    this.#gathering ??= { runs: [], acknowledge: new Map() }
    this.#gathering.runs.push(run)
    this.#bytes += run.update.length
    this.#runs++
  }

  /** Acknowledges the session's last update with the last thing that is queued now; there is something. */
  acknowledgeWithLast(session: Session): void {
    const batch = this.#gathering ?? this.#committing
    batch?.acknowledge.set(session, session.seq)
  }

  /** Starts a commit: the runs, joined by author, or null where there is nothing or a commit is running. */
  begin(): Run[] | null {
    if (this.#committing !== null || this.#gathering === null) return null
    this.#committing = this.#gathering
    this.#gathering = null
    return joinByAuthor(this.#committing.runs)
  }

  finish(): { record: LogRecord; authors: ReadonlySet<SessionId>; acknowledged: ReadonlyMap<Session, number> } {
    const { record } = this
    const batch = this.#committing
    if (batch === null || record === null) throw new Error('no commit is running')
    this.#committing = null
    this.record = null
    for (const run of batch.runs) this.#bytes -= run.update.length
    this.#runs -= batch.runs.length
    return { record, authors: new Set(batch.runs.map((run) => run.session)), acknowledged: batch.acknowledge }
  }
}

// a record is taken whole or not at all, so the order of its runs tells nothing
function joinByAuthor(runs: readonly QueuedRun[]): Run[] {
  const byAuthor = new Map<string, Uint8Array[]>()
  for (const { author, update } of runs) {
    const updates = byAuthor.get(author)
    if (updates) updates.push(update)
    else byAuthor.set(author, [update])
  }
  return Array.from(byAuthor, ([author, updates]) => ({ author, update: mergeUpdates(updates) }))
}
