import { type AwarenessEntries, decodeAwareness, encodeAwareness } from '../awareness/codec.js'
import { AwarenessTable } from '../awareness/table.js'
import { adviceOn, type ErrorCode, SynclineError } from '../errors.js'
import type { Limits } from '../limits.js'
import type { LogRecord } from '../log/port.js'
import { chainAfter } from '../log/record.js'
import type { Access, DocumentReply, DocumentRequest } from '../messages/types.js'
import { unreachable } from '../unreachable.js'
import {
  type Admission,
  admitUpdate,
  assertStateVector,
  Coverage,
  differenceFrom,
  hashStateVector,
  hasNewInserts,
  isCovered,
  mergeUpdates,
} from '../updates/index.js'
import { AwarenessOutbox } from './awarenessOutbox.js'
import { Content } from './content.js'
import { CommitQueue } from './queue.js'
import { Session } from './session.js'
import type { RoomEffect, RoomInput, RoomRequest, SessionId, SessionProfile } from './types.js'
import { fanOutMs, Window } from './window.js'

type Request<Type extends DocumentRequest['type']> = Extract<DocumentRequest, { type: Type }>

/**
 * The relay's live side of one document: takes what happens, returns what to do. It holds no Y.Doc: updates are
 * scanned and cut to what is new, and shown or acknowledged after the log has them.
 *
 * Invariants: what is in the coverage but not in the content is queued or being committed; no session is sent a byte
 * of it. The log is causally complete: what refers to something it lacks is answered with `resync` and not kept.
 */
export class Room {
  readonly name: string
  readonly #limits: Limits
  readonly #sessions = new Map<SessionId, Session>()
  readonly #coverage = new Coverage()
  readonly #queue = new CommitQueue()
  /** who is where; null until somebody says so, as in most rooms nobody ever does */
  #presence: { readonly table: AwarenessTable; readonly outbox: AwarenessOutbox } | null = null
  /** closed while updates gather for one broadcast: they are committed when it opens */
  readonly #window: Window
  /** see the input `paced` */
  #demand = 0
  /** the last `wake` */
  #wakeAt = Number.NEGATIVE_INFINITY
  /** there is no room for edits */
  #isReadOnly = false
  #epoch = ''
  #deletedEpochs: readonly string[] = none
  #content: Content
  /** the coverage may have what is not queued */
  #isTorn = false
  #effects: RoomEffect[] = []

  constructor(name: string, limits: Limits) {
    this.name = name
    this.#limits = limits
    this.#content = new Content(null, limits)
    this.#window = new Window(limits.fanOutGatherMsMax)
  }

  /** True where nobody is here and nothing is on its way to the log: the room can be forgotten. */
  get idle(): boolean {
    return this.#sessions.size === 0 && this.#queue.empty
  }

