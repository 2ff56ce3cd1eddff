import type { LogPoint } from '../log/port.js'
import type { Access, SessionReply } from '../messages/types.js'
import { unreachable } from '../unreachable.js'
import { emptyStateVector, hashStateVector } from '../updates/index.js'
import type { LocalCopy, RowId } from './copy.js'
import { CopyQueue, packBytesMin } from './copyQueue.js'
import { Outbox } from './outbox.js'
import type { PeerEffect, PeerInput, PeerState, PeerView, Replica } from './types.js'

type Reply<Type extends SessionReply['type']> = Extract<SessionReply, { type: Type }>

/**
 * The client's side of one document: takes what happens, returns what to do.
 *
 * Invariants: nothing is opened before the local copy has been read, and nothing is sent before the relay has spoken
 * (`opened`). An edit is pending until an ack covers it. The resume point never claims more than was applied here: it
 * moves only with messages that bring everything up to it.
 */
export class Peer implements PeerView {
  readonly name: string
  readonly #replica: Replica
  readonly #outbox = new Outbox()
  readonly #copy: CopyQueue
  #state: PeerState = { at: 'loading', connected: false }
  #access: Access = 'write'
  #resume: LogPoint | null = null
  /** the epoch of this session; its positions count once it is synced */
  #epoch = ''
  #digestAsked = false
  #effects: PeerEffect[] = []

  /** @param packBytes rows of the local copy are packed into one when they have grown by so much; tests want less */
  constructor(name: string, replica: Replica, packBytes: number = packBytesMin) {
    this.name = name
    this.#replica = replica
    this.#copy = new CopyQueue(packBytes)
  }

  get state(): PeerState {
    return this.#state
  }

  get access(): Access {
    return this.#access
  }

  get edits(): number {
    return this.#outbox.edits
  }

  get saved(): number {
    return this.#outbox.saved
  }

  get pending(): number {
    return this.edits - this.saved
  }

  get resume(): LogPoint | null {
    return this.#resume
  }

  get kept(): number {
    return this.#copy.kept
  }

  get writing(): boolean {
    return this.#copy.busy
  }

  knows(row: RowId): boolean {
    return this.#copy.knows(row)
  }

  step(input: PeerInput): PeerEffect[] {
    this.#handle(input)
    // what was edited waits for the end of its turn
    if (input.type !== 'edited') this.#write()
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  #handle(input: PeerInput): void {
    switch (input.type) {
      case 'loaded':
        return this.#loaded(input.copy)
      case 'written':
        this.#copy.written(input.rows, this.#outbox)
        return this.#changed()
      case 'writeFailed':
        if (input.lost) this.#copy.forgo()
        else this.#copy.failed()
        return this.#changed()
      case 'reread':
        return this.#reread()
      case 'retryWrite':
        return this.#copy.retry()
      case 'connected':
        return this.#connected()
      case 'disconnected':
        return this.#goOffline()
      case 'received':
        return this.#receive(input.reply)
      case 'edited':
        this.#copy.edited(this.#outbox.add(input.update, 1, null))
        return this.#changed()
      case 'flushed':
        return this.#flush()
      case 'awareness':
        if (this.#inSession) this.#effects.push({ type: 'send', request: { type: 'awareness', update: input.update } })
        return
      case 'digestDue':
        return this.#askDigest()
      case 'close':
        return this.#close()
      default:
        return unreachable(input)
    }
  }

  /** The relay has spoken: edits may be sent. */
  get #inSession(): boolean {
    return this.#state.at === 'syncing' || this.#state.at === 'live'
  }

