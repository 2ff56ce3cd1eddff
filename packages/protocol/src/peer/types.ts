import type { ErrorCode } from '../errors.js'
import type { LogPoint } from '../log/port.js'
import type { Access, DocumentReply, DocumentRequest } from '../messages/types.js'
import type { CopyWrite, LocalCopy, RefusedRow, RowId } from './copy.js'

/** The document that a Peer keeps in sync: a Y.Doc behind three functions. */
export interface Replica {
  /** encoded state vector */
  stateVector(): Uint8Array
  /** everything that a peer with `stateVector` lacks, as update v1 */
  difference(stateVector: Uint8Array): Uint8Array
  /** it shows edits of other tabs that the relay may not have, and may refuse: nothing of it is packed meanwhile */
  readonly isAhead?: boolean
}

/** What a relay says on a session, of one type. */
export type Reply<Type extends DocumentReply['type']> = Extract<DocumentReply, { type: Type }>

/** Where a Peer stands with the relay: one state, never two booleans. */
export type PeerState =
  /** the local copy is being read: nothing is opened before, also where a connection is there */
  | { readonly at: 'loading'; readonly connected: boolean }
  /** no connection */
  | { readonly at: 'offline' }
  /** `open` is sent, the relay has not spoken */
  | { readonly at: 'opening' }
  /** the relay spoke; its content is on the way */
  | { readonly at: 'syncing' }
  /** everything the relay had is here */
  | { readonly at: 'live' }
  /** the relay ended the session for good */
  | { readonly at: 'refused'; readonly code: ErrorCode; readonly reason: string }
  /** the application closed it */
  | { readonly at: 'closed' }

/** What one of several tabs tells the others, which share its local copy. */
export interface RefusedNews {
  /** what was set aside: all of it, first content included */
  readonly updates: readonly Uint8Array[]
  readonly rows: readonly RefusedRow[]
  /** ids of refused rows that are gone */
  readonly letGo: readonly string[]
}

/** What happens to a Peer. */
export type PeerInput =
  /**
   * The local copy was read and is in the replica; null where there is none, or none yet: another one may follow. Edits
   * that were made before are kept.
   */
  | { readonly type: 'loaded'; readonly copy: LocalCopy | null }
  /** the write that was asked for is on disk; its rows have these ids */
  | { readonly type: 'written'; readonly rows: readonly RowId[] }
  /** it is not; where the copy is `lost`, `loaded` tells when there is another one */
  | { readonly type: 'writeFailed'; readonly lost: boolean }
  /** others may have written to the local copy: what of it is not here is wanted, and opens nothing before where offline */
  | { readonly type: 'reread' }
  /** the store that could not write is worth another try */
  | { readonly type: 'retryWrite' }
  /** the connection is welcomed */
  | { readonly type: 'connected' }
  /** the connection is gone */
  | { readonly type: 'disconnected' }
  | { readonly type: 'received'; readonly reply: DocumentReply }
  /** the relay takes no update that is larger; the last word counts */
  | { readonly type: 'limited'; readonly updateBytesMax: number }
  /** what the document begins with, where it is empty everywhere: made by `seedFrom` */
  | { readonly type: 'seed'; readonly seed: Uint8Array }
  /** the relay is out of reach: where this replica is empty, first content is shown now */
  | { readonly type: 'alone' }
  /** what was refused is not to be kept any longer */
  | { readonly type: 'dropRefused' }
  /** what another tab was refused, or has let go of */
  | { readonly type: 'refusedElsewhere'; readonly news: RefusedNews }
  /** a local transaction of the replica produced this update */
  | { readonly type: 'edited'; readonly update: Uint8Array }
  /** the replica got something from another tab; whether that is in the local copy is not known here */
  | { readonly type: 'borrowed' }
  /** send what was edited since the last flush, as one update: called once per microtask or frame */
  | { readonly type: 'flushed' }
  /** local awareness changed: y-protocols awareness update bytes */
  | { readonly type: 'awareness'; readonly update: Uint8Array }
  /** compare with the relay, if idle */
  | { readonly type: 'digestDue' }
  /** the application is done with the document */
  | { readonly type: 'close' }

/** What a Peer wants done. */
export type PeerEffect =
  | { readonly type: 'send'; readonly request: DocumentRequest }
  /** to the local copy; there is no other one before the answer: `written` or `writeFailed` */
  | { readonly type: 'write'; readonly write: CopyWrite }
  /** read the local copy again; there is no `write` before the answer: `loaded` */
  | { readonly type: 'read' }
  /** integrate into the replica, with an origin that does not come back as `edited` */
  | { readonly type: 'apply'; readonly update: Uint8Array }
  | { readonly type: 'applyAwareness'; readonly update: Uint8Array }
  /**
   * Some of what is in the replica was refused: another one takes its place, empty at first, with these updates. Edits of
   * the old one are none of the Peer's from here on.
   */
  | { readonly type: 'replace'; readonly updates: readonly Uint8Array[]; readonly refused: readonly RefusedRow[] }
  /** for the other tabs, whose replicas may have it too */
  | { readonly type: 'tellRefused'; readonly news: RefusedNews }
  /** the session has been closed from here: open another one at once */
  | { readonly type: 'reopen' }
  /** the relay may hold none of our awareness: send it anew with a higher clock, drop that of others if `lost` */
  | { readonly type: 'announceAwareness' }
  | { readonly type: 'forgetAwareness' }
  /** state or pending changed */
  | { readonly type: 'changed' }

/** What a Peer can be asked. */
export interface PeerView {
  readonly state: PeerState
  readonly access: Access
  /** local changes that the relay has not acknowledged; one at least while it is owed what it lost, or never had */
  readonly pending: number
  /** local changes ever, and the first so many of them are acknowledged or refused: `saved()` waits for the second */
  readonly edits: number
  readonly saved: number
  /** the first so many of them are in the local copy; 0 where there is none */
  readonly kept: number
  /** local changes that were refused for good, and are kept aside */
  readonly refused: readonly RefusedRow[]
  /** every refusal of this Peer's life: the first change that it took, and why */
  readonly refusals: readonly Refusal[]
  /** the local copy is being read, or written */
  readonly writing: boolean
  readonly resume: LogPoint | null
  /** the row is in the replica */
  knows(row: RowId): boolean
  /** an update of another replica without what is set aside here; null where nothing is left */
  without(update: Uint8Array): Uint8Array | null
  /** the replica shows what was refused, which may have deleted what others have typed: nobody is to read from it */
  readonly isRebuilding: boolean
}

/** A refusal: changes from the number `first` on were set aside, not necessarily all of them. */
export interface Refusal {
  readonly first: number
  readonly code: ErrorCode
  readonly reason: string
}
