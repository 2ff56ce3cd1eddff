import { type ErrorCode, type LogRecord, SynclineError } from '@syncline/protocol'
import type { Clock } from '../clock.js'
import type { Counters } from '../counters.js'
import type { PackedBases, PackedDocument, PackedReplacement } from '../log/packedBases.js'
import { asError, type Logger } from '../logger.js'
import type { QuietHours } from '../maintenance/quietHours.js'
import { isDue, isUrgent, keepAfter, type Moment, type Weight, weightOf } from './policy.js'
import type { CompactionThread } from './thread.js'

/** A base that took the place of records. */
export interface Compacted {
  /** the base's update; null where nobody had the document open when it was read */
  readonly update: Uint8Array | null
  /** how many bytes that has */
  readonly baseBytes: number
  /** what the document weighed when it was read: all of that is in the base now */
  readonly before: Weight
}

/** What a {@link Compactor} works with. */
export interface CompactorOptions {
  readonly clock: Clock
  readonly logger: Logger
  readonly counters: Counters
  readonly thread: Pick<CompactionThread, 'run' | 'close'>
  /** whether somebody has a document open, and is to have the new base's update */
  readonly isOpen: (document: string) => boolean
  /** whether records of a document are moved aside instead of deleted */
  readonly keepsHistory: (document: string) => boolean
  /** when compaction that can wait is done; null: at any time */
  readonly quietHours?: QuietHours | null
  /** told of each new base that the log has; must not throw */
  readonly compacted: (document: string, compacted: Compacted) => void
  /** told that the log could not be written */
  readonly storageFailed: (error: Error) => void
}

const queueMax = 10_000 // documents that wait; what finds no place asks again when it is opened
const refusedMax = 10_000
// what could not be compacted is tried again when so many records have come
const retryRecords = 1_000
// a clock that is set, or an hour that summer time takes away, makes quiet hours late by this at most
const lookMs = 15 * 60_000

/**
 * Compacts documents, one after the other: reads one from the log, has a thread make one update of it, and puts that in
 * the place of the records that were read. What is not committed, and what a room believes, plays no part.
 */
export class Compactor {
  readonly #log: PackedBases
  readonly #options: CompactorOptions
  readonly #queue = new Map<string, Moment>()
  /** the last position of documents that could not be compacted */
  readonly #refused = new Map<string, number>()
  /** who asked for a document, and is told when it is done */
  readonly #waiting = new Map<string, ((error: Error | null) => void)[]>()
  /** documents that wait for quiet hours */
  readonly #postponed = new Map<string, Moment>()
  #cancelQuiet: (() => void) | null = null
  #document: string | null = null
  #running: Promise<void> | null = null
  #isClosed = false

  constructor(log: PackedBases, options: CompactorOptions) {
    this.#log = log
    this.#options = options
  }

