import { closeCodes, type LinkEnd } from '../link.js'
import { guarded } from '../listeners.js'
import type { Clock, TransportKind } from '../types.js'
import type { TabChannel } from './platform.js'
import type { Member, Trunk } from './trunk.js'

/** Where a tab's frames go. */
export interface Line {
  send(frame: Uint8Array): void
  /** hears nothing more */
  close(): void
}

/** From the leader: the socket is open, a frame, or the end. */
type ToMember = Uint8Array | { readonly open: TransportKind } | { readonly end: LinkEnd }

/** To the leader: a frame, how many bytes of frames were taken, or that the tab has left. */
type ToLeader = Uint8Array | { readonly taken: number } | { readonly left: true }

/** Bytes on their way to a tab that it has not taken: more wait in the leader. */
const windowBytesMax = 1024 * 1024

/** So many bytes wait for a tab that takes nothing (it is frozen), and then it has to begin anew. */
const stalledBytesMax = 4 * 1024 * 1024

/** How long a tab may take nothing while something waits for it. */
const stalledMsMax = 5_000

/** So many bytes wait for a tab that is merely slow: twice the largest document of most relays. */
const queuedBytesMax = 128 * 1024 * 1024

/** The end of a pipe in a tab that follows. */
export class FollowerLine implements Line {
  readonly #channel: TabChannel
  #isOver = false

  /** @param heard is called with each sign of life */
  constructor(channel: TabChannel, member: Member, heard: () => void) {
    this.#channel = channel
    channel.onmessage = ({ data }: { readonly data: ToMember }) => {
      heard()
      if (data instanceof Uint8Array) {
        guarded(() => member.deliver(data))
        this.#post({ taken: data.length })
      } else if ('open' in data) member.opened(data.open)
      else {
        this.#finish()
        member.closed(data.end)
      }
    }
  }

  send(frame: Uint8Array): void {
    this.#post(frame)
  }

  close(): void {
    this.#post({ left: true })
    this.#finish()
  }

  #finish(): void {
    this.#isOver = true
    this.#channel.onmessage = null
    this.#channel.close()
  }

  #post(message: ToLeader): void {
    if (!this.#isOver) this.#channel.postMessage(message)
  }
}

/**
 * The leader's end of a pipe. What a tab has not taken waits here, within bounds: a tab that takes nothing for too long
 * is told to begin anew, which it hears when it thaws.
 */
export class PipeMember implements Member {
  readonly #channel: TabChannel
  readonly #trunk: Trunk
  readonly #clock: Clock
  readonly #ended: () => void
  #queue: Uint8Array[] = []
  #queuedBytes = 0
  #postedBytes = 0
  #isOver = false
  #cancelStall: () => void = () => undefined

  constructor(channel: TabChannel, trunk: Trunk, clock: Clock, ended: () => void) {
    this.#channel = channel
    this.#trunk = trunk
    this.#clock = clock
    this.#ended = ended
    channel.onmessage = ({ data }: { readonly data: ToLeader }) => guarded(() => this.#received(data))
  }

  opened(transport: TransportKind): void {
    this.#post({ open: transport })
  }

  deliver(frame: Uint8Array): void {
    if (this.#isOver) return
    if (this.#queue.length === 0 && this.#postedBytes < windowBytesMax) return this.#postFrame(frame)
    if (this.#queue.length === 0) this.#watch()
    this.#queue.push(frame)
    this.#queuedBytes += frame.length
    if (this.#queuedBytes > queuedBytesMax) this.#giveUp()
  }

  closed(end: LinkEnd): void {
    if (this.#isOver) return
    this.#post({ end })
    this.#finish()
  }

  /** The tab is gone. */
  leave(): void {
    this.#trunk.detach(this)
    this.#finish()
  }

  #received(data: ToLeader): void {
    if (data instanceof Uint8Array) this.#trunk.received(this, data)
    else if ('taken' in data) this.#taken(data.taken)
    else this.leave()
  }

  #taken(bytes: number): void {
    this.#postedBytes -= bytes
    this.#cancelStall()
    while (this.#queue.length > 0 && this.#postedBytes < windowBytesMax) {
      const frame = this.#queue.shift()!
      this.#queuedBytes -= frame.length
      this.#postFrame(frame)
    }
    if (this.#queue.length > 0) this.#watch()
  }

  /** Looks again later: little that waits is no burden. */
  #watch(): void {
    this.#cancelStall = this.#clock.after(stalledMsMax, () => {
      if (this.#queuedBytes > stalledBytesMax) this.#giveUp()
      else this.#watch()
    })
  }

  #giveUp(): void {
    this.#trunk.detach(this)
    this.closed({ code: closeCodes.slow, reason: 'This tab took nothing' })
  }

  #finish(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#cancelStall()
    this.#queue = []
    this.#channel.onmessage = null
    this.#channel.close()
    this.#ended()
  }

  #postFrame(frame: Uint8Array): void {
    this.#postedBytes += frame.length
    this.#post(frame)
  }

  #post(message: ToMember): void {
    if (!this.#isOver) this.#channel.postMessage(message)
  }
}
