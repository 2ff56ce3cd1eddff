import {
  type Append,
  type BaseReplacement,
  chainAfter,
  type DocumentInfo,
  decodeRecord,
  encodeRecord,
  type Head,
  type LogRecord,
  type StoredDocument,
  SynclineError,
} from '@syncline/protocol'
import { type Clock, systemClock } from '../clock.js'
import {
  assertStorableName,
  type HistoryOptions,
  headsAfter,
  historyLimitDefault,
  type ListOptions,
  listLimitDefault,
  readError,
  storageFailed,
} from './adapter.js'
import { type BackupManifest, writeBackup } from './backup.js'
import { readBase, readStoredBase, removeRecords, swapBase } from './bases.js'
import { compactRange, type Database, openDatabase } from './directory.js'
import { documentKey, documentRange, historyRange, nameOf, positionOf, recordKey, recordRange } from './keys.js'
import { type Note, type NoteSpace, type NotingLog, putNotes, readNotes } from './notes.js'
import type { PackedBases, PackedDocument, PackedReplacement } from './packedBases.js'
import { assertNotDeleted, contentRanges, createDocument, readPast, removeDocument } from './removal.js'
import { toStored } from './storedBase.js'
import { Tidying } from './tidying.js'
import { type DocumentHead, decodeDocument, encodeDocument, newDocumentHead } from './values.js'

type Snapshot = ReturnType<Database['snapshot']>

const headsMax = 16_384 // documents whose last position is remembered: some 2 MB
const readChunk = 1_000 // records decoded in one turn
const readChunkBytes = 256 * 1024 // their checksums and chain take a millisecond
const historyBytes = 16 * 1024 * 1024
const sampleRecords = 256
const sampleBytes = 64 * 1024

/**
 * Opens the log in a data directory, and creates both where they are missing; a directory that it makes is readable to
 * its owner alone. When it resolves, the log is on disk and could be opened from there.
 *
 * @param clock by which it tells when nothing was written for a while
 * @throws SynclineError `data_in_use` where another process has it open, `unknown_format` where a newer Syncline wrote
 *   it, `document_damaged` where its format cannot be read, `storage_failed` where it cannot be opened
 */
export async function openLevelLog(directory: string, clock?: Clock): Promise<LevelLog> {
  return new LevelLog(await openDatabase(directory), clock)
}

/**
 * The log in a LevelDB directory, written with fsync. Made by {@link openLevelLog}.
 *
 * After a commit that LevelDB could not write, it refuses everything with `storage_failed` and is of no further use:
 * LevelDB itself would go on, and lose what it calls written. Close it and open the directory again.
 */
export class LevelLog implements NotingLog, PackedBases {
  readonly #database: Database
  /** last positions of some documents: a cache, so that a commit reads nothing */
  readonly #heads = new Map<string, number>()
  /** what was read while this changed may be of before a change */
  #changes = 0
  readonly #tidying: Tidying
  /** bases, removals and creations, one after the other: each reads before it writes */
  #rewriting: Promise<unknown> = Promise.resolve()
  #state: 'open' | 'failed' | 'closed' = 'open'

  /** @internal */
  constructor(database: Database, clock: Clock = systemClock) {
    this.#database = database
    this.#tidying = new Tidying(clock, contentRanges, (range) => compactRange(database, range))
  }

