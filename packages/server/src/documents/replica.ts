import { mergeUpdates, SynclineError } from '@syncline/protocol'
import * as Y from 'yjs'

// what waits is merged, and applied at the next look at the document; more than this is no longer worth it
const waitingBytesMax = 8 * 1024 * 1024

/**
 * A document as a Y.Doc on the server. It authors under one client id, and nothing but what is asked of it: Yjs's
 * clean-up of formatting is off, for it deletes by itself.
 */
export class Replica {
  readonly doc = new Y.Doc()
  /** of what it was made from and what came since, in bytes: the Y.Doc takes some 15 times as much */
  bytes: number
  readonly #clientId: number
  readonly #waiting: Uint8Array[] = []
  #waitingBytes = 0

  /**
   * @param update all of the document
   * @throws SynclineError `unloadable_document`
   */
  constructor(clientId: number, update: Uint8Array | null) {
    this.#clientId = clientId
    this.bytes = update?.length ?? 0
    this.doc.on('afterTransaction', (transaction) => {
      transaction._needFormattingCleanup = false
    })
    if (update) this.#apply(update)
    this.doc.clientID = clientId
  }

  /** Takes what others did; it is in the document after the next {@link catchUp}. False where it is better made anew. */
  receive(update: Uint8Array): boolean {
    this.#waiting.push(update)
    this.#waitingBytes += update.length
    return this.#waitingBytes <= waitingBytesMax
  }

  /** @throws SynclineError `unloadable_document` */
  catchUp(): void {
    if (this.#waiting.length === 0) return
    const update = mergeUpdates(this.#waiting.splice(0))
    this.bytes += this.#waitingBytes
    this.#waitingBytes = 0
    this.#apply(update)
  }

  /**
   * Runs an edit, in one transaction.
   *
   * @returns what it changed as an update, null where that is nothing, or what it threw, and whether the document is
   *   still as it was
   */
  edit(run: (doc: Y.Doc) => void): { update: Uint8Array | null } | { thrown: unknown; isIntact: boolean } {
    const updates: Uint8Array[] = []
    const listen = (update: Uint8Array) => updates.push(update)
    this.doc.on('update', listen)
    try {
      this.doc.transact(() => {
        const result: unknown = run(this.doc)
        if (result instanceof Promise) throw new TypeError('An edit of a document cannot wait for anything')
      })
      return { update: updates.length === 0 ? null : mergeUpdates(updates) }
    } catch (thrown) {
      return { thrown, isIntact: updates.length === 0 }
    } finally {
      this.doc.off('update', listen)
    }
  }

  destroy(): void {
    this.doc.destroy()
  }

  #apply(update: Uint8Array): void {
    try {
      Y.applyUpdate(this.doc, update)
    } catch (error) {
      throw Object.assign(new SynclineError('unloadable_document', (error as Error).message), { cause: error })
    }
    // Yjs takes another id where it sees its own come from outside
    this.doc.clientID = this.#clientId
  }
}
