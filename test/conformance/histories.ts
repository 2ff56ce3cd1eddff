import {
  type Append,
  type BaseReplacement,
  chainAfter,
  type Log,
  type LogRecord,
  type Run,
  type StoredDocument,
} from '@syncline/protocol'

/** A log under test, and what the suite may do to it. */
export interface LogUnderTest {
  /** the log that is open now */
  readonly log: Log
  /** closes the log and opens what it stored; absent where it stores nothing */
  readonly reopen?: () => Promise<void>
  /** flips one bit of a stored record behind the log's back; absent where nobody can get there */
  readonly damage?: (document: string, position: number) => Promise<void>
  /** closes the log and removes what it stored */
  readonly close: () => Promise<void>
}

/** The epoch of every document that a test writes. */
export const epoch = '00c0ffee00c0ffee'

/** The histories that a test writes: the next record of each document, and what its base has. */
export class Histories {
  readonly #records = new Map<string, LogRecord[]>()
  readonly #bases = new Map<string, { base: Uint8Array; position: number; start: number }>()

  next(document: string, ...runs: readonly Run[]): Append {
    const records = this.recordsOf(document)
    const last = records.at(-1) ?? { position: 0, chain: 0 }
    const record = {
      position: last.position + 1,
      chain: chainAfter(last.chain, runs),
      time: 1_767_225_600_000 + last.position,
      runs,
    }
    this.#records.set(document, [...records, record])
    return { document, epoch, record }
  }

  text(document: string, text: string): Append {
    return this.next(document, { author: 'ada', update: Buffer.from(text) })
  }

  recordsOf(document: string): readonly LogRecord[] {
    return this.#records.get(document) ?? []
  }

  /** What compaction up to a position asks for. */
  replacement(document: string, position: number, changes: Partial<BaseReplacement> = {}): BaseReplacement {
    const { chain } = this.recordsOf(document)[position - 1]!
    const base = Buffer.from(`the base of ${document} up to ${position}`)
    return { point: { epoch, position, chain }, base, keepAfter: position, keepHistory: false, ...changes }
  }

  replaced(document: string, { base, point, keepAfter }: BaseReplacement): void {
    const start = Math.max(this.#bases.get(document)?.start ?? 0, Math.min(keepAfter, point.position))
    this.#bases.set(document, { base, position: point.position, start })
  }

  stored(document: string): StoredDocument {
    const { base = null, position = 0, start = 0 } = this.#bases.get(document) ?? {}
    const records = this.recordsOf(document)
    return {
      epoch,
      base,
      basePosition: position,
      start: { position: start, chain: records[start - 1]?.chain ?? 0 },
      records: records.slice(start),
    }
  }
}

/** Bytes to be compared: a Buffer is no less an update than a Uint8Array. */
export const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1')

/** A record to be compared. */
export const plainRecord = (record: LogRecord) => ({
  ...record,
  runs: record.runs.map(({ author, update }) => ({ author, update: latin1(update) })),
})

/** A document to be compared. */
export const plain = (stored: StoredDocument | null) =>
  stored && {
    ...stored,
    base: stored.base && latin1(stored.base),
    start: { position: stored.start.position, chain: stored.start.chain },
    records: stored.records.map(plainRecord),
  }
