import { adviceOn, type ErrorCode } from '../errors.js'
import type { LogPoint } from '../log/port.js'
import type { Access, DocumentReply } from '../messages/types.js'
import { unreachable } from '../unreachable.js'
import { emptyStateVector, hashStateVector } from '../updates/index.js'
import type { LocalCopy, RefusedRow, RowId } from './copy.js'
import { CopyQueue, packBytesMin } from './copyQueue.js'
import { type Edit, type Message, Outbox } from './outbox.js'
import { Refusals } from './refusals.js'
import type { PeerEffect, PeerInput, PeerState, PeerView, Refusal, Replica, Reply } from './types.js'
import { furthest, nowhere } from './within.js'

/**
 * The client's side of one document: takes what happens, returns what to do.
 *
 * Invariants: nothing is opened before the local copy has been read, and nothing is sent before the relay has spoken
 * (`opened`). An edit is pending until an ack covers it. The resume point never claims more than was applied here: it
 * moves only with messages that bring everything up to it. What was refused is sent no more, and nothing that needs it.
 */
export class Peer implements PeerView {
  readonly name: string
  readonly #replica: Replica
  readonly #outbox = new Outbox()
  readonly #copy: CopyQueue
  #state: PeerState = { at: 'loading', connected: false }
  readonly #refusals: Refusals
  /** `withheld`: the relay takes no edits for now, though access would allow them */
  #grant: { readonly access: Access; readonly withheld?: boolean } = { access: 'write' }
  /** first content that nobody has seen yet: it waits for the relay, or for word that there is none */
  #seed: Uint8Array | null = null
  /** what the relay said while it was not known what becomes of first content */
  #held: DocumentReply[] = []
  /** what the relay had when this session began, where it told */
  #relayVector: Uint8Array | null = null
  /** the relay was told an epoch or a point, and waits for `exchange` where it does not confirm it */
  #offered = false
  /** the relay came with another history of the document, which may lack what the one before had */
  #wentBack = false
  /** this session was opened for another replica */
  #isAnew = false
  #now = 0
  #resume: LogPoint | null = null
  /** the epoch of this session; its positions count once it is synced */
  #epoch = ''
  #digestAsked = false
  readonly #effects: PeerEffect[] = []

