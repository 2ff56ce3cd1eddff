import { admitUpdate, Coverage, SynclineError } from '@syncline/protocol'
import type { Clock } from '../clock.js'
import { CompactionThread } from '../compaction/thread.js'
import { assertSameDocument } from '../import/verify.js'
import type { RelayLimits } from '../limits/limits.js'

// one that takes longer to load than others can wait is loaded in a thread
const aloneBytesMin = 1024 * 1024

/** Checks whole documents that come from elsewhere, before anything of them is kept. */
export class Validation {
  readonly #limits: RelayLimits
  readonly #thread: CompactionThread
  /** the thread takes one at a time */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(limits: RelayLimits, clock: Clock) {
    this.#limits = limits
    this.#thread = new CompactionThread(clock)
  }

  /**
   * The update as the log takes it; null where there is nothing in it.
   *
   * @throws SynclineError `document_too_large`, `malformed_update`, `incomplete_update`, `unloadable_document`,
   *   `compaction_failed`, `compaction_mismatch`
   */
  async checked(update: Uint8Array): Promise<Uint8Array | null> {
    const { documentBytesMax, stateVectorClientsMax } = this.#limits
    if (update.length > documentBytesMax) {
      throw new SynclineError('document_too_large', `The document has ${update.length} bytes`)
    }
    // a whole document comes at once, so what bounds an edit does not bound it
    const limits = { stateVectorClientsMax, updateDeleteRangesMax: Number.POSITIVE_INFINITY }
    const admission = admitUpdate(new Coverage(), update, limits)
    if (!admission.complete) throw new SynclineError('incomplete_update')
    const kept = admission.update
    if (kept === null) return null
    if (kept.length >= aloneBytesMin) return this.#collected(kept)
    assertSameDocument([], [update], [kept], true)
    return kept
  }

  close(): Promise<void> {
    return this.#thread.close()
  }

  /** It comes back as the thread loads it: the same document. */
  #collected(update: Uint8Array): Promise<Uint8Array> {
    const turn = this.#turn.then(() => this.#thread.run(null, [update], { position: null, isUpdateWanted: true }))
    this.#turn = turn.catch(() => {})
    return turn.then((made) => made.update!)
  }
}