  async read(document: string): Promise<StoredDocument | null> {
    this.#assertOpen()
    const changes = this.#changes
    const stored = await this.#atOnePoint((snapshot) => this.#read(document, snapshot, readBase))
    if (changes === this.#changes) this.#learn(document, stored)
    return stored
  }

  /** Reads a document without unpacking its base. */
  async readPacked(document: string): Promise<PackedDocument | null> {
    this.#assertOpen()
    return this.#atOnePoint((snapshot) => this.#read(document, snapshot, readStoredBase))
  }

  async commit(appends: readonly Append[], notes: readonly Note[] = []): Promise<void> {
    this.#assertOpen()
    for (const { document, record } of appends) if (record.position === 1) assertStorableName(document)
    await this.#recall(appends)
    const heads = headsAfter(appends, (document) => this.#heads.get(document)!)
    await this.#written(() => this.#write(appends, notes))
    this.#changes++
    for (const [document, position] of heads) this.#remember(document, position)
  }

  async replaceBase(document: string, replacement: BaseReplacement): Promise<boolean> {
    this.#assertOpen()
    const base = await toStored(replacement.base, replacement.point.position)
    return this.replacePacked(document, { ...replacement, base })
  }

  /** Like `replaceBase`, with a base that is packed already. */
  async replacePacked(document: string, replacement: PackedReplacement): Promise<boolean> {
    this.#assertOpen()
    return this.#rewrite(async () => {
      const heads = await this.#atOnePoint((snapshot) => this.#headsOfReplacement(document, replacement, snapshot))
      if (heads === null) return false
      await this.#written(async () => {
        await swapBase(this.#database, document, heads, replacement.base)
        await removeRecords(this.#database, document, heads[1].start.position, replacement.keepHistory)
      })
      this.#tidying.shrunk(document)
      return true
    })
  }

  remove(document: string, time: number, notes: readonly Note[] = []): Promise<boolean> {
    return this.#rewrite(() => this.#writtenAnew(document, () => removeDocument(this.#database, document, time, notes)))
  }

