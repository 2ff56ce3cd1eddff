import type { Random } from './random.js'
import type { Time } from './time.js'

/** What one end of a link does with what arrives. */
export interface End {
  received(frame: Uint8Array): void
  /** the socket is closed or broken; nothing arrives any more */
  lost(): void
}

/**
 * A WebSocket between a client and the relay: frames arrive in order, late; it can be cut, which each end notices at
 * its own time, and it can be half-open: frames vanish until a timeout notices.
 */
export class Link {
  readonly #time: Time
  readonly #random: Random
  readonly #slowest: number
  readonly #ends: { client: End | null; relay: End | null }
  /** when the last frame in each direction arrives: the next one does not overtake it */
  readonly #arrival = { client: 0, relay: 0 }
  readonly #deaf = { client: false, relay: false }

  constructor(time: Time, random: Random, client: End, relay: End) {
    this.#time = time
    this.#random = random
    this.#slowest = random.pick([2, 20, 200])
    this.#ends = { client, relay }
  }

  get open(): boolean {
    return this.#ends.client !== null && this.#ends.relay !== null
  }

  sendTo(side: 'client' | 'relay', frame: Uint8Array): void {
    if (this.#deaf[side]) return
    const at = Math.max(this.#arrival[side], this.#time.now + this.#random.between(0.1, this.#slowest))
    this.#arrival[side] = at
    this.#time.after(at - this.#time.now, () => {
      if (!this.#deaf[side]) this.#ends[side]?.received(frame)
    })
  }

  /** The connection breaks: frames on their way are lost, each end learns of it within `ms`. */
  cut(ms: number): void {
    this.#deaf.client = true
    this.#deaf.relay = true
    this.#time.after(this.#random.between(0, ms), () => this.closed('client'))
    this.#time.after(this.#random.between(0, ms), () => this.closed('relay'))
  }

  /** One direction goes silent; both ends find out by their timeouts. */
  halfOpen(side: 'client' | 'relay', timeoutMs: number): void {
    this.#deaf[side] = true
    this.#time.after(this.#random.between(timeoutMs / 2, timeoutMs), () => this.cut(timeoutMs / 2))
  }

  /** One end's process is gone, or closes the socket: it hears nothing more. */
  detach(side: 'client' | 'relay'): void {
    this.#ends[side] = null
    this.cut(50)
  }

  closed(side: 'client' | 'relay'): void {
    const end = this.#ends[side]
    this.#ends[side] = null
    end?.lost()
  }
}
