import { type CopyWrite, type LocalCopy, type RowId, SynclineError } from '@syncline/protocol'
import type { Backoff } from './backoff.js'
import type { DocumentStore } from './store/types.js'
import type { Clock, StorageStatus } from './types.js'

/** What becomes of the local copy. */
export interface StorageEvents {
  /** null: it could not be read, at least not yet */
  loaded(copy: LocalCopy | null): void
  written(rows: readonly RowId[]): void
  failed(lost: boolean): void
  /** the write that failed is worth another try */
  retry(): void
  /** the status is another one */
  changed(): void
}

/** Reading a copy takes milliseconds; a browser that is stuck must not keep a document from the relay. */
const readMsMax = 10_000

/** Performs what a Peer wants of the local copy, tries again where that failed, and tells how it stands. Never throws. */
export class Storage {
  readonly #store: DocumentStore
  readonly #clock: Clock
  readonly #backoff: Backoff
  readonly #events: StorageEvents
  #status: StorageStatus = 'ok'
  #syncedAt: number | null = null
  #closed = false

  constructor(store: DocumentStore, clock: Clock, backoff: Backoff, events: StorageEvents) {
    this.#store = store
    this.#clock = clock
    this.#backoff = backoff
    this.#events = events
  }

  get status(): StorageStatus {
    return this.#status
  }

  /** when everything was in sync last, as the copy tells, in ms since 1970 */
  get syncedAt(): number | null {
    return this.#syncedAt
  }

  /** Reads the copy, also again. Where that takes too long, the document goes on without, and gets it when it comes. */
  async read(): Promise<void> {
    let late = false
    const cancel = this.#clock.after(readMsMax, () => {
      late = true
      this.#failed(new SynclineError('store_unavailable', `No answer for ${readMsMax} ms`))
      this.#events.loaded(null)
    })
    try {
      const copy = await this.#store.read()
      if (this.#closed) return
      this.#syncedAt = copy.syncedAt ?? this.#syncedAt
      this.#worked()
      this.#events.loaded(copy)
    } catch (error) {
      if (this.#closed) return
      const { code } = this.#failed(error)
      if (!late) this.#events.loaded(null)
      if (code !== 'store_erased') this.#backoff.retry(() => void this.read())
    } finally {
      cancel()
    }
  }

  async write(write: CopyWrite): Promise<void> {
    this.#syncedAt = write.syncedAt ?? this.#syncedAt
    try {
      const rows = await this.#store.write(write)
      if (this.#closed) return
      this.#worked()
      this.#events.written(rows)
    } catch (error) {
      if (this.#closed) return
      this.#failedToWrite(error)
    }
  }

  /** Part of what was read was unusable. */
  damaged(fact: string): void {
    this.#failed(new SynclineError('store_damaged', fact))
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#backoff.cancel()
    await this.#store.close()
  }

  #failedToWrite(error: unknown): void {
    const { code } = this.#failed(error)
    const lost = code === 'store_lost' || code === 'store_erased'
    this.#events.failed(lost)
    // what somebody removed on purpose stays removed
    if (code === 'store_erased') return
    this.#backoff.retry(() => (lost ? void this.read() : this.#events.retry()))
  }

  #worked(): void {
    this.#backoff.reset()
    this.#enter('ok')
  }

  #failed(error: unknown): SynclineError {
    const known = error instanceof SynclineError ? error : new SynclineError('store_unavailable', String(error))
    this.#enter(Object.freeze({ code: known.code, reason: known.message }))
    return known
  }

  #enter(status: StorageStatus): void {
    if (status === this.#status) return
    this.#status = status
    this.#events.changed()
  }
}
