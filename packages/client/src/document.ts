import {
  type ErrorCode,
  type LocalCopy,
  mergeUpdates,
  Peer,
  type PeerEffect,
  type PeerInput,
  type SessionReply,
  type SessionRequest,
  SynclineError,
  unreachable,
} from '@syncline/protocol'
import type { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import type { Backoff } from './backoff.js'
import { holdCleanUp } from './cleanUp.js'
import { guarded, Listeners, report } from './listeners.js'
import { Presence } from './presence.js'
import { equalStatus } from './status.js'
import { Storage } from './storage.js'
import type { DocumentStore } from './store/types.js'
import type { SiblingHost, Siblings } from './tabs/siblings.js'
import type { Clock, ConnectionState, DocumentStatus } from './types.js'

/** What a document needs of its connection. */
export interface DocumentHost {
  readonly state: ConnectionState
  readonly clock: Clock
  newBackoff(): Backoff
  /** the same document in other tabs; null where there are none */
  siblings(name: string, host: SiblingHost): Siblings | null
}

/** Sends on the channel of the present session. */
export type Send = (request: SessionRequest) => void

/** How long `close` waits for what is pending. */
const drainMsMax = 10_000

/**
 * One document of a connection, shared by the handles of its name: a Y.Doc, its awareness and the Peer between them,
 * the local copy and the relay.
 *
 * Invariants: the Peer knows of an edit before the call that made it returns; edits of one turn leave as one message,
 * before awareness of that turn; what a frame brings is applied before anybody is told of its consequences.
 */
export class SharedDocument {
  readonly name: string
  readonly doc: Y.Doc
  readonly awareness: Awareness
  /** resolves when the local copy was read, or could not be */
  readonly loaded: Promise<void>
  /** resolves with the first sync */
  readonly synced: Promise<void>
  readonly statusListeners = new Listeners<DocumentStatus>()
  /** paces the attempts to open a session that the relay ended for now */
  readonly backoff: Backoff
  readonly #host: DocumentHost
  readonly #peer: Peer
  readonly #storage: Storage | null
  readonly #presence: Presence
  readonly #siblings: Siblings | null
  readonly #ownsDoc: boolean
  readonly #endCleanUpHold: () => void
  #send: Send | null = null
  #status: DocumentStatus
  #told: DocumentStatus
  /** updates of the frame that is being read */
  #arrived: Uint8Array[] = []
  /** the client id of the Y.Doc when the last remote update was applied */
  #appliedAs = 0
  /** the local copy is in the replica, or there is none for now */
  #isRead = false
  #edited = false
  #awarenessChanged = false
  #turnEnds = false
  /** each is called whenever something changed, until it returns true */
  readonly #waits = new Set<() => boolean>()

  constructor(name: string, doc: Y.Doc | undefined, host: DocumentHost, store: DocumentStore | null) {
    this.name = name
    this.#host = host
    this.backoff = host.newBackoff()
    this.#storage = store && this.#newStorage(store)
    this.#ownsDoc = doc === undefined
    this.doc = doc ?? new Y.Doc()
    this.#peer = new Peer(name, {
      stateVector: () => Y.encodeStateVector(this.doc),
      difference: (stateVector) => Y.encodeStateAsUpdate(this.doc, stateVector),
    })
    this.#presence = new Presence(this.doc, {
      changed: () => {
        this.#awarenessChanged = true
        this.#changed()
      },
      send: () => this.#sendAwareness(),
    })
    this.awareness = this.#presence.awareness
    this.#siblings = host.siblings(name, this.#asSibling())
    if (!store) this.#loaded(null)
    this.#status = this.#told = this.#statusNow()
    this.loaded = this.#until(
      () => this.#isRead,
      () => null,
    ).catch(() => undefined)
    this.synced = this.#until(() => this.#peer.state.at === 'live')
    // whoever does not ask for it shall not hear of its rejection
    this.synced.catch(() => undefined)
    this.#endCleanUpHold = holdCleanUp(this.doc, this.#peer, this)
    this.doc.on('update', this.#onUpdate)
    this.#adoptContent()
  }

  /** The same object until something changes. */
  get status(): DocumentStatus {
    const status = this.#statusNow()
    if (!equalStatus(status, this.#status)) this.#status = status
    return this.#status
  }

  /** The relay ended the session for now: it is worth another try. */
  get lacksSession(): boolean {
    return this.#peer.state.at === 'offline'
  }

  /** Reads the local copy, where there is a store. Called once. */
  read(): void {
    void this.#storage?.read()
  }

  /** Reads what other tabs have written, and asks those that are there. */
  reread(): void {
    this.#step({ type: 'reread' })
    this.#siblings?.askAgain()
  }

  /** A link is open and this document has a channel on it. */
  join(send: Send): void {
    this.#send = send
    this.#step({ type: 'connected' })
  }

  /** The channel is gone, with its link or alone. */
  leave(): void {
    // the Peer counts as received what has arrived: it has to be in the replica
    this.settle()
    this.#send = null
    this.backoff.cancel()
    this.#step({ type: 'disconnected' })
  }

  receive(reply: SessionReply): void {
    // only updates in a row are merged: everything else may ask the replica, or be about what came before
    if (reply.type !== 'update') this.settle()
    this.#perform(this.#peer.step({ type: 'received', reply }))
    if (this.#peer.state.at === 'live') this.backoff.succeeded()
  }

  /** Applies what arrived, as one update. */
  settle(): void {
    if (this.#arrived.length === 0) return
    const arrived = this.#arrived
    this.#arrived = []
    try {
      this.#integrate(arrived)
    } catch (error) {
      this.fault('malformed_update', String(error), false)
    }
  }

  /** Throws where the updates can't be read. */
  #integrate(updates: readonly Uint8Array[]): void {
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
      this.#presence.followClientId()
    }
  }

  /** Ends the session because of what the relay sent; `retry` tells whether another one can do better. */
  fault(code: ErrorCode, reason: string, retry: boolean): void {
    this.settle()
    this.#send?.({ type: 'close' })
    this.#step({ type: 'received', reply: { type: 'closed', code, reason, retry } })
    this.#send = null
  }

  compareWithRelay(): void {
    // what another tab has typed, and the relay may not have yet, is in this replica
    if (!this.#siblings?.isAhead) this.#step({ type: 'digestDue' })
  }

  /** The state of the connection changed. */
  connectionChanged(): void {
    this.#changed()
  }

  /** Sends what this turn brought so far, and tells of it. */
  endTurn(): void {
    this.#turnEnds = false
    if (this.#edited) {
      this.#edited = false
      this.#step({ type: 'flushed' })
    }
    if (this.#awarenessChanged) {
      this.#awarenessChanged = false
      guarded(() => this.#sendAwareness())
    }
    this.#siblings?.changed()
    this.#tell()
  }

  saved(): Promise<void> {
    const { edits } = this.#peer
    return this.#until(() => this.#peer.saved >= edits)
  }

  keptLocally(): Promise<void> {
    const { edits } = this.#peer
    const error = this.#storage ? null : new SynclineError('store_unavailable', 'There is no local store')
    return error
      ? Promise.reject(error)
      : this.#until(
          () => this.#peer.kept >= edits,
          () => this.#storageError,
        )
  }

  /** Resolves when what was typed is kept, or will not be for now. */
  settled(): Promise<void> {
    return this.keptLocally().catch(() => undefined)
  }

  /**
   * No handle is left: takes no more edits, waits for those that are pending, then ends the session. They are waited
   * for as long as there is hope that they are kept and saved: not while offline, and for 10 s at most.
   */
  async end(): Promise<void> {
    this.#endCleanUpHold()
    this.doc.off('update', this.#onUpdate)
    this.endTurn()
    this.#presence.forgetOthers()
    this.#presence.destroy()
    this.endTurn()
    this.#presence.end()
    await this.#drained()
    this.#siblings?.close()
    this.backoff.cancel()
    this.#step({ type: 'close' })
    this.#send = null
    this.#tell()
    await this.#storage?.close()
    if (this.#ownsDoc) this.doc.destroy()
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      let late = false
      const settled = () => late || ((this.#peer.pending === 0 || !this.#hopeful) && this.#isStored)
      if (settled()) return resolve()
      const cancel = this.#host.clock.after(drainMsMax, () => {
        late = true
        this.#tell()
      })
      this.#waits.add(() => {
        if (!settled()) return false
        cancel()
        resolve()
        return true
      })
    })
  }

  get #hopeful(): boolean {
    const { connection } = this.status
    return connection === 'online' || connection === 'connecting'
  }

  /** Nothing is to be written to the local copy, or it can't be for now. */
  get #isStored(): boolean {
    return this.#storage?.status !== 'ok' || !this.#peer.writing
  }

  get #storageError(): SynclineError | null {
    const { storage } = this.status
    return typeof storage === 'string' ? null : refusal(storage)
  }

  get #sessionError(): SynclineError | null {
    return this.#peer.state.at === 'refused' ? refusal(this.#peer.state) : null
  }

  /** Rejects as soon as it is known that the condition will not be met; by default, when the relay has refused. */
  #until(met: () => boolean, hopeless: () => SynclineError | null = () => this.#sessionError): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        const error = this.#peer.state.at === 'closed' ? new SynclineError('closed') : hopeless()
        if (met()) resolve()
        else if (error) reject(error)
        else return false
        return true
      }
      if (!settle()) this.#waits.add(settle)
    })
  }

  /** What throws here must stop neither Yjs nor the other documents of the connection. */
  #step(input: PeerInput): void {
    guarded(() => this.#perform(this.#peer.step(input)))
  }

  #perform(effects: readonly PeerEffect[]): void {
    for (const effect of effects) this.#performOne(effect)
  }

  #performOne(effect: PeerEffect): void {
    switch (effect.type) {
      case 'send':
        return this.#send?.(effect.request)
      case 'read':
        return this.read()
      case 'write':
        void this.#storage?.write(effect.write)
        return
      case 'apply':
        this.#arrived.push(effect.update)
        return
      case 'applyAwareness':
        return this.#presence.apply(effect.update)
      case 'announceAwareness':
        return this.#presence.announce()
      case 'forgetAwareness':
        return this.#presence.forgetOthers(this.#siblings?.clients)
      case 'changed':
        return this.#changed()
      default:
        return unreachable(effect)
    }
  }

  #newStorage(store: DocumentStore): Storage {
    return new Storage(store, this.#host.clock, this.#host.newBackoff(), {
      loaded: (copy) => this.#loaded(copy),
      // what has arrived counts as being in the replica
      written: (rows) => this.#stored({ type: 'written', rows }),
      failed: (lost) => this.#stored({ type: 'writeFailed', lost }),
      retry: () => this.#stored({ type: 'retryWrite' }),
      changed: () => this.#changed(),
    })
  }

  #loaded(copy: LocalCopy | null): void {
    this.#isRead = true
    this.#stored({ type: 'loaded', copy: copy && this.#integrateCopy(copy) })
    this.#siblings?.loaded()
  }

  /** What was stored, with the rows that could not be read left empty: then nobody knows how far it goes. */
  #integrateCopy(copy: LocalCopy): LocalCopy {
    const news = copy.rows.filter((row) => !this.#peer.knows(row.id))
    if (news.length === 0) return copy
    this.settle()
    try {
      this.#integrate(news.map((row) => row.update))
      return copy
    } catch (error) {
      this.#storage?.damaged(String(error))
    }
    const rows = copy.rows.map((row) => {
      try {
        this.#integrate([row.update])
        return row
      } catch {
        return { ...row, update: emptyUpdate, saved: true }
      }
    })
    return { ...copy, resume: null, rows }
  }

  #stored(input: PeerInput): void {
    this.settle()
    this.#step(input)
    this.#changed()
  }

  // an exception here would silence every listener of the Y.Doc for good
  readonly #onUpdate = (update: Uint8Array, origin: unknown, _doc: Y.Doc, transaction: Y.Transaction): void => {
    guarded(() => {
      if (origin === this && !hasOwnChanges(transaction, this.#appliedAs)) return
      this.#siblings?.adopt()
      this.#edit(update)
      this.#siblings?.edited(update)
    })
  }

  #edit(update: Uint8Array): void {
    this.#edited = true
    this.#step({ type: 'edited', update })
    this.#changed()
  }

  #sendAwareness(): void {
    const { update } = this.#presence
    this.#step({ type: 'awareness', update })
    this.#siblings?.present({ client: this.awareness.clientID, update })
  }

  #asSibling(): SiblingHost {
    return {
      stateVector: () => Y.encodeStateVector(this.doc),
      difference: (stateVector) => Y.encodeStateAsUpdate(this.doc, stateVector),
      apply: (update) => this.#integrate([update]),
      adopt: (update) => this.#edit(update),
      progress: () => {
        const { edits, kept, saved } = this.#peer
        return { edits, saved, settled: Math.max(kept, saved) }
      },
      presence: () => ({ client: this.awareness.clientID, update: this.#presence.update }),
      applyPresence: ({ update }) => this.#presence.apply(update),
      removePresence: (clients) => this.#presence.forget(clients),
    }
  }

  /** What the application's Y.Doc held before it was opened counts as an edit: nobody knows whether the relay has it. */
  #adoptContent(): void {
    const update = Y.encodeStateAsUpdate(this.doc)
    if (update.length <= emptyUpdate.length) return
    this.#peer.step({ type: 'edited', update })
    this.#siblings?.edited(update)
  }

  #changed(): void {
    if (this.#turnEnds) return
    this.#turnEnds = true
    queueMicrotask(() => this.#turnEnds && this.endTurn())
  }

  #tell(): void {
    for (const settle of this.#waits) if (settle()) this.#waits.delete(settle)
    const { status } = this
    if (equalStatus(status, this.#told)) return
    this.#told = status
    this.statusListeners.emit(status)
  }

  #statusNow(): DocumentStatus {
    const { state, pending, access, edits, kept, saved } = this.#peer
    return Object.freeze({
      connection: this.#connectionStatus(),
      synced: state.at === 'live',
      pending,
      saved: pending === 0,
      unkept: edits - Math.max(kept, saved),
      storage: this.#storage?.status ?? 'none',
      access,
      error: state.at === 'refused' ? Object.freeze({ code: state.code, reason: state.reason }) : null,
    })
  }

  #connectionStatus(): DocumentStatus['connection'] {
    const { at } = this.#peer.state
    if (at === 'refused' || at === 'closed') return at
    if (at === 'syncing' || at === 'live') return 'online'
    // connected, but this document's session is still to be opened
    return this.#host.state === 'online' ? 'connecting' : this.#host.state
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

/** An error with the relay's own words, which bring the advice of the code along. */
function refusal({ code, reason }: { readonly code: ErrorCode; readonly reason: string }): SynclineError {
  const error = new SynclineError(code)
  if (reason !== '') error.message = reason
  return error
}
