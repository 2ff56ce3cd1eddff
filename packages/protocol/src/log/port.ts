/** What one author added in one commit. */
export interface Run {
  /** the subject of the author's grant; empty where nobody asked who it is */
  readonly author: string
  /** update v1 bytes, already cut to what was new */
  readonly update: Uint8Array
}

/** What one commit added to one document. */
export interface LogRecord {
  /** 1, 2, 3, … without a gap */
  readonly position: number
  /** checksum over this record and all before it, see `chainAfter` */
  readonly chain: number
  /** when the commit began, in ms since 1970 */
  readonly time: number
  readonly runs: readonly Run[]
}

/** How far a log goes, or went: a position, and the chain up to there. */
export interface Head {
  readonly position: number
  readonly chain: number
}

/** A place in a document's history that a relay can confirm or deny. */
export interface LogPoint extends Head {
  /** identity of the log's history, 16 hex digits; another epoch means another history */
  readonly epoch: string
}

/**
 * A point that no log confirms: a session that opens with it is asked for its full difference and has to send
 * `exchange` to get what it lacks. Dialects whose clients tell their state vector later open with it.
 */
export const unknownPoint: LogPoint = Object.freeze({ epoch: '0000000000000000', position: 0, chain: 0 })

/** A document as the log gives it back. */
export interface StoredDocument {
  readonly epoch: string
  /** the compacted update up to `basePosition`, or null */
  readonly base: Uint8Array | null
  /** 0 where there is no base */
  readonly basePosition: number
  /** the point just before the first of the records, at or before `basePosition` */
  readonly start: Head
  /** the records after `start`, in order, without a gap; those up to `basePosition` are in the base too, and serve resuming */
  readonly records: readonly LogRecord[]
  /** epochs of documents of this name that were deleted; absent where there are none */
  readonly deletedEpochs?: readonly string[]
}

/** What compaction puts in place of a document's records. */
export interface BaseReplacement {
  /** how far the base goes */
  readonly point: LogPoint
  /** everything up to that point as one update */
  readonly base: Uint8Array
  /** records after this position stay for resuming, also those up to the point */
  readonly keepAfter: number
  /** whether the records that do not stay are moved to the document's history; otherwise they are deleted */
  readonly keepHistory: boolean
}

/** One document's part of a commit. */
export interface Append {
  readonly document: string
  /** written with the first record of a document; later ones repeat it */
  readonly epoch: string
  readonly record: LogRecord
}

/** What a listing tells of a document. */
export interface DocumentInfo {
  readonly name: string
  readonly epoch: string
  /** position of the last record */
  readonly position: number
  /** bytes of base and records as stored; an estimate where counting would cost much */
  readonly storedBytes: number
  /** when its first record was committed, in ms since 1970; null where that was not kept */
  readonly createdAt: number | null
  /** when its last record was committed, in ms since 1970; null where that was not kept, or there is none */
  readonly changedAt: number | null
}

/**
 * The log: where a relay keeps documents. An adapter passes `test/conformance/log.ts`.
 *
 * One process has a log open at a time. `commit` is called by one committer, one call after the other.
 */
export interface Log {
  /**
   * Reads a document; null where there is none. Throws `document_damaged` where its bytes are not what was written,
   * `document_deleted` where it was removed and not created anew.
   */
  read(document: string): Promise<StoredDocument | null>
  /**
   * Makes all appends durable, or none: resolves after the disk has them, rejects where any of them is in doubt.
   * Positions of a document follow its last record without a gap. Rejects with `document_deleted`, and changes nothing,
   * where one of them was removed and not created anew.
   */
  commit(appends: readonly Append[]): Promise<void>
  /**
   * Makes a base durable in place of the records up to its point, as a whole or not at all. It may run beside commits,
   * which it holds up for some ms at most, and not beside another replacement of the same document. The first records
   * may still be there when it rejects, or when the process ends meanwhile: they count no more, and go with the next
   * replacement.
   *
   * @returns false where nothing was changed: the log does not go through that point, or has a base that goes as far
   */
  replaceBase(document: string, replacement: BaseReplacement): Promise<boolean>
  /**
   * The records that were moved aside, from `after` (exclusive) on, in order; at most `limit`, 1,000 unless said
   * otherwise. Positions are missing that were compacted while history was not kept.
   */
  history(document: string, options?: { readonly after?: number; readonly limit?: number }): Promise<LogRecord[]>
  /**
   * Documents whose names start with `prefix`, in order of their UTF-8 bytes, from `after` (exclusive) on; at most
   * `limit`, 1,000 unless said otherwise.
   */
  list(options?: {
    readonly prefix?: string
    readonly after?: string
    readonly limit?: number
  }): Promise<DocumentInfo[]>
  /**
   * Deletes a document for good, with its history, as a whole or not at all; what is left is that it was. It may run
   * beside commits of other documents, not beside one of its own.
   *
   * @param time ms since 1970
   * @returns false where there is no such document
   */
  remove(document: string, time: number): Promise<boolean>
  /**
   * Lets a document that was removed begin anew, empty.
   *
   * @param epoch of the new document
   * @returns false where there is no document of this name that was removed, and not created since
   */
  create(document: string, epoch: string): Promise<boolean>
  /** Closes the log; further calls reject. */
  close(): Promise<void>
}
