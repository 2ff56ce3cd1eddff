import {
  type Append,
  type BaseReplacement,
  type DocumentInfo,
  decodeRecord,
  encodeRecord,
  type Head,
  type Log,
  type StoredDocument,
  SynclineError,
} from '@syncline/protocol'
import {
  assertStorableName,
  type HistoryOptions,
  headsAfter,
  historyLimitDefault,
  type ListOptions,
  listLimitDefault,
} from './adapter.js'

interface MemoryDocument {
  readonly epoch: string
  base: Uint8Array | null
  basePosition: number
  /** the point just before the first of the records */
  start: Head
  createdAt: number | null
  changedAt: number | null
  /** encoded, so that nobody can change what was committed */
  readonly records: Uint8Array[]
  readonly history: Uint8Array[]
}

/** A log in memory: for tests, and for documents that need not outlive the process. */
export class MemoryLog implements Log {
  readonly #documents = new Map<string, MemoryDocument>()
  /** epochs of documents that were deleted */
  readonly #deleted = new Map<string, string[]>()
  #closed = false

  async read(document: string): Promise<StoredDocument | null> {
    this.#assertOpen()
    const stored = this.#documents.get(document)
    if (stored === undefined) this.#assertNotDeleted(document)
    if (stored === undefined) return null
    const { epoch, base, basePosition, start, records } = stored
    const deletedEpochs = this.#deleted.get(document)
    const copy = { epoch, base: base && new Uint8Array(base), basePosition, start, records: records.map(decodeRecord) }
    return deletedEpochs ? { ...copy, deletedEpochs } : copy
  }

  async commit(appends: readonly Append[]): Promise<void> {
    this.#assertOpen()
    for (const { document } of appends) {
      if (this.#documents.has(document)) continue
      assertStorableName(document)
      this.#assertNotDeleted(document)
    }
    headsAfter(appends, (document) => positionOf(this.#documents.get(document) ?? newDocument('')))
    for (const { document, epoch, record } of appends) {
      const stored = this.#documents.get(document) ?? newDocument(epoch)
      stored.records.push(encodeRecord(record))
      if (record.position === 1) stored.createdAt = record.time
      stored.changedAt = record.time
      this.#documents.set(document, stored)
    }
  }

  async replaceBase(document: string, { point, base, keepAfter, keepHistory }: BaseReplacement): Promise<boolean> {
    this.#assertOpen()
    const stored = this.#documents.get(document)
    if (stored?.epoch !== point.epoch || stored.basePosition >= point.position) return false
    if (headAt(stored, point.position)?.chain !== point.chain) return false
    const start = headAt(stored, Math.min(keepAfter, point.position)) ?? stored.start
    const removed = stored.records.splice(0, start.position - stored.start.position)
    if (keepHistory) stored.history.push(...removed)
    Object.assign(stored, { base: new Uint8Array(base), basePosition: point.position, start })
    return true
  }

  async history(document: string, { after = 0, limit = historyLimitDefault }: HistoryOptions = {}) {
    this.#assertOpen()
    const records = this.#documents.get(document)?.history.map(decodeRecord) ?? []
    return records.filter(({ position }) => position > after).slice(0, limit)
  }

  async list({ prefix = '', after = '', limit = listLimitDefault }: ListOptions = {}): Promise<DocumentInfo[]> {
    this.#assertOpen()
    const start = Buffer.from(after)
    // UTF-16, in which JavaScript compares, has another order than UTF-8
    return [...this.#documents.keys()]
      .filter((name) => name.startsWith(prefix))
      .map((name) => ({ name, bytes: Buffer.from(name) }))
      .filter(({ bytes }) => Buffer.compare(bytes, start) > 0)
      .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
      .slice(0, limit)
      .map(({ name }) => this.#describe(name))
  }

  async remove(document: string, _time: number): Promise<boolean> {
    this.#assertOpen()
    const stored = this.#documents.get(document)
    if (stored === undefined) return false
    this.#documents.delete(document)
    this.#deleted.set(document, [...(this.#deleted.get(document) ?? []), stored.epoch])
    return true
  }

  async create(document: string, epoch: string): Promise<boolean> {
    this.#assertOpen()
    if (this.#documents.has(document) || !this.#deleted.has(document)) return false
    this.#documents.set(document, newDocument(epoch))
    return true
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #describe(name: string): DocumentInfo {
    const stored = this.#documents.get(name)!
    const { epoch, base, records, createdAt, changedAt } = stored
    const storedBytes = records.reduce((sum, record) => sum + record.length, base?.length ?? 0)
    return { name, epoch, position: positionOf(stored), storedBytes, createdAt, changedAt }
  }

  #assertNotDeleted(document: string): void {
    if (this.#deleted.has(document)) throw new SynclineError('document_deleted')
  }

  #assertOpen(): void {
    if (this.#closed) throw new SynclineError('closed', 'The log is closed')
  }
}

function newDocument(epoch: string): MemoryDocument {
  const start = { position: 0, chain: 0 }
  return { epoch, base: null, basePosition: 0, start, createdAt: null, changedAt: null, records: [], history: [] }
}

function positionOf({ start, records }: MemoryDocument): number {
  return start.position + records.length
}

/** Null where there is no record of that position. */
function headAt({ start, records }: MemoryDocument, position: number): Head | null {
  const record = records[position - start.position - 1]
  if (record === undefined) return null
  const { chain } = decodeRecord(record)
  return { position, chain }
}
