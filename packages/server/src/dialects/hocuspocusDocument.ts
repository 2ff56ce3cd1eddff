import type { ErrorCode, SessionReply } from '@syncline/protocol'
import { SynclineError, unreachable } from '@syncline/protocol'
import type { Credentials } from '../auth/authorize.js'
import type { Clock } from '../clock.js'
import type { Account } from '../limits/account.js'
import type { SharedReply } from '../rooms/session.js'
import type { DialectSession, NewSession } from './dialectSession.js'
import { encodeHocuspocus, type HocuspocusReply, type HocuspocusRequest } from './hocuspocusMessages.js'
import { SavedCount } from './savedCount.js'
import { TokenRenewal } from './tokenRenewal.js'

type Ending = Extract<SessionReply, { type: 'refused' | 'closed' }>

/** What a document of a Hocuspocus connection needs of it. */
export interface HocuspocusWire {
  readonly key: string
  readonly name: string
  /** what its address may take of the relay */
  readonly account: Account
  readonly clock: Clock
  /** what the connection shows, with a token that came for this document */
  credentials(token: string): Credentials
  send(messages: readonly Uint8Array[]): void
  whenRoom(call: () => void): void
  /** reads nothing from the provider until less waits for the disk */
  hold(): void
  /** reads nothing from the provider for a while */
  holdFor(ms: number): void
  /** another token is to be checked */
  reauthorizing(): void
  /** the document is open; called once */
  opened(): void
  /** drops what was sent and is not on its way yet */
  drop(): void
  /** runs at the end of this turn */
  later(call: () => void): void
  /** the relay ended the session, and it may be opened again */
  lost(reason: string): void
  /** the document is closed; called once. The provider counts so many updates that it was not told of as saved */
  ended(unsaved: number): void
}

// an update that contains nothing
const emptyUpdate = Uint8Array.of(0, 0)
// the state vector of a replica that has nothing
const emptyStateVector = Uint8Array.of(0)

const scopes = { read: 'readonly', write: 'read-write' } as const
const denials: ReadonlySet<ErrorCode> = new Set([
  ...(['unauthorized', 'token_expired', 'forbidden', 'revoked'] as const),
  'too_many_sessions', // the provider would come back at once, with all the documents of its socket
])

/**
 * One document of an unmodified Hocuspocus provider, from its token to its end.
 *
 * Both sides say what they have (step 1) and answer with the rest (step 2). The provider sends its token, step 1 and
 * awareness back to back: what comes before the room has opened waits. Its updates of that time need not wait, since its
 * step 2, which answers the `opened` that our step 1 stands for, has them.
 */
export class HocuspocusDocument {
  readonly #wire: HocuspocusWire
  readonly #updateBytesMax: number
  readonly #session: DialectSession
  readonly #saved = new SavedCount()
  readonly #renewal: TokenRenewal
  #state: 'opening' | 'open' | 'over' = 'opening'
  #waiting: { stateVector: Uint8Array | null; awareness: Uint8Array | null } = { stateVector: null, awareness: null }
  #hasAsked = false
  #seq = 0
  #token = ''

