import {
  type ErrorCode,
  type LocalCopy,
  Peer,
  type PeerEffect,
  type PeerInput,
  type RefusedRow,
  type SessionReply,
  type SessionRequest,
  SynclineError,
  unreachable,
} from '@syncline/protocol'
import type { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import type { Backoff } from './backoff.js'
import { guarded, Listeners } from './listeners.js'
import { Replica } from './replica.js'
import { equalStatus, refusal, refusedEdit } from './status.js'
import { Storage } from './storage.js'
import type { DocumentStore } from './store/types.js'
import type { Clock, ConnectionState, DocumentStatus, RefusedEdit, Replacement } from './types.js'

/** What a document needs of its connection. */
export interface DocumentHost {
  readonly state: ConnectionState
  readonly clock: Clock
  /** the largest update that the relay takes */
  readonly updateBytesMax: number
  /** opens another session for a document that has closed its own */
  reopen(document: SharedDocument): void
  newBackoff(): Backoff
}

/** Sends on the channel of the present session. */
export type Send = (request: SessionRequest) => void

/** How long first content waits for the relay. */
const relayMsMax = 2_000

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
  /** resolves when the local copy was read, or could not be */
  readonly loaded: Promise<void>
  /** resolves with the first sync */
  readonly synced: Promise<void>
  readonly statusListeners = new Listeners<DocumentStatus>()
  readonly replacedListeners = new Listeners<Replacement>()
  /** called when the application destroys the Y.Doc */
  destroyed: () => void = () => undefined
  /** paces the attempts to open a session that the relay ended for now */
  readonly backoff: Backoff
  readonly #host: DocumentHost
  readonly #peer: Peer
  readonly #storage: Storage | null
  #ownsDoc: boolean
  #replica: Replica
  #send: Send | null = null
  #status: DocumentStatus
  #told: DocumentStatus
  /** updates of the frame that is being read */
  #arrived: Uint8Array[] = []
  /** nobody was told of them yet */
  #replacements: Replacement[] = []
  #refusedRows: readonly RefusedRow[] = []
  #refused: readonly RefusedEdit[] = Object.freeze([])
  /** the relay has said what this client may do */
  #knowsAccess = false
  #cancelWaiting: () => void = () => undefined
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
    this.#replica = this.#newReplica(doc ?? new Y.Doc())
    this.#peer = new Peer(name, {
      stateVector: () => this.#replica.stateVector(),
      difference: (stateVector) => this.#replica.difference(stateVector),
    })
    if (!store) this.#loaded(null)
    this.#status = this.#told = this.#statusNow()
    this.loaded = this.#until(
      () => this.#isRead,
      () => null,
    ).catch(() => undefined)
    this.synced = this.#until(() => this.#peer.state.at === 'live')
    // whoever does not ask for it shall not hear of its rejection
    this.synced.catch(() => undefined)
    this.#adoptContent()
  }

  get doc(): Y.Doc {
    return this.#replica.doc
  }

  get awareness(): Awareness {
    return this.#replica.awareness
  }

  /** The same object until something changes. */
  get status(): DocumentStatus {
    const status = this.#statusNow()
    if (!equalStatus(status, this.#status)) this.#status = status
    return this.#status
  }

  /** The same array until something changes. */
  get refused(): readonly RefusedEdit[] {
    if (this.#peer.refused !== this.#refusedRows) {
      this.#refusedRows = this.#peer.refused
      this.#refused = Object.freeze(this.#refusedRows.map(refusedEdit))
    }
    return this.#refused
  }

  dropRefused(): void {
    this.#step({ type: 'dropRefused' })
  }

  /** First content, in case that the document is empty everywhere. It waits for word of the relay, but not for long. */
  beginWith(seed: Uint8Array): void {
    if (this.#replica.content) return
    this.#step({ type: 'seed', seed })
    this.#cancelWaiting()
    this.#cancelWaiting = this.#host.clock.after(relayMsMax, () => this.#goAlone())
    if (this.#host.state === 'offline') this.#goAlone()
  }

  #goAlone(): void {
    if (!this.#isRead) return
    this.#step({ type: 'alone' })
    this.settle()
  }

  /** The relay ended the session for now: it is worth another try. */
  get lacksSession(): boolean {
    return this.#peer.state.at === 'offline'
  }

  /** Reads the local copy, where there is a store. Called once. */
  read(): void {
    void this.#storage?.read()
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
    if (reply.type === 'opened') {
      this.#knowsAccess = true
      this.#step({ type: 'limited', updateBytesMax: this.#host.updateBytesMax })
    }
    this.#perform(this.#peer.step({ type: 'received', reply }, Date.now()))
    if (this.#peer.state.at === 'live') this.backoff.succeeded()
  }

  /** Applies what arrived, as one update. */
  settle(): void {
    if (this.#arrived.length === 0) return
    const arrived = this.#arrived
    this.#arrived = []
    try {
      this.#replica.integrate(arrived)
    } catch (error) {
      this.fault('malformed_update', String(error), false)
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
    this.#step({ type: 'digestDue' })
  }

  /** The state of the connection changed. */
  connectionChanged(): void {
    this.#changed()
    if (this.#host.state === 'offline') this.#goAlone()
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
      guarded(() => this.#step({ type: 'awareness', update: this.#replica.encodeAwareness() }))
    }
    this.#tell()
  }

  saved(): Promise<void> {
    const { edits } = this.#peer
    const told = this.#peer.refusals.length
    const refused = () => this.#peer.refusals.slice(told).find(({ first }) => first < edits)
    return this.#until(
      () => this.#peer.saved >= edits && !refused(),
      () => {
        const found = refused()
        return found ? refusal(found) : this.#sessionError
      },
    )
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
    this.#replica.stopListening()
    this.endTurn()
    this.#replica.leave()
    this.endTurn()
    this.#replica.keepClock()
    await this.#drained()
    this.backoff.cancel()
    this.#cancelWaiting()
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
    guarded(() => this.#perform(this.#peer.step(input, Date.now())))
  }

  #perform(effects: readonly PeerEffect[]): void {
    for (const effect of effects) this.#performOne(effect)
  }

  #performOne(effect: PeerEffect): void {
    switch (effect.type) {
      case 'send':
        return this.#send?.(effect.request)
      case 'write':
        void this.#storage?.write(effect.write)
        return
      case 'apply':
        this.#arrived.push(effect.update)
        return
      case 'applyAwareness':
        return this.#replica.applyAwareness(effect.update)
      case 'replace':
        return this.#replace(effect.updates, effect.refused)
      case 'reopen':
        return this.#host.reopen(this)
      case 'announceAwareness':
        return this.#replica.renewAwareness()
      case 'forgetAwareness':
        return this.#replica.forgetOthers()
      case 'changed':
        return this.#changed()
      default:
        return unreachable(effect)
    }
  }

  /** The old replica is left to the application as it is. */
  #replace(updates: readonly Uint8Array[], rows: readonly RefusedRow[]): void {
    const { doc, awareness } = this.#replica
    const state = awareness.getLocalState()
    this.#arrived = []
    this.#replica.stopListening()
    this.#replica.leave()
    this.#replica = this.#newReplica(new Y.Doc({ gc: doc.gc, gcFilter: doc.gcFilter }))
    this.#ownsDoc = true
    this.#replica.awareness.setLocalState(state)
    if (updates.length > 0) this.#replica.integrate(updates)
    this.#replacements.push(
      Object.freeze({ doc: this.doc, awareness: this.awareness, refused: Object.freeze(rows.map(refusedEdit)) }),
    )
    this.#changed()
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
    if (this.#host.state === 'offline') this.#goAlone()
  }

  /** What was stored, with the rows that could not be read left empty: then nobody knows how far it goes. */
  #integrateCopy(copy: LocalCopy): LocalCopy {
    if (copy.rows.length === 0) return copy
    this.settle()
    try {
      this.#replica.integrate(copy.rows.map((row) => row.update))
      return copy
    } catch {
      // one by one: the relay may call malformed what Yjs can load
    }
    let fault: unknown = null
    const rows = copy.rows.map((row) => {
      try {
        this.#replica.integrate([row.update])
        return row
      } catch (error) {
        fault = error
        return { ...row, update: emptyUpdate, saved: true }
      }
    })
    if (fault === null) return copy
    this.#storage?.damaged(String(fault))
    return { ...copy, resume: null, rows }
  }

  #stored(input: PeerInput): void {
    this.settle()
    this.#step(input)
    this.#changed()
  }

  #newReplica(doc: Y.Doc): Replica {
    return new Replica(doc, {
      edited: (update) => {
        this.#edited = true
        this.#step({ type: 'edited', update })
        this.#changed()
      },
      awarenessChanged: () => {
        this.#awarenessChanged = true
        this.#changed()
      },
      announce: (update) => this.#step({ type: 'awareness', update }),
      isReader: () => !this.#knowsAccess || this.#peer.access === 'read',
      destroyed: () => this.destroyed(),
    })
  }

  /** What the application's Y.Doc held before it was opened counts as an edit: nobody knows whether the relay has it. */
  #adoptContent(): void {
    const update = this.#replica.content
    if (update) this.#peer.step({ type: 'edited', update })
  }

  #changed(): void {
    if (this.#turnEnds) return
    this.#turnEnds = true
    queueMicrotask(() => this.#turnEnds && this.endTurn())
  }

  #tell(): void {
    for (const replacement of this.#replacements.splice(0)) this.replacedListeners.emit(replacement)
    for (const settle of this.#waits) if (settle()) this.#waits.delete(settle)
    const { status } = this
    if (equalStatus(status, this.#told)) return
    this.#told = status
    this.statusListeners.emit(status)
  }

  #statusNow(): DocumentStatus {
    const { state, pending, access, edits, kept, saved, refused } = this.#peer
    return Object.freeze({
      connection: this.#connectionStatus(),
      synced: state.at === 'live',
      pending,
      saved: pending === 0,
      unkept: edits - Math.max(kept, saved),
      refused: refused.reduce((sum, { changes }) => sum + changes, 0),
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