  create(document: string, epoch: string, notes: readonly Note[] = []): Promise<boolean> {
    return this.#rewrite(() =>
      this.#writtenAnew(document, () => createDocument(this.#database, document, epoch, notes)),
    )
  }

  notes(space: NoteSpace): AsyncIterable<Note> {
    this.#assertOpen()
    return readNotes(this.#database, space)
  }

  async writeNotes(notes: readonly Note[]): Promise<void> {
    this.#assertOpen()
    const batch = this.#database.batch()
    putNotes(batch, notes)
    await this.#written(() => batch.write())
  }

  /** Fewer than `limit` also where they are large: the end is where it gives none. */
  async history(document: string, { after = 0, limit = historyLimitDefault }: HistoryOptions = {}) {
    this.#assertOpen()
    const range = historyRange(document, after + 1)
    const values = this.#database.values({ ...range, limit, highWaterMarkBytes: historyBytes })
    try {
      const records = await values.nextv(limit)
      return records.map(decodeRecord)
    } catch (error) {
      throw readError(error)
    } finally {
      await values.close()
    }
  }

  /** Sizes are exact up to 256 records or 64 KiB after the base, beyond that estimated from the last of them. */
  async list({ prefix = '', after = '', limit = listLimitDefault }: ListOptions = {}): Promise<DocumentInfo[]> {
    this.#assertOpen()
    const snapshot = this.#database.snapshot()
    try {
      const found: DocumentInfo[] = []
      for await (const [key, value] of this.#database.iterator({ ...documentRange(prefix, after), limit, snapshot })) {
        found.push(await this.#describe(nameOf(key), value, snapshot))
      }
      return found
    } catch (error) {
      throw storageFailed('The documents cannot be listed', error)
    } finally {
      await snapshot.close()
    }
  }

  /**
   * Writes all documents as they are at this moment to a new directory, beside whatever else happens.
   *
   * @param directory must not exist, or be empty; its parent exists
   * @param time ms since 1970
   * @throws SynclineError `not_empty`, `storage_failed`
   */
  async backUp(directory: string, time: number): Promise<BackupManifest> {
    this.#assertOpen()
    return writeBackup(this.#database, directory, time)
  }

  async close(): Promise<void> {
    this.#state = 'closed'
    await this.#tidying.close()
    await this.#database.close()
  }

  async #read<Base>(
    document: string,
    snapshot: Snapshot,
    baseOf: (database: Database, document: string, head: DocumentHead, snapshot: Snapshot) => Promise<Base | null>,
  ): Promise<(Omit<StoredDocument, 'base'> & { readonly base: Base | null }) | null> {
    const value = await this.#database.get(documentKey(document), { snapshot })
    const past = await readPast(this.#database, document, snapshot)
    if (value === undefined) {
      assertNotDeleted(past)
      const lost = await this.#lastPosition(document, 0, snapshot)
      if (lost > 0) throw new SynclineError('document_damaged', `There are ${lost} records, but no head`)
      return null
    }
    const head = decodeDocument(value)
    const { epoch, basePosition, start } = head
    const base = await baseOf(this.#database, document, head, snapshot)
    const records = await this.#readRecords(document, start, snapshot)
    // it begins with a record, unless it begins anew
    if (base === null && records.length === 0 && past.time === 0) {
      throw new SynclineError('document_damaged', 'There are no records')
    }
    const position = start.position + records.length
    if (position < basePosition) {
      throw new SynclineError('document_damaged', `The records end at ${position}, before the base`)
    }
    const stored = { epoch, base, basePosition, start, records }
    return past.deleted.length === 0 ? stored : { ...stored, deletedEpochs: past.deleted }
  }

  /** The document's head and what replaces it; null where the replacement is not one of this history, or too late. */
  async #headsOfReplacement(
    document: string,
    { point, keepAfter }: PackedReplacement,
    snapshot: Snapshot,
  ): Promise<[DocumentHead, DocumentHead] | null> {
    const value = await this.#database.get(documentKey(document), { snapshot })
    const before = value && decodeDocument(value)
    if (before?.epoch !== point.epoch || before.basePosition >= point.position) return null
    if ((await this.#recordAt(document, point.position, snapshot))?.chain !== point.chain) return null
    const position = Math.min(keepAfter, point.position)
    const after = { ...before, basePosition: point.position }
    if (position <= before.start.position) return [before, after]
    const first = await this.#recordAt(document, position, snapshot)
    if (first === null) return null
    return [before, { ...after, start: { position, chain: first.chain }, startedAt: first.time }]
  }

  /** Null where there is no record of that position. */
  async #recordAt(document: string, position: number, snapshot: Snapshot): Promise<LogRecord | null> {
    const value = await this.#database.get(recordKey(document, position), { snapshot })
    return value === undefined ? null : decodeRecord(value)
  }

  async #readRecords(document: string, start: Head, snapshot: Snapshot): Promise<LogRecord[]> {
    let { position, chain } = start
    const records: LogRecord[] = []
    const range = recordRange(document, position + 1)
    const values = this.#database.values({ ...range, snapshot, highWaterMarkBytes: readChunkBytes })
    try {
      for (;;) {
        const chunk = await values.nextv(readChunk)
        if (chunk.length === 0) return records
        for (const value of chunk) {
          const record = decodeRecord(value)
          position++
          chain = chainAfter(chain, record.runs)
          assertFollows(record, position, chain)
          records.push(record)
        }
      }
    } finally {
      await values.close()
    }
  }

  /** The position of the last record after `position`; that itself where there is none. */
  async #lastPosition(document: string, position: number, snapshot: Snapshot): Promise<number> {
    const keys = this.#database.keys({ ...recordRange(document, position + 1), reverse: true, limit: 1, snapshot })
    const [last] = await keys.all()
    return last === undefined ? position : positionOf(last)
  }

  /** Makes sure that the last positions of all these documents are known. */
  async #recall(appends: readonly Append[]): Promise<void> {
    const unknown = new Set(appends.map(({ document }) => document).filter((document) => !this.#heads.has(document)))
    await Promise.all([...unknown].map((document) => this.#recallOne(document)))
  }

  async #recallOne(document: string): Promise<void> {
    // a base may be replaced meanwhile
    await this.#atOnePoint(async (snapshot) => {
      const value = await this.#database.get(documentKey(document), { snapshot })
      if (value === undefined) assertNotDeleted(await readPast(this.#database, document, snapshot))
      const { basePosition } = value === undefined ? newDocumentHead('') : decodeDocument(value)
      this.#heads.set(document, await this.#lastPosition(document, basePosition, snapshot))
    })
  }

  /** Whoever reads a document may be about to change it. No other one is forgotten: a commit may be on its way to it. */
  #learn(document: string, stored: StoredDocument | null): void {
    if (this.#heads.size >= headsMax || this.#heads.has(document)) return
    this.#heads.set(document, stored === null ? 0 : stored.start.position + stored.records.length)
  }

  #remember(document: string, position: number): void {
    this.#heads.set(document, position)
    if (this.#heads.size > headsMax) this.#heads.delete(this.#heads.keys().next().value!)
  }

  async #write(appends: readonly Append[], notes: readonly Note[]): Promise<void> {
    const batch = this.#database.batch()
    putNotes(batch, notes)
    for (const { document, epoch, record } of appends) {
      if (record.position === 1) batch.put(documentKey(document), encodeDocument(newDocumentHead(epoch, record.time)))
      batch.put(recordKey(document, record.position), encodeRecord(record))
    }
    await batch.write({ sync: true })
  }

  /** Reads from one snapshot, whatever is written meanwhile. */
  async #atOnePoint<T>(read: (snapshot: Snapshot) => Promise<T>): Promise<T> {
    const snapshot = this.#database.snapshot()
    try {
      return await read(snapshot)
    } catch (error) {
      throw readError(error)
    } finally {
      await snapshot.close()
    }
  }

  #rewrite<T>(rewrite: () => Promise<T>): Promise<T> {
    const rewritten = this.#rewriting.then(() => {
      this.#assertOpen()
      return rewrite()
    })
    this.#rewriting = rewritten.catch(() => {})
    return rewritten
  }

  /** A write after which the document begins anew. */
  async #writtenAnew<T>(document: string, write: () => Promise<T>): Promise<T> {
    try {
      return await this.#written(write)
    } finally {
      this.#changes++
      this.#heads.delete(document)
      this.#tidying.shrunk(document)
    }
  }

  /** After a write that failed nothing is known of what the disk has. */
  async #written<T>(write: () => Promise<T>): Promise<T> {
    this.#tidying.written()
    try {
      return await write()
    } catch (error) {
      if (error instanceof SynclineError) throw error // of what was read before anything was written
      if (this.#state === 'closed') throw new SynclineError('closed', 'The log was closed meanwhile')
      this.#state = 'failed'
      throw storageFailed('The log could not be written', error)
    }
  }

  async #describe(name: string, value: Uint8Array, snapshot: Snapshot): Promise<DocumentInfo> {
    const { epoch, basePosition, baseBytes, start, createdAt, startedAt } = decodeForListing(value)
    const range = recordRange(name, start.position + 1)
    const latest = { reverse: true, limit: sampleRecords, highWaterMarkBytes: sampleBytes, snapshot }
    const iterator = this.#database.iterator({ ...range, ...latest })
    const sample = await iterator.nextv(sampleRecords)
    await iterator.close()
    const known = { name, epoch, createdAt }
    if (sample.length === 0) return { ...known, position: basePosition, storedBytes: baseBytes, changedAt: startedAt }

    const position = positionOf(sample[0]![0])
    const sampledBytes = sample.reduce((sum, [, record]) => sum + record.length, 0)
    const recordsBytes = Math.round((sampledBytes / sample.length) * (position - start.position))
    return { ...known, position, storedBytes: baseBytes + recordsBytes, changedAt: timeOf(sample[0]![1]) }
  }

  #assertOpen(): void {
    if (this.#state === 'closed') throw new SynclineError('closed', 'The log is closed')
    if (this.#state === 'failed') throw new SynclineError('storage_failed', 'The log failed and was not opened again')
  }
}

/** A damaged document is listed, without an epoch: the operator shall see it, and all others. */
function decodeForListing(value: Uint8Array): DocumentHead {
  try {
    return decodeDocument(value)
  } catch {
    return newDocumentHead('')
  }
}

/** Null where it is damaged: a listing goes on. */
function timeOf(record: Uint8Array): number | null {
  try {
    return decodeRecord(record).time
  } catch {
    return null
  }
}

function assertFollows(record: LogRecord, position: number, chain: number): void {
  if (record.position !== position) {
    throw new SynclineError('document_damaged', `Record ${record.position} stands where ${position} belongs`)
  }
  if (record.chain !== chain) {
    throw new SynclineError('document_damaged', `Record ${position} does not continue the chain before it`)
  }
}
