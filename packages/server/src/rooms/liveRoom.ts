import type {
  Access,
  Append,
  ErrorCode,
  RoomEffect,
  RoomInput,
  RoomRequest,
  SessionId,
  SessionProfile,
  SessionReply,
  SessionRequest,
  StoredDocument,
} from '@syncline/protocol'
import { Room, SynclineError, unreachable } from '@syncline/protocol'
import { nothing } from '../clock.js'
import type { Compacted } from '../compaction/compactor.js'
import { heavier, type Moment, type Weight, weightOf } from '../compaction/policy.js'
import { tooManySessions } from '../limits/limiter.js'
import { commitFirst } from '../loading/firstRecord.js'
import type { CommitSource } from '../log/committer.js'
import { asError } from '../logger.js'
import type { RoomsContext } from './context.js'
import { ending, replyLike, type Session, SharedReply } from './session.js'
import { Signals } from './signals.js'

type Open = Extract<SessionRequest, { type: 'open' }>

// what is smaller is encoded again before it is looked up
const sharedBytesMin = 16 * 1024

type LiveRoomState =
  /** the log is being read; what comes meanwhile waits */
  | { readonly at: 'loading'; readonly waiting: { readonly input: RoomInput; readonly session: Session }[] }
  | { readonly at: 'live' }
  /** its sessions are ended; it is forgotten once nothing of it is on its way to the log */
  | { readonly at: 'gone' }

/**
 * A document that somebody has open: the shell of a {@link Room}. It loads it, hands it what happens, performs what it
 * wants done, and is its place in the committer's queue.
 */
export class LiveRoom implements CommitSource {
  readonly name: string
  readonly #context: RoomsContext
  readonly #forget: (room: LiveRoom) => void
  readonly #room: Room
  readonly #sessions = new Map<SessionId, Session>()
  /** sessions of clients */
  #clients = 0
  /** what was told of their presence */
  #isOpen = false
  /** null until somebody says something in passing: in most rooms nobody ever does */
  #signals: Signals | null = null
  #state: LiveRoomState = { at: 'loading', waiting: [] }
  #weight: Weight = { basePosition: 0, baseBytes: 0, records: 0, bytes: 0 }
  #committing = false
  /** what the room was told last */
  #demand = 0
  /** the last large `synced`: as long as nobody needs its memory, all who join at the same position are sent the same */
  #synced: WeakRef<SharedReply> | null = null
  /** `performance.now()` when the first update came that waits for the next commit */
  #updateAt: number | null = null
  /** the same of the commit in flight */
  #ackFrom: number | null = null
  /** what of the backlog is this room's */
  #backlogBytes = 0
  /** that sessions have sent since the document is in memory */
  updates = 0
  #isForgotten = false
  #onSettled = nothing
  #cancelWake = nothing
  #cancelUnload = nothing

  /** @param forget takes the room out of its owner's map; from then on the document may be loaded anew */
  constructor(name: string, context: RoomsContext, forget: (room: LiveRoom) => void) {
    this.name = name
    this.#context = context
    this.#forget = forget
    this.#room = new Room(name, context.limits)
    void this.#load()
  }

  get sessions(): number {
    return this.#sessions.size
  }

  /** About what the document weighs: what comparing it with what somebody has costs. */
  get bytes(): number {
    return this.#weight.baseBytes + this.#weight.bytes
  }

  /** What it weighs beside its base. */
  get tailBytes(): number {
    return this.#weight.bytes
  }

  /** How long updates gather after a broadcast, in ms. */
  get gatherMs(): number {
    this.#pace()
    return this.#room.gatherMs
  }

