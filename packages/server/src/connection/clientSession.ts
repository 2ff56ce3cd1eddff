import type { SessionRequest } from '@syncline/protocol'
import { assertDocumentName, SynclineError } from '@syncline/protocol'
import type { Grant, Visitor } from '../grant.js'
import type { LiveRoom } from '../rooms/liveRoom.js'
import { ending, type Session, SharedReply } from '../rooms/session.js'
import type { RelayContext } from './context.js'

type Open = Extract<SessionRequest, { type: 'open' }>
type Exchange = Extract<SessionRequest, { type: 'exchange' }>

type ClientSessionState =
  /** its grant, then its room is on the way; `room` is there once the grant is */
  | { readonly at: 'opening'; readonly room: LiveRoom | null }
  | { readonly at: 'open'; readonly room: LiveRoom }
  | { readonly at: 'over' }

/** What a wire protocol does with the replies to one session. */
export interface SessionWire {
  /** dialects whose clients take their own updates back */
  readonly echo: boolean
  /** calls back once, when something as large as a document may be sent */
  whenRoom(call: () => void): void
  deliver(reply: SharedReply): void
  /** reads nothing from the peer until less waits for the disk */
  hold(): void
  /** the session is over; called once */
  ended(): void
}

/** One session, from its grant to its end, whatever wire protocol carries it. */
export class ClientSession implements Session {
  readonly id: number
  readonly #context: RelayContext
  readonly #wire: SessionWire
  #state: ClientSessionState = { at: 'opening', room: null }
  /** the last one that waits for its turn */
  #exchange: Exchange | null = null

  constructor(context: RelayContext, wire: SessionWire) {
    this.id = context.nextSession()
    this.#context = context
    this.#wire = wire
  }

  /** Decides the grant and joins the room; `opened` or `refused` is delivered, now or later. */
  async open(request: Open, visitor: Visitor): Promise<void> {
    try {
      assertDocumentName(request.name, this.#context.limits.nameBytesMax)
      const grant = await this.#context.authorize({ document: request.name, visitor })
      this.#wire.whenRoom(() => this.#join(request, grant))
    } catch (error) {
      this.fail(error)
    }
  }

  #join(request: Open, grant: Grant): void {
    if (this.#state.at !== 'opening') return
    try {
      const room = this.#context.rooms.open(request.name)
      this.#state = { at: 'opening', room }
      room.join(this, { ...grant, echo: this.#wire.echo }, request)
    } catch (error) {
      this.fail(error)
    }
  }

  /** Takes what the client sent. */
  receive(request: SessionRequest): void {
    if (request.type === 'close') return this.leave()
    if (request.type === 'open') return this.fail(new SynclineError('protocol_violation', 'It is open already'))
    if (this.#state.at === 'open' && request.type === 'exchange') return this.#takeExchange(request)
    if (this.#state.at === 'open') return this.#hand(request, this.#state.room)
    if (this.#state.at === 'opening') this.fail(new SynclineError('protocol_violation', 'It is not opened yet'))
  }

  #hand(request: Exclude<SessionRequest, Open>, room: LiveRoom): void {
    room.receive(this, request)
    if (request.type === 'update' && this.#context.backlog.isFull) this.#wire.hold()
  }

  /** Each is answered with a whole document at worst: one at a time, and the last one counts. */
  #takeExchange(request: Exchange): void {
    const isWaiting = this.#exchange !== null
    this.#exchange = request
    if (isWaiting) return
    this.#wire.whenRoom(() => {
      const exchange = this.#exchange
      this.#exchange = null
      if (exchange && this.#state.at === 'open') this.#state.room.receive(this, exchange)
    })
  }

  /** Ends the session for what its client did, or for a bug of ours. */
  fail(error: unknown): void {
    if (this.#state.at === 'over') return
    if (error instanceof SynclineError) this.#context.counters.refused++
    else this.#context.exception(error)
    this.#wire.deliver(new SharedReply(ending(this.#state.at === 'open' ? 'closed' : 'refused', error)))
    this.leave()
  }

  /** Ends the session without a word. */
  leave(): void {
    if (this.#state.at === 'over') return
    const room = this.#state.room
    this.ended()
    room?.leave(this)
  }

  setCongested(isCongested: boolean): void {
    if (this.#state.at === 'open') this.#state.room.setCongested(this, isCongested)
  }

  deliver(reply: SharedReply): void {
    if (this.#state.at === 'over') return
    const { room } = this.#state
    if (reply.reply.type === 'opened' && room) this.#state = { at: 'open', room }
    this.#wire.deliver(reply)
  }

  ended(): void {
    if (this.#state.at === 'over') return
    this.#state = { at: 'over' }
    this.#wire.ended()
  }
}
