import { type LocalCopy, mergeUpdates, type PeerView } from '@syncline/protocol'
import type { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { holdCleanUp } from './cleanUp.js'
import { guarded, report } from './listeners.js'
import { Presence } from './presence.js'

/** What a replica tells its document. */
export interface ReplicaEvents {
  /** a local transaction made this update */
  edited(update: Uint8Array): void
  /** our own awareness is another one */
  awarenessChanged(): void
  /** our own awareness, to be sent at once */
  announce(): void
  /** the application destroyed the Y.Doc */
  destroyed(): void
}

/**
 * What an editor is bound to: a Y.Doc and its awareness. A document has one at a time; where some of it was refused,
 * another one takes its place.
 *
 * Invariants: everything local is told before the call that made it returns, and what came by `integrate` is not; no
 * exception of ours gets into Yjs, where it would silence every listener of the Y.Doc for good.
 */
export class Replica {
  readonly doc: Y.Doc
  readonly presence: Presence
  readonly #events: ReplicaEvents
  readonly #endCleanUpHold: () => void
  /** the client id of the Y.Doc when the last remote update was applied */
  #appliedAs = 0
  /** the Y.Doc has told of a change since then */
  #hasGrown = false

  constructor(doc: Y.Doc, peer: PeerView, events: ReplicaEvents) {
    this.doc = doc
    this.#events = events
    this.presence = new Presence(doc, { changed: events.awarenessChanged, send: events.announce })
    this.#endCleanUpHold = holdCleanUp(doc, peer, this)
    doc.on('update', this.#onUpdate)
    doc.on('destroy', this.#onDestroy)
  }

  get awareness(): Awareness {
    return this.presence.awareness
  }

  /** Everything that is here, as update v1; null where that is nothing. */
  get content(): Uint8Array | null {
    const update = Y.encodeStateAsUpdate(this.doc)
    return update.length > emptyUpdate.length ? update : null
  }

  stateVector(): Uint8Array {
    return Y.encodeStateVector(this.doc)
  }

  difference(stateVector: Uint8Array): Uint8Array {
    return Y.encodeStateAsUpdate(this.doc, stateVector)
  }

  /** Throws where the updates can't be read. True where they brought anything. */
  integrate(updates: readonly Uint8Array[]): boolean {
    if (updates.length === 0) return false
    this.#appliedAs = this.doc.clientID
    this.#hasGrown = false
    let integrated = false
    try {
      const update = mergeUpdates(updates)
      this.doc.transact(() => {
        Y.applyUpdate(this.doc, update, this)
        integrated = true
      }, this)
    } catch (error) {
      if (!integrated) throw error
      // with the content in, it was an observer of the application that threw
      report(error)
    } finally {
      this.presence.followClientId()
    }
    return this.#hasGrown
  }

  /**
   * What was stored, but for rows that are here already. Those that can't be read are left empty: then nobody knows how
   * far it goes.
   *
   * @param damaged is told why
   */
  integrateCopy(copy: LocalCopy, peer: PeerView, damaged: (fault: unknown) => void): LocalCopy {
    const news = copy.rows.filter((row) => !peer.knows(row.id))
    try {
      this.integrate(news.map((row) => row.update))
      return copy
    } catch {
      // one by one: the relay may call malformed what Yjs can load
    }
    let fault: unknown = null
    const rows = copy.rows.map((row) => {
      if (!news.includes(row)) return row
      try {
        this.integrate([row.update])
        return row
      } catch (error) {
        fault = error
        return { ...row, update: emptyUpdate, saved: true }
      }
    })
    if (fault === null) return copy
    damaged(fault)
    return { ...copy, resume: null, rows }
  }

  /** From here on nothing is heard of edits. */
  stopListening(): void {
    this.#endCleanUpHold()
    this.doc.off('update', this.#onUpdate)
    this.doc.off('destroy', this.#onDestroy)
  }

  /** Takes the cursor away. The Y.Doc is left as it is. */
  leave(): void {
    this.presence.forgetOthers()
    this.presence.destroy()
  }

  readonly #onUpdate = (update: Uint8Array, origin: unknown, _doc: Y.Doc, transaction: Y.Transaction): void => {
    this.#hasGrown = true
    guarded(() => {
      if (origin !== this || hasOwnChanges(transaction, this.#appliedAs)) this.#events.edited(update)
    })
  }

  readonly #onDestroy = (): void => this.#events.destroyed()
}

// no client sections, no delete set
const emptyUpdate = new Uint8Array(2)

/**
 * A transaction that applied a remote update may carry local changes too: those of `beforeTransaction` listeners.
 * @param clientID the client id before the transaction: Yjs takes another one where it grew remotely
 */
function hasOwnChanges(transaction: Y.Transaction, clientID: number): boolean {
  return transaction.local || transaction.beforeState.get(clientID) !== transaction.afterState.get(clientID)
}
