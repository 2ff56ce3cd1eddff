import type { ErrorCode } from '../errors.js'
import type { LogPoint } from '../log/port.js'

/** Names a row of a document's local copy: later rows have larger ids, and no id is ever given to another row. */
export type RowId = number

/** One update of the local copy. */
export interface CopyRow {
  readonly id: RowId
  /** update v1 */
  readonly update: Uint8Array
  /** the local changes that it stands for; counted where it is not saved */
  readonly changes: number
  /** the relay has it on disk, in the epoch of the copy. Rows that somebody else wrote never are. */
  readonly saved: boolean
}

/** Local changes that the relay has refused for good, and what can't be there without them. */
export interface RefusedRow {
  /** another value: other changes */
  readonly id: string
  /** why, in the relay's words */
  readonly code: ErrorCode
  readonly reason: string
  /** when, in ms since 1970 */
  readonly time: number
  /** how many changes */
  readonly changes: number
  /** update v1 */
  readonly update: Uint8Array
}

/** A document as the local store has it. */
export interface LocalCopy {
  /** the epoch of the log in which rows are saved and `resume` lies; null where no relay was ever reached */
  readonly epoch: string | null
  /** the rows contain everything that the log has up to here */
  readonly resume: LogPoint | null
  /** in the order in which they were written */
  readonly rows: readonly CopyRow[]
  /** beside the rows: no part of the document */
  readonly refused: readonly RefusedRow[]
  /** the document was deleted on the relay */
  readonly deleted: boolean
  /** when everything was in sync last, in ms since 1970; absent where that never was */
  readonly syncedAt?: number
}

/** What is to be written to the local copy: all of it or nothing, in one transaction. */
export interface CopyWrite {
  /**
   * The epoch of `saved`, `resume` and saved rows; null where the write has none of them. Where the copy is of another
   * epoch, none of its rows counts as saved any more, and its resume point goes.
   */
  readonly epoch: string | null
  /** new rows, in order; the answer is their ids */
  readonly append: readonly Omit<CopyRow, 'id'>[]
  /** rows that the relay has on disk now; those that are gone are ignored */
  readonly saved: readonly RowId[]
  /** rows whose content is in what is appended */
  readonly remove: readonly RowId[]
  /** takes the place of the copy's, unless that is further on in the same epoch; null leaves it as it is */
  readonly resume: LogPoint | null
  /** the copy has no resume point any more, but for the one in this write */
  readonly restart?: boolean
  /** refused rows to add; one of the same id is replaced */
  readonly refuse?: readonly RefusedRow[]
  /** ids of refused rows to remove */
  readonly letGo?: readonly string[]
  /** the document was deleted on the relay: so it stays, until the copy is forgotten */
  readonly deleted?: boolean
  /** when everything was in sync last, in ms since 1970; absent leaves it as it is */
  readonly syncedAt?: number
}
