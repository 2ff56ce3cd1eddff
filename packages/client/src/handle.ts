import { SynclineError } from '@syncline/protocol'
import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import type { DocumentInspection } from './devtools/types.js'
import type { SharedDocument } from './document.js'
import { Listeners } from './listeners.js'
import type { DocumentSignals } from './signals.js'
import { Subdocuments } from './subdocuments/subdocuments.js'
import type {
  DocumentHandle,
  DocumentStatus,
  OpenOptions,
  RefusedEdit,
  Replacement,
  SubdocumentOptions,
} from './types.js'

/** What a handle needs of its connection. */
export interface HandleHost {
  open(name: string, options: OpenOptions): DocumentHandle
  inspect(document: SharedDocument): DocumentInspection
}

/** One `open` of a document: a view of the {@link SharedDocument} that can be closed by itself. */
export class Handle implements DocumentHandle {
  readonly name: string
  readonly loaded: Promise<void>
  readonly synced: Promise<void>
  readonly #document: SharedDocument
  readonly #release: () => Promise<void>
  readonly #listeners = {
    status: new Listeners<DocumentStatus>(),
    replaced: new Listeners<Replacement>(),
    signal: new Listeners<unknown>(),
  }
  readonly #signals: DocumentSignals
  readonly #stopListening: () => void
  readonly #subdocuments: Subdocuments
  readonly #host: HandleHost
  #closing: Promise<void> | null = null
  /** what the status was in the end */
  #last: DocumentStatus | null = null

  /**
   * @param release gives the handle back; resolves when what was to be sent has been
   * @param policy what happens with subdocuments
   */
  constructor(
    document: SharedDocument,
    signals: DocumentSignals,
    release: () => Promise<void>,
    host: HandleHost,
    policy: OpenOptions['subdocuments'],
  ) {
    this.name = document.name
    this.loaded = document.loaded
    this.synced = document.synced
    this.#document = document
    this.#release = release
    this.#signals = signals
    this.#host = host
    const stops = [
      document.statusListeners.add((status) => this.#listeners.status.emit(status)),
      document.replacedListeners.add((replacement) => this.#listeners.replaced.emit(replacement)),
      signals.heard.add((payload) => this.#listeners.signal.emit(payload)),
    ]
    this.#stopListening = () => {
      for (const stop of stops) stop()
    }
    this.#subdocuments = new Subdocuments(this, host, policy)
  }

  get doc(): Y.Doc {
    return this.#document.doc
  }

  get awareness(): Awareness {
    return this.#document.awareness
  }

  get status(): DocumentStatus {
    return this.#last ?? this.#document.status
  }

  async saved(): Promise<void> {
    if (!this.#last) return this.#document.saved()
    if (!this.#last.saved) throw new SynclineError('closed')
  }

  async keptLocally(): Promise<void> {
    if (!this.#last) return this.#document.keptLocally()
    if (this.#last.unkept > 0) throw new SynclineError('closed')
  }

  get refused(): readonly RefusedEdit[] {
    return this.#document.refused
  }

  dropRefused(): void {
    this.#document.dropRefused()
  }

  openSubdocument(which: string | Y.Doc, options: SubdocumentOptions = {}): DocumentHandle {
    if (this.#closing !== null) throw new SynclineError('closed')
    return this.#subdocuments.open(which, options)
  }

  signal(payload: unknown): boolean {
    return this.#closing === null && this.#signals.say(payload)
  }

  inspect(): DocumentInspection {
    return this.#host.inspect(this.#document)
  }

  on(event: 'replaced', listener: (replacement: Replacement) => void): () => void
  on(event: 'status', listener: (status: DocumentStatus) => void): () => void
  on(event: 'signal', listener: (payload: unknown) => void): () => void
  on(
    event: 'replaced' | 'status' | 'signal',
    // the overloads say which goes with which
    listener: (told: never) => void,
  ): () => void {
    return this.#listeners[event].add(listener as (told: unknown) => void)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#subdocuments.close()
    await this.#release()
    this.#stopListening()
    const told = this.#document.status
    this.#last = Object.freeze({ ...told, connection: 'closed', synced: false })
    // where the document itself has ended, its own `closed` has been told
    if (told.connection !== 'closed') this.#listeners.status.emit(this.#last)
  }
}
