import type { ErrorCode } from '@syncline/protocol'
import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import type { DocumentInspection } from './devtools/types.js'
import type { FirstContent } from './seed.js'
import type { ConnectionState, DocumentStatus, TransportKind } from './states.js'
import type { Store } from './store/types.js'
import type { TabsPlatform } from './tabs/platform.js'

export type { ConnectionState, DocumentStatus, StorageStatus, TransportKind } from './states.js'

/** The part of a WebSocket that Syncline uses: browsers have it, and `ws` for Node. */
export interface WebSocketLike {
  binaryType: string
  readonly readyState: number
  readonly bufferedAmount: number
  onopen: ((event: never) => void) | null
  onmessage: ((event: never) => void) | null
  onclose: ((event: never) => void) | null
  onerror: ((event: never) => void) | null
  send(data: Uint8Array<ArrayBuffer>): void
  close(code?: number, reason?: string): void
  /** where there is none, it is not noticed that WebSockets come to nothing */
  addEventListener?(event: 'message' | 'close', listener: () => void, options?: { readonly once?: boolean }): void
  /** what carries it; a WebSocket where it does not say */
  readonly transport?: TransportKind
}

/** Time, as a Connection needs it; tests give their own. */
export interface Clock {
  /** ms since some fixed moment, never going back */
  now(): number
  /** calls back once after `ms`; the result cancels it */
  after(ms: number, call: () => void): () => void
  /** calls back in a task of its own, behind those that wait already, also in a hidden page whose timers are slowed down */
  soon(call: () => void): void
}

/** A token, or what gives one whenever it is needed: it may ask the application's own backend. */
export type TokenSource = string | (() => string | Promise<string>)

/** Options of `connect`. */
export interface ConnectOptions {
  /**
   * what says to the relay who this is. A function is asked before each connection, ahead of the end of the last token,
   * and when the relay takes that no more: then documents go on where they were. One that fails is asked again, as a relay
   * that cannot be reached is. With a token that is a text, documents are refused when its time is over.
   */
  readonly token?: TokenSource
  /** where documents are kept on this device; default nowhere: what is not saved ends with the page */
  readonly store?: Store
  /**
   * Who uses this device: an account's id. Copies of different identities never mix, and `store.erase(identity)` removes
   * those of one. Default ''.
   */
  readonly identity?: string
  /**
   * Whether the tabs of one origin, relay and identity share one WebSocket, and edits go from tab to tab directly. Default
   * true, where the browser has Web Locks and BroadcastChannel; each tab stands alone elsewhere, and in Node. Tests give
   * a platform of their own.
   */
  readonly tabs?: boolean | TabsPlatform
  /**
   * What carries the connection. `auto` is a WebSocket, and plain HTTP where the network lets no WebSocket through while
   * HTTP works: then WebSockets are tried again now and then. Default `auto`, with `webSocket` `websocket`.
   */
  readonly transport?: 'auto' | TransportKind
  /** makes the socket; default: the platform's WebSocket, and `ws` in Node */
  readonly webSocket?: (url: string, protocols: string[]) => WebSocketLike
  /** default: the platform's timers */
  readonly clock?: Clock
  /** numbers in [0, 1) for the jitter of the backoff; default Math.random */
  readonly random?: () => number
  /** longest wait between two attempts to connect, in ms; default 10,000 */
  readonly retryMsMax?: number
  /** ms of silence after which the relay is asked for a sign of life; default 10,000 */
  readonly silenceMsMax?: number
  /** false: begin offline, until `connection.goOnline()`; default true */
  readonly online?: boolean
}

/** Local changes that the relay will never take, with what can't be there without them. */
export interface RefusedEdit {
  /** `read_only`, `update_too_large`, `document_too_large`, `malformed_update`, `seed_refused` */
  readonly code: ErrorCode
  readonly reason: string
  /** when it was refused, in ms since 1970 */
  readonly time: number
  /** how many changes, counted in Yjs transactions */
  readonly changes: number
  /** the size of `update` */
  readonly bytes: number
  /** a Yjs update: applied to a copy of the document, it shows what was typed. It brings first content along. */
  readonly update: Uint8Array
}

/** Another replica has taken the place of the one that an editor is bound to. */
export interface Replacement {
  /** the new one, without what was refused; `handle.doc` from now on */
  readonly doc: Y.Doc
  /** with the state that the old one had; `handle.awareness` from now on */
  readonly awareness: Awareness
  /** what was refused; none where it was nothing but first content */
  readonly refused: readonly RefusedEdit[]
}

/** Options of `open`. */
export interface OpenOptions {
  /**
   * The document to keep in sync; default a new `Y.Doc`. What it holds already is sent like an edit. Only the first
   * `open` of a name can give one.
   */
  readonly doc?: Y.Doc
  /**
   * First content for a document that is empty everywhere: an update, or a function that writes it into an empty Y.Doc
   * and is deterministic. However many clients open the document at once, or offline, it is there once. Ignored where the
   * document has content, here or on the relay.
   */
  readonly initial?: FirstContent
  /**
   * What happens with subdocuments: `load` opens those that the application loads (`subdocument.load()`) or that load by
   * themselves (`autoLoad`), for as long as the handle and they last; `manual` opens none but those that
   * {@link DocumentHandle.openSubdocument} is asked for. Default `manual`.
   */
  readonly subdocuments?: 'manual' | 'load'
}

/** Options of `openSubdocument`: those of `open`, without the `Y.Doc`, which is there. */
export type SubdocumentOptions = Omit<OpenOptions, 'doc'>