  /** Compacts a document when its turn comes, where it is worth that at this weight. Asking twice is asking once. */
  request(document: string, weight: Weight, moment: Moment): void {
    if (this.#isClosed || document === this.#document || !this.#isWorthwhile(document, weight, moment)) return
    if (this.#queue.size >= queueMax) return
    if (!this.#isTime(weight, moment)) return this.#postpone(document, moment)
    // what is due while it is open is due when it is closed
    this.#queue.set(document, this.#queue.get(document) ?? moment)
    this.#running ??= this.#run()
  }

  /**
   * Compacts a document when its turn comes, however little that saves. Resolves when that is done.
   *
   * @throws SynclineError why it stays as it is
   */
  compact(document: string): Promise<void> {
    if (this.#isClosed) throw new SynclineError('closed')
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(document) ?? []
      this.#waiting.set(document, [...waiting, (error) => (error ? reject(error) : resolve())])
      this.#queue.set(document, 'asked')
      this.#running ??= this.#run()
    })
  }

  /** Resolves when nothing waits or runs. */
  async idle(): Promise<void> {
    await this.#running
  }

  /** Takes nothing more, and gives up what runs, unless it is being written. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#queue.clear()
    this.#cancelQuiet?.()
    for (const document of this.#waiting.keys()) this.#answer(document, new SynclineError('closed'))
    await this.#options.thread.close()
    await this.#running
  }

  async #run(): Promise<void> {
    await null // whoever asked goes on first
    for (const [document, moment] of this.#queue) {
      this.#queue.delete(document)
      this.#document = document
      const error = await this.#compact(document, moment)
      this.#document = null
      // who asked while it ran has its own turn
      if (moment === 'asked' && !this.#queue.has(document)) this.#answer(document, error)
    }
    this.#running = null
  }

  #answer(document: string, error: Error | null): void {
    const waiting = this.#waiting.get(document) ?? []
    this.#waiting.delete(document)
    for (const settle of waiting) settle(error)
  }

  /** @returns why it stays as it is, or null */
  async #compact(document: string, moment: Moment): Promise<Error | null> {
    let position = 0
    try {
      const stored = await this.#log.readPacked(document)
      const weight = stored && weightOf(stored)
      // it may have been compacted since it asked
      if (stored === null || weight === null || !this.#isWorthwhile(document, weight, moment)) return null
      // quiet hours may have ended
      if (!this.#isTime(weight, moment)) {
        this.#postpone(document, moment)
        return null
      }
      position = weight.basePosition + weight.records
      await this.#replace(document, stored, weight)
      return null
    } catch (error) {
      this.#refuse(document, position, asError(error))
      return asError(error)
    }
  }

  async #replace(document: string, stored: PackedDocument, before: Weight): Promise<void> {
    const { clock, isOpen, keepsHistory, logger, thread } = this.#options
    const began = clock.now()
    logger.debug(
      { event: 'compaction_started', document, records: before.records, bytes: before.bytes },
      'compaction of a document begins',
    )
    const tail = stored.records.filter(({ position }) => position > before.basePosition)
    const { position, chain } = tail.at(-1)!
    const purpose = { position, isUpdateWanted: isOpen(document) }
    const made = await thread.run(stored.base, updatesOf(tail), purpose)
    const [base, update] = [made.base!, made.update]
    const isReplaced = await this.#write(document, {
      point: { epoch: stored.epoch, position, chain },
      base,
      keepAfter: keepAfter(stored.records, base.length, clock.now()),
      keepHistory: keepsHistory(document),
    })
    if (isReplaced) this.#finish(document, { update, baseBytes: base.length, before }, clock.now() - began)
    else
      logger.info({ event: 'compaction_outrun', document, position }, 'a document is not what was compacted any more')
  }

  #finish(document: string, compacted: Compacted, ms: number): void {
    const { counters, logger } = this.#options
    const { baseBytes, before } = compacted
    const saved = before.baseBytes + before.bytes - baseBytes
    this.#refused.delete(document)
    counters.compactions++
    counters.compactionBytesSaved += saved
    const position = before.basePosition + before.records
    logger.info({ event: 'compacted', document, position, bytes: baseBytes, saved, ms }, 'a document was compacted')
    this.#options.compacted(document, compacted)
  }

  async #write(document: string, replacement: PackedReplacement): Promise<boolean> {
    try {
      return await this.#log.replacePacked(document, replacement)
    } catch (error) {
      // of a log that was closed meanwhile, or of a document that cannot be read: nothing was written
      if (error instanceof SynclineError && (error.code === 'closed' || error.code === 'document_damaged')) throw error
      this.#options.storageFailed(asError(error))
      throw new SynclineError('storage_failed')
    }
  }

  #isTime(weight: Weight, moment: Moment): boolean {
    const { clock, quietHours } = this.#options
    return !quietHours || moment === 'asked' || quietHours.isAt(clock.now()) || isUrgent(weight)
  }

  /** It is asked for again when quiet hours begin. Of what finds no place here, whoever opens it next asks. */
  #postpone(document: string, moment: Moment): void {
    const { clock, quietHours } = this.#options
    if (!quietHours || this.#isClosed || this.#postponed.size >= queueMax) return
    this.#postponed.set(document, moment)
    this.#cancelQuiet ??= clock.after(Math.min(quietHours.msUntil(clock.now()), lookMs), () => this.#lookAtPostponed())
  }

  #lookAtPostponed(): void {
    this.#cancelQuiet = null
    const waiting = [...this.#postponed]
    this.#postponed.clear()
    const { clock, quietHours } = this.#options
    for (const [document, moment] of waiting) {
      if (quietHours && !quietHours.isAt(clock.now())) this.#postpone(document, moment)
      else this.#queue.set(document, this.#queue.get(document) ?? moment)
    }
    if (this.#queue.size > 0) this.#running ??= this.#run()
  }

  #isWorthwhile(document: string, weight: Weight, moment: Moment): boolean {
    const refused = this.#refused.get(document)
    if (moment === 'asked' || refused === undefined) return isDue(weight, moment)
    if (weight.basePosition + weight.records < refused + retryRecords) return false
    return isDue(weight, moment)
  }

  /** The document stays as it is. */
  #refuse(document: string, position: number, error: Error): void {
    const { counters, logger } = this.#options
    const code = error instanceof SynclineError ? error.code : 'internal'
    if (harmless.has(code)) return
    this.#refused.delete(document)
    this.#refused.set(document, position)
    if (this.#refused.size > refusedMax) this.#refused.delete(this.#refused.keys().next().value!)
    if (code === 'compaction_mismatch') counters.compactionMismatches++
    else counters.compactionFailures++
    logger.error(
      { event: 'compaction_failed', error, document, position },
      'a document could not be compacted: it stays as it is',
    )
  }
}

// they say nothing of the document, or that there is none any more
const harmless: ReadonlySet<ErrorCode> = new Set(['closed', 'storage_failed', 'document_deleted'])

function updatesOf(records: readonly LogRecord[]): Uint8Array[] {
  return records.flatMap(({ runs }) => runs.map(({ update }) => update))
}