  /** @param updateBytesMax its own limit: a provider's frame may be larger */
  constructor(wire: HocuspocusWire, updateBytesMax: number, newSession: NewSession) {
    this.#wire = wire
    this.#updateBytesMax = updateBytesMax
    this.#renewal = new TokenRenewal(wire.clock, () => this.#say({ type: 'tokenRequest' }))
    this.#session = newSession({
      account: wire.account,
      echo: true,
      credentials: () => wire.credentials(this.#token),
      drop: () => wire.drop(),
      expires: () => this.#renewal.endsAt(this.#session.expiresAt),
      whenRoom: (call) => wire.whenRoom(call),
      hold: () => wire.hold(),
      holdFor: (ms) => wire.holdFor(ms),
      deliver: (reply) => this.#deliver(reply),
      ended: () => this.#ended(),
    })
  }

  /**
   * Called once.
   *
   * @param unsaved updates of an earlier time that the provider still counts, and has in its step 2
   */
  open(token: string, unsaved: number): void {
    this.#token = token
    this.#saved.counts(1, unsaved)
    // a point that no log confirms: the provider's step 1 is the exchange that the room then waits for
    const resume = { epoch: '', position: 0, chain: 0 }
    this.#session
      .open({ type: 'open', name: this.#wire.name, resume, stateVector: emptyStateVector })
      .catch((error: unknown) => this.#session.fail(error))
  }

  setCongested(isCongested: boolean): void {
    this.#session.setCongested(isCongested)
  }

  leave(): void {
    this.#session.leave()
  }

  receive(request: HocuspocusRequest): void {
    switch (request.type) {
      case 'step1':
        this.#saved.exchanged(this.#seq)
        return this.#exchange(request.stateVector)
      case 'step2':
        return this.#answer(request.update)
      case 'update':
        return this.#update(request.update)
      case 'awareness':
        return this.#takeAwareness(request.update)
      case 'token':
        return this.#again(request.token)
      case 'close':
        this.#say({ type: 'closed', reason: 'provider_initiated' })
        return this.#session.leave()
      case 'broadcastStateless':
        return this.#session.fail(new SynclineError('protocol_violation', 'Only servers broadcast'))
      case 'queryAwareness': // it is told of every change, and of all when it opens
      case 'stateless': // for hooks of a server, which a relay has none of
        return
      default:
        return unreachable(request)
    }
  }

  /** Another token for what is open, or on its way. */
  #again(token: string): void {
    this.#token = token
    this.#wire.reauthorizing()
    const decided = () => {
      if (this.#state === 'open') this.#say({ type: 'authenticated', scope: scopes[this.#session.access] })
    }
    this.#session.reauthorize().then(decided, (error: unknown) => this.#session.fail(error))
  }

  #exchange(stateVector: Uint8Array): void {
    this.#hasAsked = true
    if (this.#state === 'opening') this.#waiting.stateVector = stateVector.slice()
    else this.#session.receive({ type: 'exchange', stateVector })
    this.#tellSaved()
  }

  #takeAwareness(update: Uint8Array): void {
    if (this.#state === 'opening') this.#waiting.awareness = update.slice()
    else this.#session.receive({ type: 'awareness', update })
  }

  #answer(update: Uint8Array): void {
    if (this.#state !== 'open' || !this.#fits(update)) return
    // one whose token had ended, and that brings another without a step 1, has missed something
    if (!this.#hasAsked) this.#exchange(emptyStateVector)
    this.#session.receive({ type: 'update', seq: ++this.#seq, answer: true, update })
    this.#saved.answered(this.#seq)
    this.#tellSaved()
  }

  #update(update: Uint8Array): void {
    if (!this.#fits(update)) return
    this.#saved.counts(this.#seq + 1)
    if (this.#state === 'open') this.#session.receive({ type: 'update', seq: ++this.#seq, answer: false, update })
    this.#tellSaved()
  }

  #fits({ length }: Uint8Array): boolean {
    if (length <= this.#updateBytesMax) return true
    this.#session.fail(
      new SynclineError('update_too_large', `It has ${length} bytes, and may have ${this.#updateBytesMax}`),
    )
    return false
  }

  #deliver(reply: SharedReply): void {
    const { type } = reply.reply
    if (type === 'opened') this.#opened()
    if (type === 'refused' || type === 'closed') return this.#close(reply.reply)
    if (type === 'ack') this.#saved.acknowledged(reply.reply.seq)
    if (type === 'resync') this.#saved.resynced()
    const messages = reply.encoded(this.#form, (given) => this.#translate(given))
    if (messages.length > 0) this.#wire.send(messages)
    if (type === 'ack') this.#tellSaved()
  }

  // replies to sessions of one document differ in nothing but the key
  get #form(): string {
    return `hocuspocus ${this.#wire.key}`
  }

  #opened(): void {
    this.#state = 'open'
    this.#wire.opened()
    this.#wire.later(() => {
      const { stateVector, awareness } = this.#waiting
      this.#waiting = { stateVector: null, awareness: null }
      if (stateVector && this.#state === 'open') this.#session.receive({ type: 'exchange', stateVector })
      if (awareness && this.#state === 'open') this.#session.receive({ type: 'awareness', update: awareness })
    })
  }

  #tellSaved(): void {
    const count = this.#saved.take()
    if (count > 0) this.#wire.send(new Array<Uint8Array>(count).fill(this.#encode({ type: 'saved' })))
  }

  #close(ending: Ending): void {
    const reason = `${ending.code}: ${ending.reason}`
    // with another token it may be opened on this socket
    if (denials.has(ending.code)) return this.#say({ type: 'denied', reason })
    if (ending.retry) return this.#wire.lost(reason)
    this.#say(ending.type === 'refused' ? { type: 'denied', reason } : { type: 'closed', reason })
  }

  #ended(): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#renewal.cancel()
    this.#wire.ended(this.#saved.unsaved)
  }

  #translate(reply: SessionReply): Uint8Array[] {
    switch (reply.type) {
      case 'opened':
        return [
          this.#encode({ type: 'authenticated', scope: scopes[reply.access] }),
          ...(reply.stateVector ? [this.#encode({ type: 'step1', stateVector: reply.stateVector })] : []),
        ]
      case 'access':
        return [this.#encode({ type: 'authenticated', scope: scopes[reply.access] })]
      case 'resync':
        return [this.#encode({ type: 'step1', stateVector: reply.stateVector })]
      case 'synced':
        return [this.#encode({ type: 'step2', update: reply.update ?? emptyUpdate })]
      case 'update':
      case 'awareness':
        return [this.#encode({ type: reply.type, update: reply.update })]
      case 'signal':
        return [this.#encode({ type: 'stateless', payload: reply.payload })]
      case 'ack':
      case 'digest':
      case 'rejected':
      case 'refused':
      case 'closed':
        return []
      default:
        return unreachable(reply)
    }
  }

  #say(reply: HocuspocusReply): void {
    this.#wire.send([this.#encode(reply)])
  }

  #encode(reply: HocuspocusReply): Uint8Array {
    return encodeHocuspocus(this.#wire.key, reply)
  }
}