/** An open document. Handles of one name share `doc` and `awareness`, which `replaced` can change. */
export interface DocumentHandle {
  readonly name: string
  readonly doc: Y.Doc
  /** cursors and names, with the interface that Yjs editor bindings expect; states of others go while offline */
  readonly awareness: Awareness
  readonly status: DocumentStatus
  /**
   * Resolves when the local copy is in `doc`: at once where there is no store, and where it cannot be read, which
   * `status.storage` tells. Never rejects.
   */
  readonly loaded: Promise<void>
  /**
   * Resolves when everything that the relay has is in `doc` for the first time. Rejects with a SynclineError: with the
   * relay's code when it refuses, with `closed` when the last handle was closed before.
   */
  readonly synced: Promise<void>
  /**
   * Resolves when everything typed before the call is on the relay's disk, however long that takes. Rejects with a
   * SynclineError when it cannot come any more: with the relay's code when it refuses the document or some of that, with
   * `closed` after `close()`.
   */
  saved(): Promise<void>
  /**
   * Resolves when everything typed before the call is on this device's disk, and so outlives the page. Rejects with a
   * SynclineError: with the code of the store where that fails (the edit itself goes on in memory), with
   * `store_unavailable` where there is none, with `closed` after `close()`.
   */
  keptLocally(): Promise<void>
  /**
   * What the relay refused for good, oldest first. It is no part of `doc`, is kept in the local copy, and never sent again.
   * The same array until something changes.
   */
  readonly refused: readonly RefusedEdit[]
  /** Lets go of what is `refused`. */
  dropRefused(): void
  /**
   * Opens a subdocument of `doc` over the same connection, as the document `<name>/<guid>`: with a status, awareness and
   * local copy of its own, and with the grants of this one. Its `doc` is the instance that is in the document. It ends when
   * that is unloaded (`subdocument.destroy()`) or removed, or with `close()`.
   *
   * @param which the subdocument, or its guid
   * @throws SynclineError `invalid_option` where `doc` has none like that now; `closed`; `invalid_name` where the two names
   * are too long together
   */
  openSubdocument(which: string | Y.Doc, options?: SubdocumentOptions): DocumentHandle
  /**
   * What the document weighs, how it reaches the relay, and its last messages: for development. What is recorded (messages,
   * updates over time, the round trip) is so from the first call on. A call costs what encoding the document does.
   */
  inspect(): DocumentInspection
  /**
   * Says something in passing to everybody else who has the document open: a reaction, a nudge, "look here". It is kept
   * nowhere, and whoever is not there, or does not keep up, misses it.
   *
   * @param payload JSON of at most 16 KiB
   * @returns false where it cannot be said now, since the document is not in sync
   * @throws SynclineError `malformed_signal`; `read_only` where this client may only read
   */
  signal(payload: unknown): boolean
  /** Calls back with what others, or the application's backend, say in passing; the result stops it. */
  on(event: 'signal', listener: (payload: unknown) => void): () => void
  /**
   * Calls back when something was refused, or first content withdrawn: `doc` and `awareness` are others now. The old ones
   * show what they showed and are left to the application; nothing of them is synced any more. Bind editors anew.
   */
  on(event: 'replaced', listener: (replacement: Replacement) => void): () => void
  /**
   * Calls back with each new status, once for all that happened in one turn of the event loop; the result stops it. A
   * listener that throws harms nobody else.
   */
  on(event: 'status', listener: (status: DocumentStatus) => void): () => void
  /**
   * Gives the handle back. The last one of a name takes the cursor away at once, ends the session and, unless the
   * application gave it, destroys `doc`. Changes that are pending are kept and sent first and waited for: for 10 s at
   * most, and not while the relay can't be reached. `status.unkept` still tells how many exist in `doc` alone then.
   * Await `saved()` or `keptLocally()` before where that must not be. Never rejects.
   */
  close(): Promise<void>
}

/** One WebSocket to a relay, for any number of documents and for all tabs of a browser. */
export interface Connection {
  /** of the WebSocket */
  readonly url: string
  readonly state: ConnectionState
  /** what carries it at present, for all tabs that share it; null while there is nothing */
  readonly transport: TransportKind | null
  /**
   * Opens a document, or shares the one that is open.
   *
   * @throws SynclineError `invalid_name`; `closed` after `close()`; `invalid_option` where the name is open with
   * another `Y.Doc` than the one given, or first content is not deterministic
   */
  open(name: string, options?: OpenOptions): DocumentHandle
  /** calls back with each new state; the result stops it */
  on(event: 'state', listener: (state: ConnectionState) => void): () => void
  /**
   * Ends the sessions of this tab and stays offline until `goOnline()`; edits wait on this device, and other tabs that
   * show the document see them. Other tabs stay online.
   */
  goOffline(): void
  /** connects now, also where an attempt would follow later by itself */
  goOnline(): void
  /** the names of the documents that have a local copy; empty where there is no store. Rejects with the store's error. */
  kept(): Promise<string[]>
  /**
   * Makes documents available offline without showing them: resolves when the local store has everything that the relay
   * had. They are as up to date as they are then; call it again for more.
   *
   * Rejects with a SynclineError: with that of the first document that the relay or the store refuses, once all have
   * been tried; with `store_unavailable` where there is no store.
   *
   * @param progress is called with each document that is done
   */
  keepOffline(names: readonly string[], progress?: (done: number, of: number) => void): Promise<void>
  /** closes every handle of a document and removes its local copy; other tabs go on without it. Rejects with the store's error. */
  forget(name: string): Promise<void>
  /**
   * Logs out: ends the connection without waiting for what is pending, and removes every local copy of this identity, of
   * other relays too. Other tabs go on without. Rejects with the store's error.
   */
  erase(): Promise<void>
  /** closes every handle as {@link DocumentHandle.close} does, then the socket; a Node process can end then */
  close(): Promise<void>
}
