import { fanOutMs, type Limits } from '@syncline/protocol'

// looked at so often, and smoothed over so long
const lookMs = 100
const smoothMs = 500

/** What the updates that come in would cost the process, were each of them sent on its own to everyone in its room. */
export class FanOut {
  readonly #share: number
  #since: number
  #askedMs = 0
  #used = 0

  constructor(now: number, { fanOutPercent }: Pick<Limits, 'fanOutPercent'>) {
    this.#share = fanOutPercent / 100
    this.#since = now
  }

  /** That many times the share of a core that there is for it. */
  get demand(): number {
    return this.#used / this.#share
  }

  /** So many deliveries are wanted. */
  ask(now: number, deliveries: number): void {
    this.#askedMs += fanOutMs(deliveries)
    const elapsedMs = now - this.#since
    if (elapsedMs >= 0 && elapsedMs < lookMs) return
    this.#since = now
    // a clock that was set back says nothing
    if (elapsedMs > 0) this.#used += (this.#askedMs / elapsedMs - this.#used) * Math.min(1, elapsedMs / smoothMs)
    this.#askedMs = 0
  }
}
