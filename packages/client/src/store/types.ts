import type { CopyWrite, LocalCopy, RowId } from '@syncline/protocol'

/** Whose documents, and of which relay: copies of different scopes never mix. */
export interface StoreScope {
  /** the URL of the relay's WebSocket */
  readonly relay: string
  /** who uses this device: an account's id, or empty */
  readonly identity: string
}

/**
 * Keeps documents on this device. An adapter passes the conformance suite of the repository.
 *
 * Every method rejects with a SynclineError: `store_full`, `store_damaged`, or `store_unavailable` for everything else.
 */
export interface Store {
  /** A document's local copy. Several may be open for one document, in several tabs. */
  open(scope: StoreScope, name: string): DocumentStore
  /** the names of the documents that have a copy */
  list(scope: StoreScope): Promise<string[]>
  /** those of them with rows that are not known to be saved */
  pending(scope: StoreScope): Promise<string[]>
  /** Removes a document's copy. Whoever has it open goes on without. */
  forget(scope: StoreScope, name: string): Promise<void>
  /** Removes every copy of an identity, of every relay. Whoever has one open goes on without. */
  erase(identity: string): Promise<void>
}

/** The local copy of one document. */
export interface DocumentStore {
  /**
   * Everything that is kept. It is read again after a write that was rejected with `store_lost`, and where other tabs may
   * have written; a copy that was removed on purpose meanwhile rejects with `store_erased`.
   */
  read(): Promise<LocalCopy>
  /**
   * Writes all or nothing, and resolves with the ids of the rows it appended, in order. Rows that are not saved are on
   * disk then, those that are saved may be a little later. Called again only when the last write has settled.
   *
   * Rejects besides with `store_lost` where the copy is no longer the one that was read, and with `store_erased` where
   * it was removed on purpose; then nothing is ever written again.
   */
  write(write: CopyWrite): Promise<RowId[]>
  /** Gives it back; never rejects. A read or write that is under way is finished. */
  close(): Promise<void>
}
