import type { Access, RoomRequest, SessionRequest } from '@syncline/protocol'
import { assertDocumentName, SynclineError } from '@syncline/protocol'
import type { Credentials } from '../auth/authorize.js'
import { type Admitted, type FullGrant, isOver } from '../auth/gate.js'
import { nothing } from '../clock.js'
import { countRefusal } from '../counters.js'
import type { Account } from '../limits/account.js'
import type { LiveRoom } from '../rooms/liveRoom.js'
import { ending, type Session, type SessionClient, SharedReply } from '../rooms/session.js'
import type { RelayContext } from './context.js'

type Open = Extract<SessionRequest, { type: 'open' }>
type Exchange = Extract<SessionRequest, { type: 'exchange' }>

type ClientSessionState =
  /** its turn, or its grant, is on the way */
  | { readonly at: 'asking' }
  /** its room is on the way; `room` is there once the link has room for what it says */
  | { readonly at: 'opening'; readonly grant: FullGrant; readonly room: LiveRoom | null }
  | { readonly at: 'open'; readonly grant: FullGrant; readonly room: LiveRoom }
  | { readonly at: 'over' }

/** a grant is asked for anew when so much of it is over: an answer that is remembered is not given so late any more */
const renewalShare = 0.9
const timerMsMax = 2 ** 31 - 1

/** What a wire protocol does with the replies to one session. */
export interface SessionWire {
  /** what its address may take of the relay */
  readonly account: Account
  /** dialects whose clients take their own updates back */
  readonly echo: boolean
  /** what its connection shows by now */
  credentials(): Credentials
  /** calls back once, when something as large as a document may be sent */
  whenRoom(call: () => void): void
  deliver(reply: SharedReply): void
  /** reads nothing from the peer until less waits for the disk */
  hold(): void
  /** reads nothing from the peer for a while */
  holdFor(ms: number): void
  /** drops what was delivered and is not on its way yet */
  drop(): void
  /** the time at which it ends is another one */
  expires(): void
  /** the session is over; called once */
  ended(): void
}

/**
 * One session, from its grant to its end, whatever wire protocol carries it.
 *
 * Invariant: without a grant that holds, nothing that comes in reaches the room, and nothing that the room says goes out.
 */
export class ClientSession implements Session, Admitted {
  readonly id: number
  readonly #context: RelayContext
  readonly #wire: SessionWire
  #state: ClientSessionState = { at: 'asking' }
  /** what it may take of the relay, and the same for its address and its subject, once that is known */
  readonly #accounts: Account[]
  #document = ''
  #since = 0
  /** the last one that waits for its turn */
  #exchange: Exchange | null = null
  /** how often it was asked for a grant: the last answer counts */
  #asked = 0
  /** the last time nobody could tell, or there is no answer yet */
  #isUncertain = false
  /** its socket does not keep up */
  #isCongested = false
  /** opening it compares the document with what the client has */
  #isCompared = false
  #cancelTimer = nothing
  #cancelWait = nothing

  constructor(context: RelayContext, wire: SessionWire) {
    this.id = context.nextSession()
    this.#context = context
    this.#wire = wire
    this.#accounts = [wire.account, context.limiter.session()]
  }

  get client(): SessionClient {
    const { subject, access } = this
    const { address } = this.#wire.credentials().visitor
    return { subject, access, address, since: this.#since, end: (error) => this.fail(error) }
  }

  get document(): string {
    return this.#document
  }

  get subject(): string {
    return this.#grant?.subject ?? ''
  }

  /** what it may do, as far as it is known */
  get access(): Access {
    return this.#grant?.access ?? 'read'
  }

  /** when it ends, unless it is granted anew: ms since 1970; null: it does not, or is not granted */
  get expiresAt(): number | null {
    return this.#grant?.expiresAt ?? null
  }

  get #grant(): FullGrant | null {
    return 'grant' in this.#state ? this.#state.grant : null
  }

