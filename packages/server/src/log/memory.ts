import {
  type Append,
  type DocumentInfo,
  decodeRecord,
  encodeRecord,
  type Log,
  type StoredDocument,
  SynclineError,
} from '@syncline/protocol'
import { assertStorableName, headsAfter, type ListOptions, listLimitDefault } from './adapter.js'

interface MemoryDocument {
  readonly epoch: string
  /** encoded, so that nobody can change what was committed */
  readonly records: Uint8Array[]
}

/** A log in memory: for tests, and for documents that need not outlive the process. */
export class MemoryLog implements Log {
  readonly #documents = new Map<string, MemoryDocument>()
  #closed = false

  async read(document: string): Promise<StoredDocument | null> {
    this.#assertOpen()
    const stored = this.#documents.get(document)
    if (stored === undefined) return null
    const records = stored.records.map(decodeRecord)
    return { epoch: stored.epoch, base: null, basePosition: 0, baseChain: 0, records }
  }

  async commit(appends: readonly Append[]): Promise<void> {
    this.#assertOpen()
    for (const { document } of appends) if (!this.#documents.has(document)) assertStorableName(document)
    headsAfter(appends, (document) => this.#documents.get(document)?.records.length ?? 0)
    for (const { document, epoch, record } of appends) {
      const stored = this.#documents.get(document) ?? { epoch, records: [] }
      stored.records.push(encodeRecord(record))
      this.#documents.set(document, stored)
    }
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

  async close(): Promise<void> {
    this.#closed = true
  }

  #describe(name: string): DocumentInfo {
    const { epoch, records } = this.#documents.get(name)!
    const storedBytes = records.reduce((sum, record) => sum + record.length, 0)
    return { name, epoch, position: records.length, storedBytes }
  }

  #assertOpen(): void {
    if (this.#closed) throw new SynclineError('closed', 'The log is closed')
  }
}
