import type { SynclineError } from '@syncline/protocol'
import type * as Y from 'yjs'

/** A version of a document: equal ones have the same content. */
export interface DocumentPoint {
  /** identity of the log's history, 16 hex digits */
  readonly epoch: string
  /** of the last commit */
  readonly position: number
}

/** In whose name an edit is made. */
export interface Author {
  /** kept in the log with the edit; empty where nobody asked who it is */
  readonly subject: string
}

/** What is told to whoever observes a document. */
export interface Observer {
  /** it has changed, up to there; several commits may be told as one */
  changed(point: DocumentPoint): void
  /** somebody said something in passing: JSON */
  signalled?(payload: string): void
  /** it is observed no more: it was deleted, its storage failed, the relay stops */
  ended(error: SynclineError): void
}

/** One edit that a document is asked for. */
export interface Edit {
  readonly author: Author
  /** throws where the edit cannot be made as the document is now: then nothing of it is */
  readonly check?: (point: DocumentPoint) => void
  /** changes the document, or gives an update of others to take as it is */
  readonly make: { readonly run: (doc: Y.Doc) => void } | { readonly update: Uint8Array }
  /** told of what is about to be sent; the edit waits for it */
  readonly before?: (update: Uint8Array) => Promise<void>
}