  /** Decides the grant and joins the room; `opened` or `refused` is delivered, now or later. */
  async open(request: Open): Promise<void> {
    try {
      assertDocumentName(request.name, this.#context.limits.nameBytesMax)
      this.#document = request.name
      this.#since = this.#context.clock.now()
      await this.#turn([this.#wire.account])
      if (this.#state.at !== 'asking') return
      let grant = await this.#ask()
      while (grant === null && this.#state.at === 'asking') grant = await this.#ask()
      if (grant === null || this.#state.at !== 'asking') return
      this.#state = { at: 'opening', grant, room: null }
      this.#context.gate.admit(this, grant)
      this.#watch(grant)
      const account = this.#context.limiter.subject(grant.subject)
      account.holders++
      this.#accounts.push(account)
      await this.#turn([account])
      this.#wire.whenRoom(() => this.#join(request))
    } catch (error) {
      this.fail(error)
    }
  }

  /** The connection shows something else from here on: what it may do here is decided anew. */
  async reauthorize(): Promise<void> {
    // it has asked with what counts no more, and asks again
    if (this.#state.at === 'asking') this.#asked++
    if (this.#state.at === 'asking' || this.#state.at === 'over') return
    try {
      this.#isUncertain = true // where it ends before the answer, that is nobody's fault who is there
      const grant = await this.#ask()
      const before = this.#grant
      if (grant === null || before === null) return
      // what it has written and where its cursor is are another's
      if (grant.subject !== before.subject) {
        return this.expel(new SynclineError('unauthorized', 'The token is of another subject'))
      }
      this.#context.gate.admit(this, grant)
      this.#adopt(grant)
    } catch (error) {
      const isUnavailable = error instanceof SynclineError && error.code === 'authorization_unavailable'
      // what it had holds until it ends
      if (!isUnavailable || this.expiresAt === null) this.expel(error)
    }
  }

  #join(request: Open): void {
    if (this.#state.at !== 'opening') return
    const { grant } = this.#state
    try {
      const room = this.#context.rooms.open(request.name)
      this.#state = { at: 'opening', grant, room }
      this.#isCompared = request.resume === null
      const { subject: author, access } = grant
      room.join(this, { author, access, echo: this.#wire.echo }, request)
    } catch (error) {
      this.fail(error)
    }
  }

  /** Takes what the client sent. */
  receive(request: SessionRequest): void {
    if (request.type === 'close') return this.leave()
    if (request.type === 'open') return this.fail(new SynclineError('protocol_violation', 'It is open already'))
    if (this.#state.at === 'over') return
    if (this.#state.at !== 'open') return this.fail(new SynclineError('protocol_violation', 'It is not opened yet'))
    if (isOver(this.#state.grant, this.#context.clock.now())) return this.#expire()
    this.#charge(request)
    if (request.type === 'signal') return this.#signal(request.payload, this.#state)
    if (request.type === 'exchange') return this.#takeExchange(request)
    this.#hand(request, this.#state.room)
  }

  /** Only who may write is heard by the others; who may not is passed over, since that may have changed on the way. */
  #signal(payload: string, { grant, room }: { readonly grant: FullGrant; readonly room: LiveRoom }): void {
    this.#wire.holdFor(this.#context.limiter.take('signals', 1, this.#accounts))
    if (grant.access !== 'write') return
    try {
      room.signal(payload, this)
    } catch (error) {
      this.fail(error)
    }
  }

  #hand(request: RoomRequest, room: LiveRoom): void {
    room.receive(this, request)
    if (request.type === 'update' && this.#context.backlog.isFull) this.#wire.hold()
  }

  /** Each is answered with a whole document at worst: one at a time, and the last one counts. */
  #takeExchange(request: Exchange): void {
    const isWaiting = this.#exchange !== null
    this.#exchange = request
    if (isWaiting || this.#state.at !== 'open') return
    try {
      this.#after(this.#context.limiter.reserve('exchangeBytes', this.#state.room.bytes, this.#accounts), () =>
        this.#wire.whenRoom(() => this.#handExchange()),
      )
    } catch (error) {
      this.fail(error)
    }
  }

  #handExchange(): void {
    const exchange = this.#exchange
    this.#exchange = null
    if (exchange && this.#state.at === 'open') this.#state.room.receive(this, exchange)
  }

  /** What it sent was read already: where that was too much, nothing more is read for a while. */
  #charge(request: SessionRequest): void {
    const [, , subject] = this.#accounts
    if (subject === undefined) return
    const { limiter } = this.#context
    const ms = limiter.take('messages', 1, [subject])
    this.#wire.holdFor(Math.max(ms, limiter.take('bytes', bytesOf(request), [subject])))
  }

  /** It is its turn to open; whoever opens much waits for it, and what it sends waits with it. */
  #turn(accounts: readonly Account[]): Promise<void> {
    const ms = this.#context.limiter.reserve('opens', 1, accounts)
    if (ms === 0) return Promise.resolve()
    return new Promise((resolve) => this.#after(ms, resolve))
  }

  #after(ms: number, call: () => void): void {
    if (ms === 0) return call()
    this.#wire.holdFor(ms)
    this.#cancelWait = this.#context.clock.after(Math.ceil(ms), call)
  }

  /** Ends the session for what its client did, or for a bug of ours. */
  fail(error: unknown): void {
    if (this.#state.at === 'over') return
    if (error instanceof SynclineError) countRefusal(this.#context.counters, error)
    else this.#context.exception(error)
    this.#wire.deliver(new SharedReply(ending(this.#state.at === 'open' ? 'closed' : 'refused', error)))
    this.leave()
  }

  /** Ends the session since it is not granted any more: it is told why, and nothing that it was to be told before. */
  expel(error: unknown): void {
    if (this.#state.at === 'over') return
    this.#wire.drop()
    this.fail(error)
  }

  readOnly(isReadOnly: boolean): void {
    const grant = this.#grant
    if (grant && isReadOnly) this.#adopt({ ...grant, access: 'read' })
    else void this.reauthorize() // what was granted may be another thing by now
  }

  /** Ends the session without a word. */
  leave(): void {
    if (this.#state.at === 'over') return
    const room = 'room' in this.#state ? this.#state.room : null
    this.ended()
    room?.leave(this)
  }

  setCongested(isCongested: boolean): void {
    this.#isCongested = isCongested
    if (this.#state.at === 'open') this.#state.room.setCongested(this, isCongested)
  }

  deliver(reply: SharedReply): void {
    if (this.#state.at !== 'opening' && this.#state.at !== 'open') return
    // it is of the moment, and whoever does not keep up has missed it
    if (reply.reply.type === 'signal' && (this.#isCongested || this.#state.at === 'opening')) return
    const { grant, room } = this.#state
    // no timer is as punctual as what the room says; ending it would step the room, which is in the middle of a step
    if (isOver(grant, this.#context.clock.now())) return queueMicrotask(() => this.#expire())
    const isOpened = reply.reply.type === 'opened'
    if (isOpened && room) {
      this.#state = { at: 'open', grant, room }
      // what that was is known only now: nothing that follows is read before it is paid
      const bytes = this.#isCompared ? room.bytes : 0
      this.#wire.holdFor(this.#context.limiter.take('exchangeBytes', bytes, this.#accounts))
    }
    this.#wire.deliver(reply)
    if (isOpened) this.#wire.expires()
  }

  ended(): void {
    if (this.#state.at === 'over') return
    this.#state = { at: 'over' }
    this.#cancelTimer()
    this.#cancelWait()
    for (const subject of this.#accounts.splice(2)) subject.holders--
    this.#context.gate.forget(this)
    this.#wire.ended()
  }

  /** Null where something was asked since: that answer counts. */
  async #ask(): Promise<FullGrant | null> {
    const asked = ++this.#asked
    try {
      const grant = await this.#context.gate.ask(this.#document, this.#wire.credentials())
      return asked === this.#asked ? grant : null
    } catch (error) {
      if (asked === this.#asked) throw error
      return null
    }
  }

  #adopt(grant: FullGrant): void {
    if (this.#state.at !== 'opening' && this.#state.at !== 'open') return
    const { access, expiresAt } = this.#state.grant
    this.#isUncertain = false
    this.#state = { ...this.#state, grant }
    if (grant.expiresAt !== expiresAt) this.#watch(grant)
    if (grant.access !== access) this.#state.room?.grant(this, grant.access)
    if (grant.expiresAt !== expiresAt) this.#wire.expires()
  }

  /** Asks anew before the grant ends, and ends with it. */
  #watch({ expiresAt }: FullGrant): void {
    this.#cancelTimer()
    if (expiresAt === null) return
    const now = this.#context.clock.now()
    this.#at(now + renewalShare * (expiresAt - now), () => {
      this.#at(expiresAt, () => this.#expire())
      void this.reauthorize()
    })
  }

  #at(time: number, call: () => void): void {
    const waitMs = Math.ceil(time - this.#context.clock.now())
    if (waitMs <= 0) return call()
    this.#cancelTimer = this.#context.clock.after(Math.min(waitMs, timerMsMax), () => this.#at(time, call))
  }

  #expire(): void {
    this.expel(new SynclineError(this.#isUncertain ? 'authorization_unavailable' : 'token_expired'))
  }
}

function bytesOf(request: SessionRequest): number {
  if (request.type === 'update' || request.type === 'awareness') return request.update.length
  if (request.type === 'signal') return request.payload.length
  return request.type === 'exchange' ? request.stateVector.length : 0
}
