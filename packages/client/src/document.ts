import {
  type DocumentReply,
  type ErrorCode,
  type LocalCopy,
  Peer,
  type PeerEffect,
  type PeerInput,
  type RefusedRow,
  type SessionRequest,
  SynclineError,
  unreachable,
} from '@syncline/protocol'
import type { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import type { Backoff } from './backoff.js'
import { guarded, Listeners } from './listeners.js'
import { Replica } from './replica.js'
import { equalStatus, refusal, refusedEdit, statusOf } from './status.js'
import { Storage } from './storage.js'
import type { DocumentStore } from './store/types.js'
import { progressOf, type SiblingHost, type Siblings } from './tabs/siblings.js'
import type { Clock, ConnectionState, DocumentStatus, RefusedEdit, Replacement } from './types.js'
import { Waits } from './waits.js'

/** What a document needs of its connection. */
export interface DocumentHost {
  readonly state: ConnectionState
  readonly clock: Clock
  /** the largest update that the relay takes */
  readonly updateBytesMax: number
  /** opens another session for a document that has closed its own */
  reopen(document: SharedDocument): void
  newBackoff(): Backoff
  /** the same document in other tabs; null where there are none */
  siblings(name: string, host: SiblingHost): Siblings | null
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
 * before awareness of that turn; what came is applied before anybody is told of its consequences, and before cursors.
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
  readonly #siblings: Siblings | null
  readonly #waits = new Waits()
  #ownsDoc: boolean
  #replica: Replica
  #send: Send | null = null
  #status: DocumentStatus
  #told: DocumentStatus
  /** updates of the frames that are being read, and awareness: cursors may point into them */
  #arrived: Uint8Array[] = []
  #arrivedAwareness: Uint8Array[] = []
  /** nobody was told of them yet */
  #replacements: Replacement[] = []
  #refusedRows: readonly RefusedRow[] = []
  #refused: readonly RefusedEdit[] = Object.freeze([])
  /** so many refusals the application knows of */
  #toldRefusals = 0
  #cancelWaiting: () => void = () => undefined
  /** the local copy is in the replica, or there is none for now */
  #isRead = false
  #edited = false
  #awarenessChanged = false
  #turnEnds = false

  constructor(name: string, doc: Y.Doc | undefined, host: DocumentHost, store: DocumentStore | null) {
    this.name = name
    this.#host = host
    this.backoff = host.newBackoff()
    this.#storage = store && this.#newStorage(store)
    this.#ownsDoc = doc === undefined
    const document = this
    this.#peer = new Peer(name, {
      stateVector: () => this.#replica.stateVector(),
      difference: (stateVector) => this.#replica.difference(stateVector),
      get isAhead() {
        return document.#siblings?.isAhead === true
      },
    })
    this.#replica = this.#newReplica(doc ?? new Y.Doc())
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
    if (doc) this.#adoptContent()
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

  receive(reply: DocumentReply): void {
    // only updates are merged, with cursors between them: all else may ask the replica, or be about what came before
    if (reply.type !== 'update' && reply.type !== 'awareness') this.settle()
    if (reply.type === 'opened') {
      this.#step({ type: 'limited', updateBytesMax: this.#host.updateBytesMax })
    }
    this.#perform(this.#peer.step({ type: 'received', reply }, Date.now()))
    if (this.#peer.state.at === 'live') this.backoff.succeeded()
  }

  /** Applies what arrived, in one transaction. */
  settle(): void {
    const arrived = this.#arrived.splice(0)
    const awareness = this.#arrivedAwareness.splice(0)
    try {
      if (arrived.length > 0) {
        this.#replica.integrate(arrived)
        // edits may wait for it
        this.#edited = true
        this.#changed()
      }
    } catch (error) {
      return this.fault('malformed_update', String(error), false)
    }
    for (const update of awareness) this.#replica.presence.apply(update)
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
      guarded(() => this.#sendAwareness())
    }
    this.#siblings?.changed()
    this.#tell()
  }

  saved(): Promise<void> {
    const { edits } = this.#peer
    // what is typed on something refused is refused at once, before anybody can know
    const told = this.#toldRefusals
    const refused = () => this.#peer.refusals.slice(told).find(({ first }) => first < edits)
    return this.#until(
      () => this.#peer.saved >= edits && !refused(),
      () => {
        const found = refused()
        return found ? refusal(found) : this.#sessionError
      },
    )
  }

  async keptLocally(): Promise<void> {
    const { edits } = this.#peer
    if (!this.#storage) throw new SynclineError('store_unavailable', 'There is no local store')
    await this.#until(
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
    this.#replica.presence.end()
    await this.#drained()
    this.#siblings?.close()
    this.backoff.cancel()
    this.#cancelWaiting()
    this.#step({ type: 'close' })
    this.#send = null
    this.#tell()
    await this.#storage?.close()
    if (this.#ownsDoc) this.doc.destroy()
  }

  async #drained(): Promise<void> {
    let late = false
    const cancel = this.#host.clock.after(drainMsMax, () => {
      late = true
      this.#tell()
    })
    await this.#waits.until(() => late || ((this.#peer.pending === 0 || !this.#hopeful) && this.#isStored))
    cancel()
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
    return this.#waits.until(met, () => (this.#peer.state.at === 'closed' ? new SynclineError('closed') : hopeless()))
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
      case 'read':
        return this.read()
      case 'write':
        return void this.#storage?.write(effect.write)
      case 'apply':
        return void this.#arrived.push(effect.update)
      case 'applyAwareness':
        return void this.#arrivedAwareness.push(effect.update)
      case 'replace':
        return this.#replace(effect.updates, effect.refused)
      case 'tellRefused':
        return this.#siblings?.refused(effect.news)
      case 'reopen':
        return this.#host.reopen(this)
      case 'announceAwareness':
        return this.#replica.presence.announce()
      case 'forgetAwareness':
        this.#arrivedAwareness = []
        return this.#replica.presence.forgetOthers(this.#siblings?.clients)
      case 'changed':
        return this.#changed()
      default:
        return unreachable(effect)
    }
  }

  /** The old replica is left to the application as it is. */
  #replace(updates: readonly Uint8Array[], rows: readonly RefusedRow[]): void {
    const { doc, awareness, presence } = this.#replica
    const { others } = presence
    const state = awareness.getLocalState()
    this.#arrived = []
    this.#replica.stopListening()
    this.#replica.leave()
    this.#sendAwareness()
    this.#replica = this.#newReplica(new Y.Doc({ gc: doc.gc, gcFilter: doc.gcFilter }))
    this.#ownsDoc = true
    this.#replica.awareness.setLocalState(state)
    this.#replica.presence.apply(others)
    this.#replica.integrate(updates)
    // what they have typed, and who they are
    this.#siblings?.askAgain()
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
    // what has arrived is applied first
    this.settle()
    const damaged = (fault: unknown) => this.#storage?.damaged(String(fault))
    this.#stored({ type: 'loaded', copy: copy && this.#replica.integrateCopy(copy, this.#peer, damaged) })
    this.#siblings?.loaded()
    if (this.#host.state === 'offline') this.#goAlone()
  }

  #stored(input: PeerInput): void {
    this.settle()
    this.#step(input)
    this.#changed()
  }

  #newReplica(doc: Y.Doc): Replica {
    return new Replica(doc, this.#peer, {
      edited: (update) => {
        this.#siblings?.adopt()
        this.#edit(update)
        this.#siblings?.edited(update)
      },
      awarenessChanged: () => {
        this.#awarenessChanged = true
        this.#changed()
      },
      announce: () => this.#sendAwareness(),
      destroyed: () => this.destroyed(),
    })
  }

  #edit(update: Uint8Array): void {
    this.#edited = true
    this.#step({ type: 'edited', update })
    this.#changed()
  }

  #sendAwareness(): void {
    const { update } = this.#replica.presence
    this.#step({ type: 'awareness', update })
    this.#siblings?.present({ client: this.awareness.clientID, update })
  }

  #asSibling(): SiblingHost {
    return {
      stateVector: () => this.#replica.stateVector(),
      difference: (stateVector) => (this.#peer.isRebuilding ? null : this.#replica.difference(stateVector)),
      apply: (update, isState) => {
        const rest = this.#peer.without(update)
        // what a replica tells that shows the refused, that may have deleted
        if (rest && (rest === update || !isState) && this.#replica.integrate([rest])) this.#step({ type: 'borrowed' })
      },
      adopt: (update) => this.#edit(update),
      refused: (news) => this.#step({ type: 'refusedElsewhere', news }),
      progress: () => progressOf(this.#peer),
      presence: () => ({ client: this.awareness.clientID, update: this.#replica.presence.update }),
      applyPresence: ({ update }) => this.#replica.presence.apply(update),
      removePresence: (clients) => this.#replica.presence.forget(clients),
    }
  }

  /** What the application's Y.Doc held before it was opened counts as an edit: nobody knows whether the relay has it. */
  #adoptContent(): void {
    const update = this.#replica.content
    if (!update) return
    this.#peer.step({ type: 'edited', update })
    this.#siblings?.edited(update)
  }

  #changed(): void {
    if (this.#turnEnds) return
    this.#turnEnds = true
    queueMicrotask(() => this.#turnEnds && this.endTurn())
  }

  #tell(): void {
    for (const replacement of this.#replacements.splice(0)) this.replacedListeners.emit(replacement)
    this.#waits.look()
    this.#toldRefusals = this.#peer.refusals.length
    const { status } = this
    if (equalStatus(status, this.#told)) return
    this.#told = status
    this.statusListeners.emit(status)
  }

  #statusNow(): DocumentStatus {
    return statusOf(this.#peer, this.#host.state, this.#storage?.status ?? 'none', this.#storage?.syncedAt ?? null)
  }
}