  /** Sessions of clients; those of the server itself are none. */
  get clients(): Session[] {
    return [...this.#sessions.values()].filter((session) => session.client !== undefined)
  }

  /** Opens a session. It is answered by `opened` or `refused`. */
  join(session: Session, profile: SessionProfile, request: Open): void {
    // it lingers for a commit in flight: the log cannot be read before that has ended
    if (this.#state.at === 'gone') throw new SynclineError('document_busy')
    const { documentSessionsMax } = this.#context.limits
    if (this.#sessions.size >= documentSessionsMax) throw tooManySessions(documentSessionsMax)
    this.#cancelUnload()
    this.#sessions.set(session.id, session)
    if (session.client) this.#clients++
    this.#tellPresence()
    this.#input({ type: 'joined', session: session.id, profile, request }, session)
  }

  /** Hands over what a session sent. */
  receive(session: Session, request: RoomRequest): void {
    if (!this.#sessions.has(session.id)) return
    const now = this.#now()
    if (request.type === 'update') {
      this.#context.counters.updates++
      this.#updateAt ??= performance.now()
      this.updates++
    }
    if (request.type === 'awareness') this.#context.counters.awareness++
    const queuedBytes = this.#room.queuedBytes
    this.#input({ type: 'received', session: session.id, request, now }, session)
    // what brings nothing new, as most answers to a first exchange, is sent to nobody
    if (this.#room.queuedBytes > queuedBytes) this.#context.fanOut.ask(now, this.#sessions.size)
  }

  /**
   * Says something in passing to everybody who has it open, but for who says it. Where a document says too much, what a
   * session says is dropped.
   *
   * @param from null: nobody of them
   * @returns to how many clients
   * @throws SynclineError `malformed_signal`; `rate_limited` where it is nobody's
   */
  signal(payload: string, from: Session | null): number {
    this.#signals ??= new Signals(this.#context.limits, this.#context.clock)
    const signal = this.#signals.admit(payload, this.#sessions.size, from === null)
    if (signal === null || this.#state.at !== 'live') return 0
    this.#context.fanOut.ask(this.#now(), this.#sessions.size)
    this.#send(
      [...this.#sessions.keys()].filter((id) => id !== from?.id),
      signal,
    )
    return this.clients.filter((client) => client !== from).length
  }

  /** What the session may do was decided anew. */
  grant(session: Session, access: Access): void {
    if (!this.#sessions.has(session.id)) return
    this.#input({ type: 'granted', session: session.id, access, now: this.#now() }, session)
  }

  /** The session is over, and is told nothing more. */
  leave(session: Session): void {
    if (!this.#drop(session)) return
    session.ended()
    this.#input({ type: 'left', session: session.id, now: this.#now() }, null)
  }

  /** The session's socket is above its high-water mark, or below it again. */
  setCongested(session: Session, congested: boolean): void {
    this.#input({ type: congested ? 'congested' : 'drained', session: session.id }, session)
  }

  /** What has gathered is committed at once. */
  flush(): void {
    if (this.#state.at === 'live') this.#context.storage.request(this)
  }

  take(now: number): Append | null {
    if (this.#state.at !== 'live') return null
    const effects = this.#step({ type: 'committing', now }, null)
    const append = effects.find((effect) => effect.type === 'append')?.append ?? null
    // from here on the room stays until the commit has ended, whatever else happens
    this.#committing = append !== null
    if (append !== null) [this.#ackFrom, this.#updateAt] = [this.#updateAt, null]
    if (append) this.#weight = heavier(this.#weight, append.record)
    this.#performAll(effects.filter((effect) => effect.type !== 'append'))
    return append
  }

  committed(now: number): void {
    this.#committing = false
    this.#onSettled()
    this.#context.counters.commits++
    if (this.#state.at === 'gone') return this.#leaveOwner()
    this.#input({ type: 'committed', now }, null)
    if (this.#ackFrom !== null) this.#context.commitObserver?.acknowledged?.(performance.now() - this.#ackFrom)
    this.#compactWhenDue('open')
  }

  failed(error: Error): void {
    this.#committing = false
    this.#onSettled()
    this.#context.storageFailed(error)
    if (this.#state.at === 'gone') this.#leaveOwner()
  }

  /** The log has a new base. */
  compacted({ update, baseBytes, before }: Compacted): void {
    // a room that is loading reads the log; one that was loaded since has read this base
    if (this.#state.at !== 'live' || this.#weight.basePosition !== before.basePosition) return
    this.#weight = {
      basePosition: before.basePosition + before.records,
      baseBytes,
      records: this.#weight.records - before.records,
      bytes: this.#weight.bytes - before.bytes,
    }
    // one that was opened meanwhile goes on with what it was loaded with
    if (update) this.#input({ type: 'compacted', base: update, position: this.#weight.basePosition }, null)
  }

  /** Edits are refused from here on, or taken again. */
  setReadOnly(readOnly: boolean): void {
    this.#input({ type: 'readOnly', readOnly, now: this.#now() }, null)
  }

  /** Ends every session; the document can be opened again when nothing of it is on its way to the log. */
  end(code: ErrorCode): void {
    this.#stop()
    this.#dismissAll(new SharedReply(ending('closed', new SynclineError(code))))
    if (!this.#committing) this.#leaveOwner()
  }

  /**
   * Takes nothing more from its sessions, which are told when `end` is called. Resolves when nothing of it is on its way
   * to the log.
   */
  async suspend(): Promise<void> {
    this.#stop()
    if (!this.#committing) return
    await new Promise<void>((resolve) => {
      this.#onSettled = resolve
    })
  }

  #stop(): void {
    this.#state = { at: 'gone' }
    this.#cancelWake()
    this.#cancelUnload()
  }

  async #load(): Promise<void> {
    let stored: StoredDocument | null
    try {
      stored = (await this.#context.storage.read(this.name)) ?? (await this.#loadFirst())
    } catch (error) {
      return this.#refuseAll(error instanceof SynclineError ? error : new SynclineError('storage_failed'), error)
    }
    if (this.#state.at !== 'loading') return
    try {
      this.#room.step({ type: 'loaded', stored, epoch: this.#context.newEpoch() })
    } catch (error) {
      this.#context.exception(error)
      return this.#refuseAll(new SynclineError('document_damaged', 'The stored updates cannot be read'))
    }
    if (stored) this.#weight = weightOf(stored)
    const { waiting } = this.#state
    this.#state = { at: 'live' }
    this.#tellPresence()
    if (this.#context.isReadOnly()) this.setReadOnly(true)
    for (const { input, session } of waiting) {
      if (this.#sessions.has(session.id)) this.#input(input, session)
    }
    this.#compactWhenDue('open')
    this.#unloadWhenIdle()
  }

  /** What the application has of a document that the log does not have, once it is on disk. */
  async #loadFirst(): Promise<StoredDocument | null> {
    const { loader, storage, newEpoch } = this.#context
    const update = (await loader?.contentOf(this.name)) ?? null
    if (update === null || this.#state.at !== 'loading') return null
    if (this.#context.isReadOnly()) throw new SynclineError('disk_full')
    this.#committing = true
    try {
      return await commitFirst(storage, { document: this.name, epoch: newEpoch(), update })
    } catch (error) {
      this.#context.storageFailed(asError(error))
      throw error
    } finally {
      this.#committing = false
      this.#onSettled()
      if (this.#isGone) this.#leaveOwner()
    }
  }

  get #isGone(): boolean {
    return this.#state.at === 'gone'
  }

  #compactWhenDue(moment: Moment): void {
    this.#context.compactor.request(this.name, this.#weight, moment)
  }

  /** @param cause what the operator should know beside what sessions are told */
  #refuseAll(error: SynclineError, cause: unknown = error): void {
    if (this.#state.at !== 'loading') return
    this.#state = { at: 'gone' }
    // what the application did not give is logged where it was asked
    if (error.code !== 'not_loaded') {
      const { logger } = this.#context
      const error = asError(cause)
      logger.error({ event: 'document_unreadable', error, document: this.name }, 'a document could not be read')
    }
    this.#dismissAll(new SharedReply(ending('refused', error)))
    this.#leaveOwner()
  }

  /** @param session whose input it is, and who answers for an exception; null: the room itself */
  #input(input: RoomInput, session: Session | null): void {
    if (this.#state.at === 'gone') return
    if (this.#state.at === 'loading') {
      if (session) this.#state.waiting.push({ input, session })
      return
    }
    this.#pace()
    this.#performAll(this.#step(input, session))
    this.#account(this.#room.queuedBytes)
    if (this.#room.queuedBytes === 0) this.#updateAt = null
    this.#unloadWhenIdle()
  }

  /**
   * An exception is a bug of ours. Where the machine is whole, it ends the session that brought it; otherwise the room,
   * which is loaded anew from the log.
   */
  #step(input: RoomInput, session: Session | null): RoomEffect[] {
    try {
      return this.#room.step(input)
    } catch (error) {
      this.#context.exception(error)
      if (session && this.#room.whole) this.#expel(session, error)
      else this.end('internal')
      return []
    }
  }

  /** What the machine wants done it takes for done: where that fails, the two are not one any more. */
  #performAll(effects: readonly RoomEffect[]): void {
    try {
      for (const effect of effects) this.#perform(effect)
    } catch (error) {
      this.#context.exception(error)
      this.end('internal')
    }
  }

  /** What is queued is in memory until it is on disk, or nobody's any more. */
  #account(bytes: number): void {
    if (this.#isForgotten) return
    this.#context.backlog.change(bytes - this.#backlogBytes)
    this.#backlogBytes = bytes
  }

  /** The room learns what the process has to do when something happens in it. */
  #pace(): void {
    const { demand } = this.#context.fanOut
    if (demand === this.#demand) return
    this.#demand = demand
    this.#performAll(this.#step({ type: 'paced', demand }, null))
  }

  #drop(session: Session): boolean {
    if (!this.#sessions.delete(session.id)) return false
    if (session.client) this.#clients--
    this.#tellPresence()
    return true
  }

  /** Tells all sessions why they are over. */
  #dismissAll(reply: SharedReply): void {
    for (const session of this.#sessions.values()) {
      this.#deliver(session, reply)
      this.#tellEnd(session)
    }
    this.#sessions.clear()
    this.#clients = 0
    this.#tellPresence()
  }

  #tellPresence(): void {
    const isOpen = this.#state.at === 'live' && this.#clients > 0
    if (isOpen === this.#isOpen) return
    this.#isOpen = isOpen
    this.#context.presence(this.name, isOpen)
  }

  #leaveOwner(): void {
    this.#account(0)
    this.#isForgotten = true
    this.#forget(this)
  }

  #perform(effect: RoomEffect): void {
    switch (effect.type) {
      case 'send':
        if (effect.message.type === 'awareness') this.#context.fanOut.ask(this.#now(), effect.to.length)
        return this.#send(effect.to, this.#shared(effect.message))
      case 'dirty':
        return this.#context.storage.request(this)
      case 'end':
        return this.#end(effect.session)
      case 'wake':
        return this.#wake(effect.at)
      case 'note':
        return this.#context.note(this.name, effect)
      case 'append':
        throw new Error('A room appends only what the committer asked for')
      default:
        return unreachable(effect)
    }
  }

  #shared(message: SessionReply): SharedReply {
    if (message.type !== 'synced' || (message.update?.length ?? 0) < sharedBytesMin) return new SharedReply(message)
    const last = this.#synced?.deref()
    const reply = replyLike(last, message)
    if (reply !== last) this.#synced = new WeakRef(reply)
    return reply
  }

  #send(to: readonly SessionId[], reply: SharedReply): void {
    for (const id of to) {
      const session = this.#sessions.get(id)
      if (session) this.#deliver(session, reply)
    }
  }

  // no closure for each: this is what most of a broadcast is
  #deliver(session: Session, reply: SharedReply): void {
    try {
      session.deliver(reply)
    } catch (error) {
      this.#abandon(session, error)
    }
  }

  #end(id: SessionId): void {
    const session = this.#sessions.get(id)
    if (!session) return
    this.#drop(session)
    this.#tellEnd(session)
  }

  #wake(at: number): void {
    this.#cancelWake()
    this.#cancelWake = this.#context.clock.after(Math.max(0, at - this.#now()), () => {
      // Node's timers may fire a millisecond before the wall clock is there; the room would wait for ever
      this.#input({ type: 'ticked', now: Math.max(at, this.#now()) }, null)
    })
  }

  #unloadWhenIdle(): void {
    if (this.#state.at !== 'live' || !this.#room.idle) return
    this.#cancelUnload()
    this.#cancelUnload = this.#context.clock.after(this.#context.unloadMs, () => {
      if (!this.#room.idle) return
      this.end('shutting_down')
      this.#compactWhenDue('closed')
    })
  }

  #expel(session: Session, error: unknown): void {
    this.#deliver(session, new SharedReply(ending('closed', error)))
    this.leave(session)
  }

  #tellEnd(session: Session): void {
    try {
      session.ended()
    } catch (error) {
      this.#abandon(session, error)
    }
  }

  /** A session that throws while it is told something must not keep it from the others. */
  #abandon(session: Session, error: unknown): void {
    this.#context.exception(error)
    if (!this.#drop(session)) return
    this.#tellEnd(session)
    this.#input({ type: 'left', session: session.id, now: this.#now() }, null)
  }

  #now(): number {
    return this.#context.clock.now()
  }
}
