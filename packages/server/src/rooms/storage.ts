import type { DocumentInfo, Log, StoredDocument } from '@syncline/protocol'
import { SynclineError } from '@syncline/protocol'
import type { Clock } from '../clock.js'
import { type CommitSource, Committer } from '../log/committer.js'
import { type PackedBases, type PackedDocument, type PackedReplacement, packedBasesOf } from '../log/packedBases.js'
import type { Logger } from '../logger.js'

const retryMsMin = 250
const retryMsMax = 10_000

/** What is told of commits while they are measured. */
export interface CommitObserver {
  /** @param ms from asking the log to the answer of the disk; @param documents how many shared it */
  committed(ms: number, documents: number): void
  /** @param ms from an update's coming in to its acknowledgement, of the first one of each commit of a document */
  acknowledged?(ms: number): void
}

/** What a storage works with. */
export interface StorageOptions {
  readonly clock: Clock
  readonly logger: Logger
  /** told of what a source threw at its commit */
  readonly exception: (error: unknown) => void
  /** opens the log anew after a failed write; null: the relay takes nothing more until it is started again */
  readonly reopen: (() => Promise<Log>) | null
  /** told how long each commit took */
  readonly commitObserver?: CommitObserver | null
}

type StorageState = 'ready' | 'failed' | 'closed'

/**
 * The log and its committer, through failures. After a failed write nothing is known of what the disk has: the log is
 * closed and opened anew, and until that has worked every call is refused with `storage_failed`.
 */
export class Storage implements PackedBases {
  readonly #options: StorageOptions
  #log: Log
  #committer: Committer
  #state: StorageState = 'ready'

  constructor(log: Log, options: StorageOptions) {
    this.#options = options
    this.#log = log
    this.#committer = this.#newCommitter(log)
  }

  get ready(): boolean {
    return this.#state === 'ready'
  }

  /** @throws SynclineError `storage_failed`, and what the log throws */
  read(document: string): Promise<StoredDocument | null> {
    this.assertReady()
    return this.#log.read(document)
  }

  /** @throws SynclineError `storage_failed`, and what the log throws */
  readPacked(document: string): Promise<PackedDocument | null> {
    this.assertReady()
    return packedBasesOf(this.#log).readPacked(document)
  }

  /** @throws SynclineError `storage_failed`, and what the log throws */
  list(options: Parameters<Log['list']>[0]): Promise<DocumentInfo[]> {
    this.assertReady()
    return this.#log.list(options)
  }

  /** @throws SynclineError `storage_failed`, and what the log throws; `fail` has to be told */
  replacePacked(document: string, replacement: PackedReplacement): Promise<boolean> {
    this.assertReady()
    return packedBasesOf(this.#log).replacePacked(document, replacement)
  }

  /** @throws SynclineError `storage_failed`, and what the log throws; `fail` has to be told */
  remove(document: string): Promise<boolean> {
    this.assertReady()
    return this.#log.remove(document, this.#options.clock.now())
  }

  /** @throws SynclineError `storage_failed`, and what the log throws; `fail` has to be told */
  create(document: string, epoch: string): Promise<boolean> {
    this.assertReady()
    return this.#log.create(document, epoch)
  }

  /** Asks for a commit of what `source` has queued, as soon as the one in flight is done. */
  request(source: CommitSource): void {
    this.#committer.request(source)
  }

  assertReady(): void {
    if (this.#state !== 'ready') throw new SynclineError('storage_failed')
  }

  /** A write is in doubt. */
  fail(error: Error): void {
    if (this.#state !== 'ready') return
    this.#state = 'failed'
    const { logger, reopen } = this.#options
    const until = reopen ? 'the log is open again' : 'the relay is started again'
    logger.error({ event: 'write_failed', error }, `a write failed: nothing is acknowledged until ${until}`)
    if (reopen) void this.#reopen(reopen)
  }

  /** Commits what is queued. Whose commit fails is told so; the drain goes on. */
  async drain(): Promise<void> {
    await this.#committer.drain().catch(() => {})
  }

  async close(): Promise<void> {
    const failed = this.#state === 'failed'
    this.#state = 'closed'
    await this.#log.close().catch((error: unknown) => {
      if (!failed) throw error
    })
  }

  async #reopen(open: () => Promise<Log>): Promise<void> {
    const { clock, logger } = this.#options
    for (let retryMs = retryMsMin; this.#state === 'failed'; retryMs = Math.min(2 * retryMs, retryMsMax)) {
      await new Promise<void>((resolve) => clock.after(retryMs, resolve))
      try {
        await this.#reopenOnce(open)
      } catch (error) {
        logger.error({ event: 'log_reopen_failed', error, retryMs }, 'the log could not be reopened')
      }
    }
  }

  async #reopenOnce(open: () => Promise<Log>): Promise<void> {
    // a log that failed may fail to close as well, or be closed already: opening it tells
    await this.#log.close().catch(() => {})
    if (this.#state !== 'failed') return
    const log = await open()
    if (this.#state !== 'failed') return log.close()
    this.#log = log
    this.#committer = this.#newCommitter(log)
    this.#state = 'ready'
    this.#options.logger.info({ event: 'log_reopened' }, 'the log is open again')
  }

  #newCommitter(log: Log): Committer {
    const { clock, exception, commitObserver } = this.#options
    return new Committer(commitObserver ? observed(log, commitObserver) : log, { clock, onError: exception })
  }
}

function observed(log: Log, observer: CommitObserver): Pick<Log, 'commit'> {
  return {
    async commit(appends) {
      const startedAt = performance.now()
      await log.commit(appends)
      observer.committed(performance.now() - startedAt, appends.length)
    },
  }
}
