import type { LogPoint } from '../log/port.js'
import type { Access, SessionReply } from '../messages/types.js'
import { unreachable } from '../unreachable.js'
import { emptyStateVector, hashStateVector } from '../updates/index.js'
import { Outbox } from './outbox.js'
import type { PeerEffect, PeerInput, PeerState, PeerView, Replica } from './types.js'

type Reply<Type extends SessionReply['type']> = Extract<SessionReply, { type: Type }>

/**
 * The client's side of one document: takes what happens, returns what to do.
 *
 * Invariants: nothing is sent before the relay has spoken (`opened`). An edit is pending until an ack covers it. The
 * resume point never claims more than was applied here: it moves only with messages that bring everything up to it.
 */
export class Peer implements PeerView {
  readonly name: string
  readonly #replica: Replica
  readonly #outbox = new Outbox()
  #state: PeerState = { at: 'offline' }
  #access: Access = 'write'
  #resume: LogPoint | null = null
  /** the epoch of this session; its positions count once it is synced */
  #epoch = ''
  #digestAsked = false
  #effects: PeerEffect[] = []

  constructor(name: string, replica: Replica) {
    this.name = name
    this.#replica = replica
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

  step(input: PeerInput): PeerEffect[] {
    this.#handle(input)
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  #handle(input: PeerInput): void {
    switch (input.type) {
      case 'connected':
        return this.#open()
      case 'disconnected':
        return this.#goOffline()
      case 'received':
        return this.#receive(input.reply)
      case 'edited':
        this.#outbox.add(input.update)
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

  #open(): void {
    if (this.#ended) return
    this.#outbox.restart()
    this.#digestAsked = false
    this.#enter({ at: 'opening' })
    const stateVector = this.#resume ? emptyStateVector : this.#replica.stateVector()
    this.#effects.push({ type: 'send', request: { type: 'open', name: this.name, resume: this.#resume, stateVector } })
  }

  #goOffline(): void {
    if (this.#ended || this.#state.at === 'offline') return
    this.#enter({ at: 'offline' })
    this.#effects.push({ type: 'forgetAwareness' })
  }

  #receive(reply: SessionReply): void {
    if (this.#ended || this.#state.at === 'offline') return
    switch (reply.type) {
      case 'opened':
        return this.#opened(reply)
      case 'update':
        this.#effects.push({ type: 'apply', update: reply.update })
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
      const message = this.#outbox.answer(this.#replica.difference(stateVector))
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
    this.#enter({ at: 'syncing' })
    this.#answer(stateVector, true)
  }

  #synced(reply: Reply<'synced'>): void {
    if (reply.update) this.#effects.push({ type: 'apply', update: reply.update })
    this.#enter({ at: 'live' })
    this.#moveTo(reply)
  }

  #acknowledged(reply: Reply<'ack'>): void {
    this.#outbox.acknowledge(reply.seq)
    this.#moveTo(reply)
    this.#changed()
    this.#flush()
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

  #enter(state: PeerState): void {
    if (state.at === this.#state.at) return
    this.#state = state
    this.#changed()
  }

  #changed(): void {
    this.#effects.push({ type: 'changed' })
  }
}
