import type { Access, ErrorCode } from '@syncline/protocol'

/** What carries a connection: a WebSocket, or requests and a stream of events over plain HTTP. */
export type TransportKind = 'websocket' | 'http'

/** How the one WebSocket stands. */
export type ConnectionState =
  /** no relay: the last attempt failed and others follow by themselves, or `goOffline()` was called */
  | 'offline'
  /** the first attempt, or the first after the connection was lost */
  | 'connecting'
  | 'online'
  /** the relay and this client have no protocol version in common: there are no further attempts */
  | 'refused'
  /** `close()` was called */
  | 'closed'

/** How the local store does: nothing is wrong, there is none, or why it could not be used when it was tried last. */
export type StorageStatus = 'none' | 'ok' | { readonly code: ErrorCode; readonly reason: string }

/** What a person can be told of a document. A snapshot: it never changes, and is the same object until something does. */
export interface DocumentStatus {
  /**
   * How this document reaches the relay: like {@link ConnectionState}, but `online` once its session is open, and
   * `refused` where the relay ended that for good.
   */
  readonly connection: 'offline' | 'connecting' | 'online' | 'refused' | 'closed'
  /** everything that the relay had is here */
  readonly synced: boolean
  /**
   * local changes that the relay has not yet on disk, counted in Yjs transactions; one at least while a relay that has lost
   * some of them, such as one restored from a backup, is given them again
   */
  readonly pending: number
  /** nothing is pending: everything typed here is on the relay's disk, but for what is `refused`. True at once after each edit: never said early. */
  readonly saved: boolean
  /**
   * of the pending ones, those that are in memory alone: neither on the relay's disk nor in the local store. With the
   * page, they would be lost.
   */
  readonly unkept: number
  /** local changes that were refused for good, and are kept aside: see `handle.refused` */
  readonly refused: number
  /** of the local copy of this document */
  readonly storage: StorageStatus
  /**
   * When the last session ended in which everything was in sync, in ms since 1970: the local copy remembers it over a
   * reload. Null where there is none, or no store.
   */
  readonly syncedAt: number | null
  /** what the relay lets this client do; `write` until it has spoken */
  readonly access: Access
  /**
   * Why the relay ended the session for good, or null. `document_deleted` outlives the page where there is a local copy:
   * that stays readable, and the document is not opened on the relay again before `connection.forget(name)`.
   */
  readonly error: { readonly code: ErrorCode; readonly reason: string } | null
}
