import { SynclineError } from '@syncline/protocol'
import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import type { SharedDocument } from './document.js'
import { Listeners } from './listeners.js'
import type { DocumentHandle, DocumentStatus } from './types.js'

/** One `open` of a document: a view of the {@link SharedDocument} that can be closed by itself. */
export class Handle implements DocumentHandle {
  readonly name: string
  readonly doc: Y.Doc
  readonly awareness: Awareness
  readonly loaded: Promise<void>
  readonly synced: Promise<void>
  readonly #document: SharedDocument
  readonly #release: () => Promise<void>
  readonly #listeners = new Listeners<DocumentStatus>()
  readonly #stopListening: () => void
  #closing: Promise<void> | null = null
  /** what the status was in the end */
  #last: DocumentStatus | null = null

  /** @param release gives the handle back; resolves when what was to be sent has been */
  constructor(document: SharedDocument, release: () => Promise<void>) {
    this.name = document.name
    this.doc = document.doc
    this.awareness = document.awareness
    this.loaded = document.loaded
    this.synced = document.synced
    this.#document = document
    this.#release = release
    this.#stopListening = document.statusListeners.add((status) => this.#listeners.emit(status))
  }

  get status(): DocumentStatus {
    return this.#last ?? this.#document.status
  }

  saved(): Promise<void> {
    if (this.#last && !this.#last.saved) return Promise.reject(new SynclineError('closed'))
    return this.#last ? Promise.resolve() : this.#document.saved()
  }

  keptLocally(): Promise<void> {
    if (this.#last && this.#last.unkept > 0) return Promise.reject(new SynclineError('closed'))
    return this.#last ? Promise.resolve() : this.#document.keptLocally()
  }

  on(_event: 'status', listener: (status: DocumentStatus) => void): () => void {
    return this.#listeners.add(listener)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#release()
    this.#stopListening()
    const told = this.#document.status
    this.#last = Object.freeze({ ...told, connection: 'closed', synced: false })
    // where the document itself has ended, its own `closed` has been told
    if (told.connection !== 'closed') this.#listeners.emit(this.#last)
  }
}
