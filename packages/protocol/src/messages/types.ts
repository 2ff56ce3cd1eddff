import type { ErrorCode } from '../errors.js'
import type { LogPoint } from '../log/port.js'

/** What a session may do with its document. */
export type Access = 'read' | 'write'

/**
 * From a client, about one document. On the wire each carries the channel of its session.
 */
export type SessionRequest =
  /**
   * Opens a document. `resume` is where this client left off; without it `stateVector` says what it has.
   * The client sends nothing more before `opened`.
   */
  | { readonly type: 'open'; readonly name: string; readonly resume: LogPoint | null; readonly stateVector: Uint8Array }
  /**
   * Edits. `seq` is 1, 2, 3, … within the session. `answer` marks the full difference that an `opened`
   * with a state vector or a `resync` asked for, and what comes first after a `rejected`. `seed` marks first content,
   * which is taken into an empty log alone.
   */
  | {
      readonly type: 'update'
      readonly seq: number
      readonly answer: boolean
      readonly seed?: boolean
      readonly update: Uint8Array
    }
  /** What the client has, where its resume point was not confirmed: the relay sends what it lacks. */
  | { readonly type: 'exchange'; readonly stateVector: Uint8Array }
  /** Idle and synced: are we equal? `vectorHash` is `hashStateVector`. */
  | { readonly type: 'digest'; readonly point: LogPoint; readonly vectorHash: number }
  /** y-protocols awareness update bytes. */
  | { readonly type: 'awareness'; readonly update: Uint8Array }
  /** Something said in passing to everybody else who has the document open: JSON, which is kept nowhere. */
  | { readonly type: 'signal'; readonly payload: string }
  | { readonly type: 'close' }

/** From the relay, about one document. */
export type SessionReply =
  /**
   * The relay speaks first. `stateVector` is null where `resume` was confirmed: then the pending edits alone are
   * wanted. Otherwise the client answers with its full difference (`update` with `answer`), and with `exchange`
   * where it had offered a resume point. `withheld`: the grant allows writing, but the relay takes no edits for now.
   */
  | {
      readonly type: 'opened'
      readonly point: LogPoint
      readonly stateVector: Uint8Array | null
      readonly access: Access
      readonly withheld?: boolean
    }
  /** Edits of others (its own may be among them). `position` and `chain` are the log's after them. */
  | { readonly type: 'update'; readonly position: number; readonly chain: number; readonly update: Uint8Array }
  /**
   * Everything that was committed when the client asked has been sent. `update` is the difference that an open or
   * an exchange asked for, null where nothing was lacking.
   */
  | { readonly type: 'synced'; readonly position: number; readonly chain: number; readonly update: Uint8Array | null }
  /** All updates up to `seq` are on disk. `position` and `chain` are how far the session has been sent everything. */
  | { readonly type: 'ack'; readonly seq: number; readonly position: number; readonly chain: number }
  /** Something that update `seq` refers to is missing here: send the full difference against `stateVector`, marked `answer`. */
  | { readonly type: 'resync'; readonly seq: number; readonly stateVector: Uint8Array }
  /**
   * Update `seq` was not kept and never will be, whoever sends it again. What follows it is discarded, up to an update
   * marked `answer`.
   */
  | { readonly type: 'rejected'; readonly seq: number; readonly code: ErrorCode; readonly reason: string }
  /** The digest was equal. An unequal one is answered with `resync`. */
  | { readonly type: 'digest' }
  /** y-protocols awareness update bytes. */
  | { readonly type: 'awareness'; readonly update: Uint8Array }
  /** Somebody, or the application's backend, says something in passing: JSON. */
  | { readonly type: 'signal'; readonly payload: string }
  /**
   * The session may do something else from here on. Where it may write now, a `resync` follows: what it kept to itself
   * meanwhile is wanted. `withheld` as in `opened`.
   */
  | { readonly type: 'access'; readonly access: Access; readonly withheld?: boolean }
  /** The document was not opened. */
  | Ending<'refused'>
  /** The session has ended. */
  | Ending<'closed'>

/** What a client says of the document itself. What is said in passing is no machine's business. */
export type DocumentRequest = Exclude<SessionRequest, { type: 'signal' }>

/** What a relay says of the document itself. */
export type DocumentReply = Exclude<SessionReply, { type: 'signal' }>

/** How a session ends: why, in words, and whether opening it again can help. */
export interface Ending<Type extends string> {
  readonly type: Type
  readonly code: ErrorCode
  readonly reason: string
  readonly retry: boolean
  /** not before so many milliseconds */
  readonly retryMs?: number
}

/** From a client, about the connection. */
export type ConnectionRequest =
  /** The first message. `token` says who it is: null where that is told otherwise, or not at all. */
  | {
      readonly type: 'hello'
      readonly versions: readonly number[]
      readonly agent: string
      readonly token: string | null
    }
  /** Another token: from here on it counts, for every session of the connection. */
  | { readonly type: 'token'; readonly token: string }
  | { readonly type: 'ping' }
  | { readonly type: 'pong' }

/** From the relay, about the connection. */
export type ConnectionReply =
  | { readonly type: 'welcome'; readonly version: number; readonly limits: WelcomeLimits; readonly agent: string }
  | { readonly type: 'ping' }
  | { readonly type: 'pong' }
  /** In `expiresMs` the first session of this connection ends, unless another token has come. */
  | { readonly type: 'expires'; readonly expiresMs: number }
  /** Drain: come back in `retryMs`. */
  | { readonly type: 'leaving'; readonly retryMs: number }

/** The limits that a client has to know. */
export interface WelcomeLimits {
  readonly frameBytesMax: number
  readonly updateBytesMax: number
  readonly documentBytesMax: number
}

/** A number that a client picks for a session, unique within its connection while the session lives. */
export type Channel = number

/** A message from a client: about the connection, or on a channel. */
export type ClientMessage =
  | ConnectionRequest
  | { readonly type: 'session'; readonly channel: Channel; readonly message: SessionRequest }
/** A message from the relay: about the connection, or on a channel. */
export type RelayMessage =
  | ConnectionReply
  | { readonly type: 'session'; readonly channel: Channel; readonly message: SessionReply }