  /** How long updates gather after a broadcast, in ms, as things are. */
  get gatherMs(): number {
    if (this.#demand <= 1) return 0
    // when the share has paid for one broadcast: less the time until the next update comes by itself, and more where
    // others want their part of the share
    const paidMs = (fanOutMs(this.#sessions.size) * 100) / this.#limits.fanOutPercent
    const ms = paidMs * (this.#demand - 1 / this.#demand)
    return Math.min(ms, this.#limits.fanOutGatherMsMax)
  }

  /** Memory of what has been accepted and is not in the log yet, in bytes. */
  get queuedBytes(): number {
    return this.#queue.memoryBytes
  }

  /**
   * After `step` has thrown: true where nobody but the session whose input it was is concerned. Otherwise the room is to
   * be loaded anew.
   */
  get whole(): boolean {
    return !this.#isTorn
  }

  step(input: RoomInput): RoomEffect[] {
    this.#handle(input)
    if ('now' in input) {
      this.#flushAwareness(input.now)
      this.#wakeWhenDue(input.now)
    }
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  #handle(input: RoomInput): void {
    switch (input.type) {
      case 'loaded':
        return this.#load(input)
      case 'joined':
        return this.#guarded(input.session, () => this.#join(input))
      case 'received': {
        const session = this.#sessions.get(input.session)
        if (session) this.#guarded(session.id, () => this.#receive(session, input.request, input.now))
        return
      }
      case 'granted':
        return this.#grant(this.#sessions.get(input.session), input.access)
      case 'left':
        return this.#leave(input.session)
      case 'committing':
        return this.#beginCommit(input.now)
      case 'committed':
        return this.#finishCommit(input.now)
      case 'compacted':
        return this.#content.replaceBase(input.base, input.position)
      case 'readOnly':
        return this.#setReadOnly(input.readOnly)
      case 'congested':
        this.#sessions.get(input.session)?.congest()
        return
      case 'drained':
        return this.#catchUp(this.#sessions.get(input.session))
      case 'paced':
        this.#demand = input.demand
        return
      case 'ticked':
        return this.#askForCommit(input.now)
      default:
        return unreachable(input)
    }
  }

  #load({ stored, epoch }: Extract<RoomInput, { type: 'loaded' }>): void {
    this.#epoch = stored?.epoch ?? epoch
    this.#deletedEpochs = stored?.deletedEpochs ?? none
    this.#content = new Content(stored, this.#limits)
    if (stored?.base) this.#coverage.add(stored.base)
    for (const { position, runs } of stored?.records ?? []) {
      // what was kept for resuming is in the base
      if (position > stored!.basePosition) for (const run of runs) this.#coverage.add(run.update)
    }
  }

  /** Whoever was opened for reading may open for writing now. */
  #setReadOnly(readOnly: boolean): void {
    this.#isReadOnly = readOnly
    if (readOnly) return
    for (const { id, isWithheld } of this.#sessions.values()) {
      if (isWithheld) this.#end(id, 'disk_full', true, 'There is room again')
    }
  }

  /** Clients that know of access keep their edits to themselves where they may not write; those of dialects don't. */
  #profileNow(granted: SessionProfile): SessionProfile {
    return this.#isReadOnly && !granted.echo ? { ...granted, access: 'read' } : granted
  }

  #join({ session: id, profile: granted, request }: Extract<RoomInput, { type: 'joined' }>): void {
    const { resume, stateVector } = request
    // its replica is of another document, which is not to come back by accident
    if (resume !== null && this.#deletedEpochs.includes(resume.epoch)) throw new SynclineError('document_deleted')
    if (resume === null) assertStateVector(stateVector, this.#limits.stateVectorClientsMax)
    const profile = this.#profileNow(granted)
    const confirmed = resume !== null && resume.epoch === this.#epoch && this.#content.confirms(resume)
    const session = new Session(id, granted.access, profile, !confirmed && profile.access === 'write')
    this.#sessions.set(id, session)
    this.#send(session, {
      type: 'opened',
      point: { epoch: this.#epoch, ...this.#content.head },
      stateVector: confirmed ? null : this.#coverage.encodeStateVector(),
      access: profile.access,
      ...withheldFrom(session),
    })
    if (confirmed) this.#sync(session, this.#content.since(resume.position))
    else if (resume === null) this.#sync(session, this.#content.difference(stateVector))
    // otherwise the session sends `exchange`, and is told nothing before
    const present = this.#presence?.table.entries
    if (present && present.size > 0) this.#send(session, { type: 'awareness', update: encodeAwareness(present) })
  }

  /** What it typed while it was a reader the session kept to itself: whoever may write now is asked for all of it. */
  #grant(session: Session | undefined, granted: Access): void {
    if (!session) return
    const { access } = session.profile
    const wasWithheld = session.isWithheld
    session.granted = granted
    session.profile = this.#profileNow({ ...session.profile, access: granted })
    this.#releaseAwareness(session)
    if (session.profile.access === access && session.isWithheld === wasWithheld) return
    session.answerOwed = session.profile.access === 'write'
    this.#send(session, { type: 'access', access: session.profile.access, ...withheldFrom(session) })
    if (!session.answerOwed) return
    this.#send(session, { type: 'resync', seq: session.seq, stateVector: this.#coverage.encodeStateVector() })
  }

  #receive(session: Session, request: RoomRequest, now: number): void {
    switch (request.type) {
      case 'update':
        this.#update(session, request, now)
        return this.#releaseAwareness(session)
      case 'exchange':
        assertStateVector(request.stateVector, this.#limits.stateVectorClientsMax)
        return this.#sync(session, this.#content.difference(request.stateVector))
      case 'digest':
        return this.#digest(session, request)
      case 'awareness':
        return this.#takeAwareness(session, request)
      case 'close':
        return this.#leave(session.id)
      default:
        return unreachable(request)
    }
  }

  /** Sends a session what it lacks; from here on it gets every broadcast. */
  #sync(session: Session, update: Uint8Array | null): void {
    const { head } = this.#content
    session.moveTo(head)
    this.#send(session, { type: 'synced', ...head, update })
  }

