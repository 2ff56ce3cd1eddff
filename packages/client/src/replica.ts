import type { CopyRow, LocalCopy, PeerView } from '@syncline/protocol'
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
  readonly #listeners: Record<string, unknown>
  /** the client id of the Y.Doc when the last remote update was applied */
  #appliedAs = 0
  /** the Y.Doc has told of a change since then */
  #hasGrown = false
  #listens = true

  constructor(doc: Y.Doc, peer: PeerView, events: ReplicaEvents) {
    this.doc = doc
    this.presence = new Presence(doc, { changed: events.awarenessChanged, send: events.announce })
    const edited = (update: Uint8Array, _origin: unknown, _doc: Y.Doc, transaction: Y.Transaction) =>
      guarded(() => this.#isOwn(transaction) && events.edited(update))
    const listen = () => this.#listens && doc.on('update', edited)
    this.#listeners = {
      update: edited,
      afterTransaction: holdCleanUp(peer, this),
      // Yjs encodes a transaction where somebody listens for updates: what came by `integrate` nobody has to be told
      afterTransactionCleanup: (transaction: Y.Transaction) => {
        this.#hasGrown ||= hasContent(transaction)
        if (this.#isOwn(transaction)) listen()
        // where others listen it is encoded anyway, and this listener stays before theirs
        else if (doc._observers.get('update')?.size === 1) doc.off('update', edited)
      },
      afterAllTransactions: listen,
      destroy: () => events.destroyed(),
    }
    this.#each((event, listener) => doc.on(event, listener))
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

  /** Throws where one of the updates can't be read. True where they brought anything. */
  integrate(updates: readonly Uint8Array[]): boolean {
    return this.#integrate(() => {
      for (const update of updates) Y.applyUpdate(this.doc, update, this)
    })
  }

  /**
   * What was stored, but for rows that are here already. Those that can't be read are left empty: then nobody knows how
   * far it goes.
   *
   * @param damaged is told why
   */
  integrateCopy(copy: LocalCopy, peer: PeerView, damaged: (fault: unknown) => void): LocalCopy {
    let fault: unknown = null
    const read = (row: CopyRow) => {
      try {
        if (!peer.knows(row.id)) Y.applyUpdate(this.doc, row.update, this)
        return row
      } catch (error) {
        fault = error
        return { ...row, update: emptyUpdate, saved: true }
      }
    }
    let { rows } = copy
    this.#integrate(() => {
      rows = copy.rows.map(read)
    })
    if (fault === null) return copy
    damaged(fault)
    return { ...copy, resume: null, rows }
  }

  /** In one transaction: the application is told once. */
  #integrate(apply: () => void): boolean {
    this.#appliedAs = this.doc.clientID
    this.#hasGrown = false
    let integrated = false
    try {
      this.doc.transact(() => {
        apply()
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

  /** From here on nothing is heard of edits. */
  stopListening(): void {
    this.#listens = false
    this.#each((event, listener) => this.doc.off(event, listener))
  }

  /** Takes the cursor away. The Y.Doc is left as it is. */
  leave(): void {
    this.presence.forgetOthers()
    this.presence.destroy()
  }

  #each(act: (event: 'update', listener: never) => void): void {
    for (const [event, listener] of Object.entries(this.#listeners)) act(event as 'update', listener as never)
  }

  /**
   * A transaction that applied what came may carry local changes too: those of `beforeTransaction` listeners. They have the
   * client id from before it: Yjs takes another one where that grew remotely.
   */
  #isOwn({ origin, local, beforeState, afterState }: Y.Transaction): boolean {
    return origin !== this || local || beforeState.get(this.#appliedAs) !== afterState.get(this.#appliedAs)
  }
}

// no client sections, no delete set
const emptyUpdate = new Uint8Array(2)

/** As Yjs sees it: where nothing was inserted or deleted, there is no update. */
function hasContent({ deleteSet, beforeState, afterState }: Y.Transaction): boolean {
  return deleteSet.clients.size > 0 || [...afterState].some(([client, clock]) => beforeState.get(client) !== clock)
}
