import {
  type Append,
  chainAfter,
  type DocumentInfo,
  decodeRecord,
  encodeRecord,
  type Log,
  type LogRecord,
  type StoredDocument,
  SynclineError,
} from '@syncline/protocol'
import { assertStorableName, headsAfter, type ListOptions, listLimitDefault, storageFailed } from './adapter.js'
import { type Database, openDatabase } from './directory.js'
import { baseKey, documentKey, documentRange, nameOf, positionOf, recordKey, recordRange } from './keys.js'
import { type DocumentHead, decodeBase, decodeDocument, encodeDocument } from './values.js'

type Snapshot = ReturnType<Database['snapshot']>

const headsMax = 16_384 // documents whose last position is remembered: some 2 MB
const readChunk = 1_000 // records decoded in one turn
const readChunkBytes = 1024 * 1024
const sampleRecords = 256
const sampleBytes = 64 * 1024

/**
 * Opens the log in a data directory, and creates both where they are missing; a directory that it makes is readable to
 * its owner alone. When it resolves, the log is on disk and could be opened from there.
 *
 * @throws SynclineError `data_in_use` where another process has it open, `unknown_format` where a newer Syncline wrote
 *   it, `document_damaged` where its format cannot be read, `storage_failed` where it cannot be opened
 */
export async function openLevelLog(directory: string): Promise<LevelLog> {
  return new LevelLog(await openDatabase(directory))
}

/**
 * The log in a LevelDB directory, written with fsync. Made by {@link openLevelLog}.
 *
 * After a commit that LevelDB could not write, it refuses everything with `storage_failed` and is of no further use:
 * LevelDB itself would go on, and lose what it calls written. Close it and open the directory again.
 */
export class LevelLog implements Log {
  readonly #database: Database
  /** last positions of some documents: a cache, so that a commit reads nothing */
  readonly #heads = new Map<string, number>()
  #state: 'open' | 'failed' | 'closed' = 'open'

  /** @internal */
  constructor(database: Database) {
    this.#database = database
  }

  async read(document: string): Promise<StoredDocument | null> {
    this.#assertOpen()
    const snapshot = this.#database.snapshot()
    try {
      return await this.#read(document, snapshot)
    } catch (error) {
      throw readError(error)
    } finally {
      await snapshot.close()
    }
  }

  async commit(appends: readonly Append[]): Promise<void> {
    this.#assertOpen()
    await this.#recall(appends)
    const heads = headsAfter(appends, (document) => this.#heads.get(document)!)
    try {
      await this.#write(appends)
    } catch (error) {
      if (this.#state === 'open') this.#state = 'failed'
      throw storageFailed('A commit could not be written', error)
    }
    for (const [document, position] of heads) this.#remember(document, position)
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

  async close(): Promise<void> {
    this.#state = 'closed'
    await this.#database.close()
  }

  async #read(document: string, snapshot: Snapshot): Promise<StoredDocument | null> {
    const value = await this.#database.get(documentKey(document), { snapshot })
    if (value === undefined) {
      const lost = await this.#lastPosition(document, snapshot)
      if (lost > 0) throw new SynclineError('document_damaged', `There are ${lost} records, but no head`)
      return null
    }
    const { epoch, basePosition, baseChain } = decodeDocument(value)
    const base = basePosition === 0 ? null : await this.#readBase(document, basePosition, snapshot)
    const records = await this.#readRecords(document, basePosition, baseChain, snapshot)
    if (base === null && records.length === 0) throw new SynclineError('document_damaged', 'There are no records')
    return { epoch, base, basePosition, baseChain, records }
  }

  async #readBase(document: string, position: number, snapshot: Snapshot): Promise<Uint8Array> {
    const value = await this.#database.get(baseKey(document), { snapshot })
    if (value === undefined) throw new SynclineError('document_damaged', `The base up to ${position} is missing`)
    return decodeBase(value, position)
  }

  async #readRecords(document: string, position: number, chain: number, snapshot: Snapshot): Promise<LogRecord[]> {
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

  async #lastPosition(document: string, snapshot?: Snapshot): Promise<number> {
    const range = recordRange(document, 1)
    const keys = this.#database.keys({ ...range, reverse: true, limit: 1, ...(snapshot && { snapshot }) })
    const [last] = await keys.all()
    return last === undefined ? 0 : positionOf(last)
  }

  /** Makes sure that the last positions of all these documents are known. */
  async #recall(appends: readonly Append[]): Promise<void> {
    const unknown = new Set(appends.map(({ document }) => document).filter((document) => !this.#heads.has(document)))
    await Promise.all([...unknown].map((document) => this.#recallOne(document)))
  }

  async #recallOne(document: string): Promise<void> {
    assertStorableName(document)
    try {
      const value = await this.#database.get(documentKey(document))
      const { basePosition } = value === undefined ? { basePosition: 0 } : decodeDocument(value)
      this.#heads.set(document, Math.max(basePosition, await this.#lastPosition(document)))
    } catch (error) {
      throw readError(error)
    }
  }

  #remember(document: string, position: number): void {
    this.#heads.set(document, position)
    if (this.#heads.size > headsMax) this.#heads.delete(this.#heads.keys().next().value!)
  }

  async #write(appends: readonly Append[]): Promise<void> {
    const batch = this.#database.batch()
    for (const { document, epoch, record } of appends) {
      if (record.position === 1) batch.put(documentKey(document), encodeDocument({ ...newDocument, epoch }))
      batch.put(recordKey(document, record.position), encodeRecord(record))
    }
    await batch.write({ sync: true })
  }

  async #describe(name: string, value: Uint8Array, snapshot: Snapshot): Promise<DocumentInfo> {
    const { epoch, basePosition, baseBytes } = decodeForListing(value)
    const range = recordRange(name, basePosition + 1)
    const latest = { reverse: true, limit: sampleRecords, highWaterMarkBytes: sampleBytes, snapshot }
    const iterator = this.#database.iterator({ ...range, ...latest })
    const sample = await iterator.nextv(sampleRecords)
    await iterator.close()
    if (sample.length === 0) return { name, epoch, position: basePosition, storedBytes: baseBytes }

    const position = positionOf(sample[0]![0])
    const sampledBytes = sample.reduce((sum, [, record]) => sum + record.length, 0)
    const recordsBytes = Math.round((sampledBytes / sample.length) * (position - basePosition))
    return { name, epoch, position, storedBytes: baseBytes + recordsBytes }
  }

  #assertOpen(): void {
    if (this.#state === 'closed') throw new SynclineError('closed', 'The log is closed')
    if (this.#state === 'failed') throw new SynclineError('storage_failed', 'The log failed and was not opened again')
  }
}

const newDocument: DocumentHead = { epoch: '', basePosition: 0, baseChain: 0, baseBytes: 0 }

/** A damaged document is listed, without an epoch: the operator shall see it, and all others. */
function decodeForListing(value: Uint8Array): DocumentHead {
  try {
    return decodeDocument(value)
  } catch {
    return newDocument
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

function readError(error: unknown): SynclineError {
  if (error instanceof SynclineError) return error
  if ((error as { code?: unknown }).code === 'LEVEL_CORRUPTION') {
    return Object.assign(new SynclineError('document_damaged', 'LevelDB found damage in its files'), { cause: error })
  }
  return storageFailed('The document cannot be read', error)
}