  #update(session: Session, request: Request<'update'>, now: number): void {
    const { seq, answer } = request
    if (seq !== session.seq + 1) throw new SynclineError('protocol_violation', `Update ${seq} follows ${session.seq}`)
    session.seq = seq
    if (session.profile.access === 'read' && session.profile.echo) return this.#passOver(session, request.update)
    // covered by the answer that this session was asked for and has not sent yet
    if (session.answerOwed && !answer) return
    try {
      this.#take(session, request, now)
    } catch (error) {
      if (!(error instanceof SynclineError) || !this.#mayReject(session, error.code)) throw error
      this.#reject(session, error)
    }
  }

  /** Clients of dialects can't be told that one of their updates was not kept. */
  #mayReject({ profile, rejections }: Session, code: ErrorCode): boolean {
    return rejectable.has(code) && !profile.echo && rejections < this.#limits.rejectionsMax
  }

  /** The update was not kept and changed nothing; the session goes on without it. */
  #reject(session: Session, { code, message: reason }: SynclineError): void {
    session.rejections++
    session.answerOwed = true
    this.#effects.push({ type: 'note', event: 'rejected', session: session.id, code })
    this.#send(session, { type: 'rejected', seq: session.seq, code, reason })
  }

  /** Throws before anything has changed. */
  #take(session: Session, { answer, seed = false, update }: Request<'update'>, now: number): void {
    if (session.profile.access === 'read') {
      throw new SynclineError(session.isWithheld ? 'disk_full' : 'read_only')
    }
    if (!answer && update.length > this.#limits.updateBytesMax) {
      throw new SynclineError('update_too_large', `The update has ${update.length} bytes`)
    }
    if (seed && !this.#takesSeed(update)) throw new SynclineError('seed_refused')
    if (this.#isReadOnly && !isCovered(this.#coverage, update, this.#limits)) throw new SynclineError('disk_full')
    this.#assertSpace(update)
    const admission = this.#admit(session, update, now)
    if (admission.complete && !answer) session.resyncs = session.rejections = 0
    // an answer holds all that its author has: what is still missing, the author lacks as well
    if (admission.complete || answer) this.#acknowledgeLater(session)
    else this.#askToResync(session)
  }

  /** What the coverage has must reach the log: nothing that may throw comes between the two. */
  #admit(session: Session, update: Uint8Array, now: number): Admission {
    const admission = this.#unlessTorn(() => admitUpdate(this.#coverage, update, this.#limits))
    if (admission.update) {
      this.#queue.add({ session: session.id, author: session.profile.author, update: admission.update })
      this.#askForCommit(now)
    }
    this.#isTorn = false
    return admission
  }

  /** Whoever refuses an update has changed nothing; after a bug nobody knows. */
  #unlessTorn<T>(run: () => T): T {
    this.#isTorn = true
    try {
      return run()
    } catch (error) {
      this.#isTorn = !(error instanceof SynclineError)
      throw error
    }
  }

  /**
   * Clients of dialects don't know that they are readers. They answer step 1, and clean up formatting: where that brings
   * nothing that anybody wrote, it is passed over; it is acknowledged where the log has all of it.
   */
  #passOver(session: Session, update: Uint8Array): void {
    if (hasNewInserts(this.#coverage, update, this.#limits)) throw new SynclineError('read_only')
    if (isCovered(this.#coverage, update, this.#limits)) this.#acknowledgeLater(session)
  }

  /** First content goes into an empty log. Its client id stands for its content: who has the one has the other. */
  #takesSeed(seed: Uint8Array): boolean {
    return this.#coverage.isEmpty || isCovered(this.#coverage, seed, this.#limits)
  }

  /** Before the update is admitted: what the coverage has must reach the log. */
  #assertSpace(update: Uint8Array): void {
    const free = this.#limits.documentBytesMax - this.#content.bytes - this.#queue.bytes
    if (update.length <= free) return
    // a full difference repeats much that is known
    const added = differenceFrom(update, this.#coverage.encodeStateVector())?.length ?? 0
    if (added > free) throw new SynclineError('document_too_large', `The document has ${this.#content.bytes} bytes`)
  }

  #acknowledgeLater(session: Session): void {
    session.answerOwed = false
    session.accepted = session.seq
    // a duplicate waits for what was queued when it came: its original may be on the way
    if (this.#queue.empty) this.#acknowledge(session, session.seq)
    else this.#queue.acknowledgeWithLast(session)
  }

  #askToResync(session: Session): void {
    if (++session.resyncs > this.#limits.resyncsMax) throw new SynclineError('too_many_resyncs')
    session.answerOwed = true
    this.#note('resync', session)
    this.#send(session, { type: 'resync', seq: session.seq, stateVector: this.#coverage.encodeStateVector() })
  }

  #digest(session: Session, { point, vectorHash }: Request<'digest'>): void {
    const { position, chain } = this.#content.head
    const comparable = this.#queue.empty && !session.answerOwed && point.position === position
    const equal =
      point.epoch === this.#epoch &&
      point.chain === chain &&
      vectorHash === hashStateVector(this.#coverage.encodeStateVector())
    if (!comparable || equal) return this.#send(session, { type: 'digest' })
    this.#note('digest_mismatch', session)
    this.#askToResync(session)
  }

  #askForCommit(now: number): void {
    if (this.#queue.wantsCommit && this.#window.closedUntil(now) === null) this.#effects.push({ type: 'dirty' })
  }

  /** What waits is looked at again when it is time. */
  #wakeWhenDue(now: number): void {
    const commitAt = this.#queue.wantsCommit ? this.#window.closedUntil(now) : null
    const awarenessAt = this.#presence?.outbox.dueAt(now)
    const at = Math.min(commitAt ?? Number.POSITIVE_INFINITY, awarenessAt ?? Number.POSITIVE_INFINITY)
    const isAsked = now < this.#wakeAt && this.#wakeAt <= at
    if (at === Number.POSITIVE_INFINITY || isAsked) return
    this.#wakeAt = at
    this.#effects.push({ type: 'wake', at })
  }

  #beginCommit(now: number): void {
    const runs = this.#queue.begin()
    if (runs === null) return
    const { head } = this.#content
    const position = head.position + 1
    const record: LogRecord = { position, time: now, chain: chainAfter(head.chain, runs), runs }
    this.#queue.record = record
    this.#effects.push({ type: 'append', append: { document: this.name, epoch: this.#epoch, record } })
  }

  #finishCommit(now: number): void {
    const { record, authors, acknowledged } = this.#queue.finish()
    const before = this.#content.head.position
    const update = mergeUpdates(record.runs.map((run) => run.update))
    this.#content.append(record, update)
    const head = this.#content.head
    const to: SessionId[] = []
    for (const session of this.#sessions.values()) {
      if (session.cursor?.position !== before || session.congested) continue
      session.moveTo(head)
      const aloneWithIt = authors.size === 1 && authors.has(session.id)
      if (session.profile.echo || !aloneWithIt) to.push(session.id)
    }
    if (to.length > 0) this.#effects.push({ type: 'send', to, message: { type: 'update', ...head, update } })
    this.#window.close(now, this.gatherMs)
    for (const [session, seq] of acknowledged) this.#acknowledge(session, seq)
    this.#askForCommit(now)
  }

  #acknowledge(session: Session, seq: number): void {
    if (!this.#sessions.has(session.id)) return
    session.acknowledged = seq
    this.#send(session, { type: 'ack', seq, ...(session.cursor ?? { position: 0, chain: 0 }) })
    this.#releaseAwareness(session)
  }

  #catchUp(session: Session | undefined): void {
    if (!session) return
    const missed = session.drain()
    const head = this.#content.head
    if (session.cursor !== null && session.cursor.position !== head.position) {
      const update = this.#content.since(session.cursor.position)
      session.moveTo(head)
      if (update) this.#send(session, { type: 'update', ...head, update })
    }
    if (missed) this.#send(session, { type: 'awareness', update: encodeAwareness(missed) })
  }

  #takeAwareness(session: Session, { update }: Request<'awareness'>): void {
    const entries = decodeAwareness(update, this.#limits)
    // a cursor must not point at text that is still on its way
    if (session.isOnItsWay) return session.holdAwareness(entries, this.#limits.awarenessClientsMax)
    this.#spreadAwareness(session, entries)
  }

  #releaseAwareness(session: Session): void {
    const held = session.releaseAwareness()
    if (held) this.#spreadAwareness(session, held)
  }

  #spreadAwareness(session: Session, entries: AwarenessEntries): void {
    this.#presence ??= { table: new AwarenessTable(this.#limits), outbox: new AwarenessOutbox(this.#limits) }
    const { table, outbox } = this.#presence
    outbox.add(session.id, table.apply(session.id, session.profile.author, entries))
  }

  #flushAwareness(now: number): void {
    const flushed = this.#presence?.outbox.flush(now, this.#sessions.size)
    if (!flushed) return
    const to: SessionId[] = []
    for (const session of this.#sessions.values()) {
      if (session.id === flushed.onlyFrom) continue
      if (session.congested) session.missAwareness(flushed.entries)
      else to.push(session.id)
    }
    const message: DocumentReply = { type: 'awareness', update: encodeAwareness(flushed.entries) }
    if (to.length > 0) this.#effects.push({ type: 'send', to, message })
  }

  #leave(id: SessionId): void {
    if (!this.#sessions.delete(id)) return
    this.#effects.push({ type: 'end', session: id })
    this.#presence?.outbox.add(null, this.#presence.table.drop(id))
  }

  /** Runs what a session asked for; what is wrong with it ends that session and nothing else. */
  #guarded(id: SessionId, run: () => void): void {
    try {
      run()
    } catch (error) {
      if (!(error instanceof SynclineError)) throw error
      this.#effects.push({ type: 'note', event: 'refused', session: id, code: error.code })
      this.#end(id, error.code, retryable.has(error.code), error.message)
    }
  }

  #end(id: SessionId, code: ErrorCode, retry: boolean, reason: string = adviceOn(code)): void {
    const type = this.#sessions.delete(id) ? 'closed' : 'refused'
    this.#effects.push({ type: 'send', to: [id], message: { type, code, reason, retry } }, { type: 'end', session: id })
    this.#presence?.outbox.add(null, this.#presence.table.drop(id))
  }

  #note(event: 'resync' | 'digest_mismatch', session: Session): void {
    this.#effects.push({ type: 'note', event, session: session.id })
  }

  #send(session: Session, message: DocumentReply): void {
    this.#effects.push({ type: 'send', to: [session.id], message })
  }
}

function withheldFrom({ isWithheld }: Session): { readonly withheld?: true } {
  return isWithheld ? { withheld: true } : {}
}

// one for all: there are many rooms
const none: readonly string[] = []

const retryable: ReadonlySet<ErrorCode> = new Set(['too_many_resyncs', 'disk_full'])

/** Why an update is never kept, while its session may go on. */
const rejectable: ReadonlySet<ErrorCode> = new Set([
  'malformed_update',
  'update_too_large',
  'document_too_large',
  'read_only',
  'seed_refused',
])
