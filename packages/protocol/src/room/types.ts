import type { ErrorCode } from '../errors.js'
import type { Append, StoredDocument } from '../log/port.js'
import type { Access, DocumentReply, DocumentRequest } from '../messages/types.js'

/** A session's number within its relay; the shell picks it. */
export type SessionId = number

/** What a session brings with it when it opens a room. */
export interface SessionProfile {
  /** the subject of the grant, kept with each run; empty where nobody asked */
  readonly author: string
  readonly access: Access
  /** dialects whose clients take their own updates back as an acknowledgement */
  readonly echo: boolean
}

/** What a session asks of a Room once it is open. */
export type RoomRequest = Exclude<DocumentRequest, { type: 'open' }>

/** What happens to a Room. */
export type RoomInput =
  /** the log was read; the first input of every room. `epoch` is for a document that is not stored yet */
  | { readonly type: 'loaded'; readonly stored: StoredDocument | null; readonly epoch: string }
  /** a session asks to open the document (its `open`, its exchange, …); the profile comes from authorisation */
  | {
      readonly type: 'joined'
      readonly session: SessionId
      readonly profile: SessionProfile
      readonly request: Extract<DocumentRequest, { type: 'open' }>
    }
  | {
      readonly type: 'received'
      readonly session: SessionId
      readonly request: RoomRequest
      readonly now: number
    }
  /** what the session may do was decided anew */
  | { readonly type: 'granted'; readonly session: SessionId; readonly access: Access; readonly now: number }
  /** the session's socket is gone, or it closed */
  | { readonly type: 'left'; readonly session: SessionId; readonly now: number }
  /** the committer takes what is queued; answered by `append` where anything is */
  | { readonly type: 'committing'; readonly now: number }
  /** the append of the last `committing` is on disk */
  | { readonly type: 'committed'; readonly now: number }
  /** the log has a new base that goes up to a position; it is of no consequence to sessions, and serves joiners */
  | { readonly type: 'compacted'; readonly base: Uint8Array; readonly position: number }
  /** there is no room for edits, or there is again */
  | { readonly type: 'readOnly'; readonly readOnly: boolean; readonly now: number }
  /** the session's socket is above its high-water mark: hold back what can wait */
  | { readonly type: 'congested'; readonly session: SessionId }
  /** the socket has drained */
  | { readonly type: 'drained'; readonly session: SessionId }
  /**
   * what updates ask all rooms to send costs that many times the share of a core that there is for it; below 1 there is
   * no need to gather
   */
  | { readonly type: 'paced'; readonly demand: number }
  /** the time that a `wake` effect asked for has come */
  | { readonly type: 'ticked'; readonly now: number }

/** What a Room wants done. */
export type RoomEffect =
  /** send one message to sessions; encoded once */
  | { readonly type: 'send'; readonly to: readonly SessionId[]; readonly message: DocumentReply }
  /** there is something to commit: call back with `committing` as soon as the committer is free */
  | { readonly type: 'dirty' }
  /** make this durable, then call back with `committed`; where that is in doubt, the room is of no use any more */
  | { readonly type: 'append'; readonly append: Append }
  /** the session is over (a `closed` or `refused` was sent to it before); it is forgotten here */
  | { readonly type: 'end'; readonly session: SessionId }
  /** call back with `ticked` at this time, and not at the one that was asked for before */
  | { readonly type: 'wake'; readonly at: number }
  /** something an operator should know: counted and logged */
  | { readonly type: 'note'; readonly event: 'resync' | 'digest_mismatch'; readonly session: SessionId }
  /** a session was ended for what it sent, or an update of it rejected */
  | {
      readonly type: 'note'
      readonly event: 'refused' | 'rejected'
      readonly session: SessionId
      readonly code: ErrorCode
    }