  get #ended(): boolean {
    return this.#state.at === 'refused' || this.#state.at === 'closed'
  }

  /** The copy may come late, where reading it took too long: then it only adds to what is here. */
  #loaded(copy: LocalCopy | null): void {
    if (copy) this.#copy.attach(copy, this.#outbox)
    else this.#copy.forgo()
    if (this.#state.at !== 'loading') return copy ? this.#flush() : undefined
    const { connected } = this.#state
    this.#resume = furthest(this.#resume, copy?.resume ?? null)
    this.#epoch = copy?.epoch ?? ''
    this.#enter({ at: 'offline' })
    if (connected) this.#open()
  }

  #reread(): void {
    if (this.#ended || !this.#copy.reread()) return
    if (this.#state.at === 'offline') this.#enter({ at: 'loading', connected: false })
  }

  #connected(): void {
    if (this.#state.at === 'loading') this.#state = { at: 'loading', connected: true }
    else if (!this.#ended) this.#open()
  }

  #open(): void {
    this.#outbox.restart()
    // a point says what is here, not that the relay has all that is
    if (this.#outbox.owing) this.#resume = null
    this.#digestAsked = false
    this.#enter({ at: 'opening' })
    const stateVector = this.#resume ? emptyStateVector : this.#replica.stateVector()
    this.#effects.push({ type: 'send', request: { type: 'open', name: this.name, resume: this.#resume, stateVector } })
  }

  #goOffline(): void {
    if (this.#state.at === 'loading') this.#state = { at: 'loading', connected: false }
    if (this.#isAway) return
    this.#enter({ at: 'offline' })
    this.#effects.push({ type: 'forgetAwareness' })
  }

  #receive(reply: SessionReply): void {
    // a session can be refused before it was opened: by whoever has no version in common with the relay
    if (this.#isAway && !(this.#state.at === 'loading' && reply.type === 'closed')) return
    switch (reply.type) {
      case 'opened':
        return this.#opened(reply)
      case 'update':
        this.#apply(reply.update)
        return this.#moveTo(reply)
      case 'synced':
        return this.#synced(reply)
      case 'ack':
        return this.#acknowledged(reply)
      case 'resync':
        return this.#resync(reply)
      case 'digest':
        this.#digestAsked = false
        return
      case 'awareness':
        this.#effects.push({ type: 'applyAwareness', update: reply.update })
        return
      case 'access':
        this.#access = reply.access
        return this.#changed()
      case 'refused':
      case 'closed':
        return this.#sessionEnded(reply)
      default:
        return unreachable(reply)
    }
  }

  #opened({ point, stateVector, access }: Reply<'opened'>): void {
    if (this.#state.at !== 'opening') return
    this.#epoch = point.epoch
    this.#copy.enter(point.epoch)
    this.#access = access
    this.#enter({ at: 'syncing' })
    this.#effects.push({ type: 'announceAwareness' })
    if (stateVector === null) return this.#flush()
    const offered = this.#resume !== null
    this.#resume = null
    this.#answer(stateVector, offered)
  }

  /** Sends everything that the relay lacks; with `exchange`, also asks for what is lacking here. */
  #answer(stateVector: Uint8Array, exchange: boolean): void {
    if (this.#access === 'write') {
      const isEmpty = this.#replica.stateVector().length === emptyStateVector.length
      const message = this.#outbox.answer(this.#replica.difference(stateVector), !isEmpty)
      this.#effects.push({ type: 'send', request: { type: 'update', answer: true, ...message } })
    }
    if (!exchange) return
    this.#effects.push({ type: 'send', request: { type: 'exchange', stateVector: this.#replica.stateVector() } })
  }

  #resync({ stateVector }: Reply<'resync'>): void {
    if (!this.#digestAsked) return this.#answer(stateVector, false)
    // the digest told that this replica differs: nothing here may be called synced until the exchange has healed it
    this.#digestAsked = false
    this.#resume = null
    this.#copy.distrust()
    this.#enter({ at: 'syncing' })
    this.#answer(stateVector, true)
  }

  #synced(reply: Reply<'synced'>): void {
    if (reply.update) this.#apply(reply.update)
    // a reader has nobody to give what a relay has lost: it is not waited for, unless it was on its way already
    if (this.#access === 'read' && !this.#outbox.owing) this.#copy.exchanged(this.#outbox)
    this.#enter({ at: 'live' })
    this.#moveTo(reply)
  }

  #acknowledged(reply: Reply<'ack'>): void {
    this.#copy.acknowledged(this.#outbox.acknowledge(reply.seq), this.#outbox)
    this.#moveTo(reply)
    this.#changed()
    this.#flush()
  }

  #apply(update: Uint8Array): void {
    this.#copy.received(update)
    this.#effects.push({ type: 'apply', update })
  }

  #moveTo({ position, chain }: { readonly position: number; readonly chain: number }): void {
    if (this.#state.at === 'live') this.#resume = { epoch: this.#epoch, position, chain }
  }

  #flush(): void {
    if (!this.#inSession || this.#access === 'read') return
    for (let message = this.#outbox.next(); message !== null; message = this.#outbox.next()) {
      this.#effects.push({ type: 'send', request: { type: 'update', answer: false, ...message } })
    }
  }

  #write(): void {
    if (this.#state.at === 'closed') return
    if (this.#copy.beginReading()) return void this.#effects.push({ type: 'read' })
    const write = this.#copy.next(this.#outbox, this.#replica, this.#resume)
    if (write) this.#effects.push({ type: 'write', write })
  }

  #askDigest(): void {
    if (this.#state.at !== 'live' || !this.#outbox.quiet || this.#digestAsked || this.#resume === null) return
    this.#digestAsked = true
    const vectorHash = hashStateVector(this.#replica.stateVector())
    this.#effects.push({ type: 'send', request: { type: 'digest', point: this.#resume, vectorHash } })
  }

  #sessionEnded({ code, reason, retry }: Reply<'refused'> | Reply<'closed'>): void {
    this.#enter(retry ? { at: 'offline' } : { at: 'refused', code, reason })
    this.#effects.push({ type: 'forgetAwareness' })
  }

  #close(): void {
    if (this.#state.at === 'closed') return
    if (this.#inSession || this.#state.at === 'opening') {
      this.#effects.push({ type: 'send', request: { type: 'close' } })
    }
    this.#enter({ at: 'closed' })
  }

  /** No session, and none on its way. */
  get #isAway(): boolean {
    return this.#ended || this.#state.at === 'loading' || this.#state.at === 'offline'
  }

  #enter(state: PeerState): void {
    if (state.at === this.#state.at) return
    this.#state = state
    this.#changed()
  }

  #changed(): void {
    this.#effects.push({ type: 'changed' })
  }
}

/** Of two points up to which everything is here: they differ where other tabs have followed the relay. */
function furthest(ours: LogPoint | null, theirs: LogPoint | null): LogPoint | null {
  if (ours === null || theirs === null) return ours ?? theirs
  return theirs.epoch === ours.epoch && theirs.position > ours.position ? theirs : ours
}
