import { mergeUpdates } from '@syncline/protocol'
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate, removeAwarenessStates } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { guarded, report } from './listeners.js'

/** What a replica tells its document. */
export interface ReplicaEvents {
  /** a local transaction made this update */
  edited(update: Uint8Array): void
  /** our own awareness is another one */
  awarenessChanged(): void
  /** whether what Yjs tidies up of its own would be an edit that the relay refuses */
  isReader(): boolean
  /** the application destroyed the Y.Doc */
  destroyed(): void
  /** our own awareness, to be sent at once */
  announce(update: Uint8Array): void
}

/**
 * The clock of the last Awareness of a Y.Doc that was closed: the next one has the same client id, and peers ignore
 * it until its clock is higher.
 */
const awarenessClocks = new WeakMap<Y.Doc, number>()

/**
 * What an editor is bound to: a Y.Doc and its awareness. A document has one at a time; where some of it was refused,
 * another one takes its place.
 *
 * Invariants: everything local is told before the call that made it returns, and what came by `integrate` is not; no
 * exception of ours gets into Yjs, where it would silence every listener of the Y.Doc for good.
 */
export class Replica {
  readonly doc: Y.Doc
  readonly awareness: Awareness
  readonly #events: ReplicaEvents
  /** the client id of the Y.Doc when the last remote update was applied */
  #appliedAs = 0

  constructor(doc: Y.Doc, events: ReplicaEvents) {
    this.doc = doc
    this.#events = events
    this.awareness = new Awareness(doc)
    const clock = awarenessClocks.get(doc)
    if (clock !== undefined) this.awareness.meta.set(this.awareness.clientID, { clock, lastUpdated: Date.now() })
    doc.on('update', this.#onUpdate)
    doc.on('afterTransaction', this.#onTransaction)
    doc.on('destroy', this.#onDestroy)
    this.awareness.on('update', this.#onAwareness)
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

  /** Throws where the updates can't be read. */
  integrate(updates: readonly Uint8Array[]): void {
    this.#appliedAs = this.doc.clientID
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
      this.#followClientId()
    }
  }

  applyAwareness(update: Uint8Array): void {
    guarded(() => applyAwarenessUpdate(this.awareness, update, this))
  }

  /** Raises the clock of our own awareness, so that it is sent again. */
  renewAwareness(): void {
    guarded(() => this.awareness.setLocalState(this.awareness.getLocalState()))
  }

  /** Our own awareness, as it is sent. */
  encodeAwareness(): Uint8Array {
    return encodeAwarenessUpdate(this.awareness, [this.awareness.clientID])
  }

  /** Their clocks are forgotten too: a peer that was there all the time comes back with the one that it had. */
  forgetOthers(): void {
    guarded(() => {
      const others = [...this.awareness.meta.keys()].filter((client) => client !== this.awareness.clientID)
      removeAwarenessStates(this.awareness, others, this)
      for (const client of others) this.awareness.meta.delete(client)
    })
  }

  /** From here on nothing is heard of edits. */
  stopListening(): void {
    this.doc.off('update', this.#onUpdate)
    this.doc.off('afterTransaction', this.#onTransaction)
    this.doc.off('destroy', this.#onDestroy)
  }

  /** Takes the cursor away. The Y.Doc is left as it is. */
  leave(): void {
    this.forgetOthers()
    guarded(() => this.awareness.destroy())
  }

  /** Its Y.Doc may be opened again: the cursor goes on from here. */
  keepClock(): void {
    awarenessClocks.set(this.doc, this.awareness.meta.get(this.awareness.clientID)?.clock ?? 0)
  }

  readonly #onUpdate = (update: Uint8Array, origin: unknown, _doc: Y.Doc, transaction: Y.Transaction): void => {
    guarded(() => {
      if (origin !== this || hasOwnChanges(transaction, this.#appliedAs)) this.#events.edited(update)
    })
  }

  /** Yjs removes formatting that has become superfluous, whoever's it was. Readers must not. */
  readonly #onTransaction = (transaction: Y.Transaction): void => {
    guarded(() => {
      if (!transaction.local && this.#events.isReader()) transaction._needFormattingCleanup = false
    })
  }

  readonly #onDestroy = (): void => this.#events.destroyed()

  readonly #onAwareness = ({ added, updated, removed }: Record<'added' | 'updated' | 'removed', number[]>): void => {
    // what others are is theirs to say, except that a peer that took us for gone is told otherwise
    if (![added, updated, removed].some((clients) => clients.includes(this.awareness.clientID))) return
    this.#events.awarenessChanged()
  }

  /** Yjs takes a new client id where another replica uses the same one: the cursor goes with it. */
  #followClientId(): void {
    if (this.doc.clientID === this.awareness.clientID) return
    guarded(() => {
      const state = this.awareness.getLocalState()
      this.awareness.setLocalState(null)
      this.#events.announce(this.encodeAwareness())
      this.awareness.clientID = this.doc.clientID
      this.awareness.setLocalState(state)
    })
  }
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
