import { SynclineError, subdocumentName } from '@syncline/protocol'
import * as Y from 'yjs'
import type { Connection, DocumentHandle, OpenOptions, SubdocumentOptions } from '../types.js'
import { loadWanted } from './loader.js'

/** The subdocuments of an open document: each is a document of its own on the relay and on this device. */
export class Subdocuments {
  readonly #parent: DocumentHandle
  readonly #connection: Pick<Connection, 'open'>
  readonly #stopLoading: () => void

  /** @param policy of the handle: whether those that the application loads are opened */
  constructor(parent: DocumentHandle, connection: Pick<Connection, 'open'>, policy: OpenOptions['subdocuments']) {
    this.#parent = parent
    this.#connection = connection
    this.#stopLoading =
      policy === 'load' ? loadWanted(parent, (doc) => this.open(doc, { subdocuments: policy })) : () => undefined
  }

  /** @throws SynclineError `invalid_option`, and what `open` of a connection throws */
  open(which: string | Y.Doc, options: SubdocumentOptions): DocumentHandle {
    const doc = this.#find(which)
    if (doc === undefined) {
      const told = typeof which === 'string' ? `with the guid "${which}"` : 'that was given'
      throw new SynclineError('invalid_option', `"${this.#parent.name}" has no subdocument ${told}`)
    }
    // Yjs gives each instance of a subdocument its parent's client id. One that was unloaded and loaded again would write
    // under the id of the one before, part of whose edits it may not have yet.
    if (doc.clientID === this.#parent.doc.clientID) doc.clientID = newClientId()
    const handle = this.#connection.open(subdocumentName(this.#parent.name, doc.guid), { ...options, doc })
    doc.load()
    tellYjs(handle, doc)
    return handle
  }

  /** Closes those that the policy has opened. */
  close(): void {
    this.#stopLoading()
  }

  #find(which: string | Y.Doc): Y.Doc | undefined {
    return [...this.#parent.doc.subdocs].find((doc) => doc === which || doc.guid === which)
  }
}

/** Keeps what Yjs itself offers true: `doc.whenLoaded`, `doc.whenSynced`, `doc.isSynced`. */
function tellYjs(handle: DocumentHandle, doc: Y.Doc): void {
  const tellSync = (isSynced: boolean) => {
    if (handle.doc === doc && isSynced !== doc.isSynced) doc.emit('sync', [isSynced, doc])
  }
  void handle.loaded.then(() => {
    if (!doc.isLoaded) doc.emit('load', [doc])
  })
  handle.on('status', ({ synced }) => tellSync(synced))
  tellSync(handle.status.synced)
}

function newClientId(): number {
  return new Y.Doc().clientID
}