  /** @param packBytes rows of the local copy are packed into one when they have grown by so much; tests want less */
  constructor(name: string, replica: Replica, packBytes: number = packBytesMin) {
    this.name = name
    this.#replica = replica
    this.#copy = new CopyQueue(packBytes)
    this.#refusals = new Refusals(this.#outbox, this.#copy, {
      told: (news) => this.#effects.push({ type: 'tellRefused', news }),
      over: () => this.#beginAnew(),
    })
  }

  get state(): PeerState {
    return this.#state
  }

  get access(): Access {
    return this.#grant.access
  }

  get edits(): number {
    return this.#outbox.edits
  }

  get saved(): number {
    return this.#outbox.saved
  }

  get pending(): number {
    return this.#outbox.pending
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

  without(update: Uint8Array): Uint8Array | null {
    return this.#refusals.without(update)
  }

  get isRebuilding(): boolean {
    return this.#refusals.isRebuilding
  }

  get refused(): readonly RefusedRow[] {
    return this.#refusals.rows
  }

  get refusals(): readonly Refusal[] {
    return this.#refusals.all
  }

  /** @param now ms since 1970, for what is refused in this step */
  step(input: PeerInput, now = 0): PeerEffect[] {
    this.#now = now
    this.#handle(input)
    // what was edited waits for the end of its turn
    if (input.type !== 'edited') this.#write()
    return this.#effects.splice(0)
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
        if (this.#state.at === 'loading') this.#state = { at: 'loading', connected: true }
        else if (!this.#ended) this.#open()
        return
      case 'disconnected':
        return this.#goOffline()
      case 'received':
        return this.#receive(input.reply)
      case 'limited':
        return this.#outbox.limit(input.updateBytesMax)
      case 'seed':
        this.#seed = input.seed
        return this.#plantWhereEmpty()
      case 'alone':
        if (this.#state.at === 'offline' && this.#seed !== null) this.#plant(this.#seed)
        return
      case 'dropRefused':
        this.#refusals.drop()
        return this.#changed()
      case 'refusedElsewhere':
        this.#refusals.learn(input.news, this.#replica, this.#now)
        return this.#changed()
      case 'edited':
        return this.#edited(input.update)
      case 'borrowed':
        this.#copy.borrowed()
        return this.#flush()
      case 'flushed':
        return this.#flush()
      case 'awareness':
        if (!this.#inSession || this.isRebuilding) return
        return void this.#effects.push({ type: 'send', request: { type: 'awareness', update: input.update } })
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
    const { isReread } = this.#copy
    if (copy) this.#copy.attach(copy, this.#outbox)
    else this.#copy.forgo()
    if (copy && copy.rows.length > 0) this.#seed = null
    if (copy && isReread) this.#refusals.reattach(copy, this.#replica, this.#now)
    else if (copy) this.#refusals.attach(copy, this.#now)
    if (this.isRebuilding && this.#state.at !== 'loading') this.#beginAnew()
    if (copy?.deleted && this.#state.at === 'loading') {
      this.#epoch = copy.epoch ?? ''
      return this.#enter({ at: 'refused', code: 'document_deleted', reason: adviceOn('document_deleted') })
    }
    if (this.#state.at !== 'loading') return copy ? this.#flush() : undefined
    const { connected } = this.#state
    this.#resume = this.isRebuilding ? null : furthest(this.#resume, copy?.resume ?? null)
    this.#epoch = copy?.epoch ?? ''
    this.#enter({ at: 'offline' })
    if (connected) this.#open()
  }

  #reread(): void {
    if (this.#ended || !this.#copy.reread()) return
    if (this.#state.at === 'offline') this.#enter({ at: 'loading', connected: false })
  }

  #open(): void {
    this.#outbox.restart()
    this.#refusals.forgetVerdict()
    this.#relayVector = null
    this.#held = []
    // a point says what is here, not that the relay has all that is
    if (this.#outbox.owing) this.#resume = null
    this.#digestAsked = false
    this.#enter({ at: 'opening' })
    const point = this.isRebuilding || this.#outbox.seed || this.#seed ? null : this.#resume
    // where the document was deleted and made anew, what is here is not to come back by accident
    const resume = point ?? (this.#epoch === '' ? null : { epoch: this.#epoch, ...nowhere })
    this.#offered = resume !== null
    this.#isAnew = this.isRebuilding
    const stateVector = resume ? emptyStateVector : this.#ownVector()
    this.#effects.push({ type: 'send', request: { type: 'open', name: this.name, resume, stateVector } })
  }

  /** What is here: nothing, where the replica is about to be made anew. */
  #ownVector(): Uint8Array {
    return this.isRebuilding ? emptyStateVector : this.#replica.stateVector()
  }

  #goOffline(): void {
    if (this.#state.at === 'loading') this.#state = { at: 'loading', connected: false }
    if (this.#isAway) return
    this.#enter({ at: 'offline' })
    this.#effects.push({ type: 'forgetAwareness' })
  }

  #receive(reply: DocumentReply): void {
    // a session can be refused before it was opened: by whoever has no version in common with the relay
    if (this.#isAway && !(this.#state.at === 'loading' && reply.type === 'closed')) return
    if (this.#outbox.seed && (reply.type === 'update' || reply.type === 'synced')) {
      this.#held.push(reply)
      return
    }
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
      case 'rejected':
        return this.#rejected(reply)
      case 'digest':
        this.#digestAsked = false
        return
      case 'awareness':
        return void this.#effects.push({ type: 'applyAwareness', update: reply.update })
      case 'access':
        return this.#granted(reply)
      case 'refused':
      case 'closed':
        return this.#sessionEnded(reply)
      default:
        return unreachable(reply)
    }
  }

  #opened({ point, stateVector, access, withheld = false }: Reply<'opened'>): void {
    if (this.#state.at !== 'opening') return
    this.#wentBack ||= this.#epoch !== '' && this.#epoch !== point.epoch
    this.#epoch = point.epoch
    this.#copy.enter(point.epoch)
    this.#grant = { access, withheld }
    this.#enter({ at: 'syncing' })
    // it was opened before anything was set aside
    if (this.isRebuilding && !this.#isAnew) return this.#beginAnew()
    if (!this.isRebuilding) this.#effects.push({ type: 'announceAwareness' })
    if (stateVector === null) return this.#flush()
    this.#resume = null
    this.#copy.claimed()
    this.#relayVector = stateVector
    this.#begin(stateVector)
    if (this.#offered && this.#inSession) this.#exchange()
  }

  #granted(grant: Reply<'access'>): void {
    this.#grant = grant
    this.#changed()
    // of a writer, the relay asks for everything now
    return grant.access === 'read' ? this.#flush() : this.#refusals.forgiveReader()
  }

  /** The first update of a session in which the relay has told what it has. */
  #begin(stateVector: Uint8Array): void {
    this.#outbox.takeSeedsWithin(stateVector)
    const isEmpty = stateVector.length === emptyStateVector.length
    if (!isEmpty) this.#seed = null
    if (this.#grant.access === 'read') return this.#flush()
    if (this.#seed) this.#plant(this.#seed)
    if (this.#outbox.seed && !isEmpty) {
      return this.#judge('seed_refused', this.#outbox.seed)
    }
    // an answer may be of any size; what is in it is bound to the same limit wherever it is sent
    const { oversized } = this.#outbox
    if (oversized) return this.#refusals.judgeOversized(oversized, this.#now)
    this.#answer(stateVector)
  }

  /** Sends everything that the relay lacks. */
  #answer(stateVector: Uint8Array): void {
    if (this.#grant.access === 'read') return
    if (this.#outbox.seed) return this.#sendUpdate(this.#outbox.answerWithSeed(), true)
    if (this.isRebuilding) {
      this.#outbox.restartSent()
      return this.#answerInParts(stateVector)
    }
    this.#outbox.look(this.#replica)
    const isEmpty = this.#replica.stateVector().length === emptyStateVector.length
    this.#sendUpdate(this.#outbox.answer(this.#replica.difference(stateVector), !isEmpty), true)
  }

  /** What is no edit first, but only where the relay may lack any: the refused may have deleted what others typed here. */
  #answerInParts(stateVector: Uint8Array | null): void {
    const rest = stateVector && this.#wentBack ? this.#refusals.restOf(this.#replica, stateVector) : null
    this.#sendUpdate(this.#outbox.answerNothing(rest ?? undefined), true)
    this.#flush()
  }

  /** Asks for everything that is lacking here. */
  #exchange(): void {
    this.#effects.push({ type: 'send', request: { type: 'exchange', stateVector: this.#ownVector() } })
  }

  #sendUpdate(message: Message, answer: boolean): void {
    this.#effects.push({ type: 'send', request: { type: 'update', answer, ...message } })
  }

  #resync({ stateVector }: Reply<'resync'>): void {
    this.#copy.claimed()
    if (!this.#digestAsked) return this.#answer(stateVector)
    // the digest told that this replica differs: nothing here may be called synced until the exchange has healed it
    this.#digestAsked = false
    this.#resume = null
    this.#copy.distrust()
    this.#enter({ at: 'syncing' })
    this.#answer(stateVector)
    this.#exchange()
  }

  #synced(reply: Reply<'synced'>): void {
    if (this.isRebuilding) this.#replace(reply.update)
    else if (reply.update) this.#apply(reply.update)
    this.#enter({ at: 'live' })
    this.#moveTo(reply)
    if (reply.update === null) this.#plantWhereEmpty()
    else this.#seed = null
  }

  #acknowledged(reply: Reply<'ack'>): void {
    this.#copy.acknowledged(this.#outbox.acknowledge(reply.seq), this.#outbox)
    if (this.#outbox.seed === null) for (const held of this.#held.splice(0)) this.#receive(held)
    this.#moveTo(reply)
    this.#changed()
    this.#flush()
  }

  #apply(update: Uint8Array): void {
    this.#refusals.received(update)
    this.#copy.received(update)
    this.#effects.push({ type: 'apply', update })
  }

  #moveTo({ position, chain }: { readonly position: number; readonly chain: number }): void {
    if (this.#state.at === 'live' && this.#outbox.seed === null) this.#resume = { epoch: this.#epoch, position, chain }
  }

  #flush(): void {
    if (!this.#inSession) return
    if (this.#grant.access === 'read') return this.#grant.withheld ? undefined : this.#refusals.judgeReader(this.#now)
    if (!this.isRebuilding) this.#outbox.look(this.#replica)
    while (!this.#refusals.isJudging && this.#inSession) {
      const { oversized } = this.#outbox
      if (oversized) return this.#refusals.judgeOversized(oversized, this.#now)
      const message = this.#outbox.next()
      if (message === null) break
      this.#sendUpdate(message, false)
    }
    this.#refusals.judgeNow(this.#now)
  }

  #edited(update: Uint8Array): void {
    const edit = this.#outbox.add(update, 1, null)
    this.#copy.edited(edit)
    this.#changed()
    this.#refusals.edited(edit, this.#now)
  }

  /** The relay did not keep an update: what was in it is found by sending it again in parts. */
  #rejected({ seq, code, reason }: Reply<'rejected'>): void {
    const edit = this.#outbox.rejected(seq)
    this.#changed()
    if (code === 'read_only') return this.#refusals.judgeReader(this.#now, reason)
    if (edit) return this.#judge(code, edit, reason)
    if (edit === null) return this.#answerInParts(this.#relayVector)
    // an edit of another tab was in the answer, which finds out about it by itself
    if (this.#copy.hasBorrowed) return this.#answerInParts(null)
    // what no edit of this Peer is to blame for can't be set aside
    this.#effects.push({ type: 'send', request: { type: 'close' } })
    this.#sessionEnded({ type: 'closed', code, reason, retry: false })
  }

  /** @param edit null: everything that is not saved */
  #judge(code: ErrorCode, edit: Edit | null = null, reason: string = adviceOn(code)): void {
    this.#refusals.judge({ edit, code, reason }, this.#now)
  }

  /** A session that brings everything, for another replica: what was set aside can't be told from the rest in this one. */
  #beginAnew(): void {
    this.#resume = null
    if (!this.#inSession) return
    this.#effects.push({ type: 'send', request: { type: 'close' } })
    this.#goOffline()
    this.#effects.push({ type: 'reopen' })
  }

  /** Everything that the relay has is here: with what is to be sent, it makes the new replica. */
  #replace(content: Uint8Array | null): void {
    const { updates, refused } = this.#refusals.rebuilt(content)
    this.#effects.push({ type: 'replace', updates, refused }, { type: 'announceAwareness' })
  }

  #plantWhereEmpty(): void {
    if (this.#seed === null || this.#state.at !== 'live' || this.#grant.access === 'read') return
    const isEmpty = this.#replica.stateVector().length === emptyStateVector.length
    if (isEmpty && this.#outbox.settled) this.#plant(this.#seed)
    this.#seed = null
    this.#flush()
  }

  #plant(seed: Uint8Array): void {
    this.#seed = null
    this.#copy.edited(this.#outbox.addSeed(seed, null))
    this.#effects.push({ type: 'apply', update: seed })
    this.#changed()
  }

  #write(): void {
    if (this.#state.at === 'closed') return
    if (this.#copy.beginReading()) return void this.#effects.push({ type: 'read' })
    const write = this.#copy.next(this.#outbox, this.isRebuilding ? null : this.#replica, this.#resume, this.#now)
    if (write) this.#effects.push({ type: 'write', write })
  }

  #askDigest(): void {
    if (this.#state.at !== 'live' || !this.#outbox.quiet || this.#digestAsked || this.#resume === null) return
    this.#digestAsked = true
    const vectorHash = hashStateVector(this.#replica.stateVector())
    this.#effects.push({ type: 'send', request: { type: 'digest', point: this.#resume, vectorHash } })
  }

  #sessionEnded({ code, reason, retry }: Reply<'refused'> | Reply<'closed'>): void {
    if (code === 'document_deleted') this.#copy.note({ deleted: true })
    this.#enter(retry ? { at: 'offline' } : { at: 'refused', code, reason })
    this.#effects.push({ type: 'forgetAwareness' })
  }

  #close(): void {
    if (this.#state.at === 'closed') return
    if (!this.#isAway) this.#effects.push({ type: 'send', request: { type: 'close' } })
    if (this.#state.at === 'live') this.#enter({ at: 'offline' })
    this.#write()
    this.#enter({ at: 'closed' })
  }

  /** No session, and none on its way. */
  get #isAway(): boolean {
    return this.#ended || this.#state.at === 'loading' || this.#state.at === 'offline'
  }

  #enter(state: PeerState): void {
    if (state.at === this.#state.at) return
    if (this.#state.at === 'live' && this.pending === 0 && this.#now > 0) this.#copy.note({ syncedAt: this.#now })
    this.#state = state
    this.#changed()
  }

  #changed(): void {
    this.#effects.push({ type: 'changed' })
  }
}
