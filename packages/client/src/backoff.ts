import type { Clock } from './types.js'

const retryMsMin = 100

/** The other side can send its clients away for no longer than this. */
const askedMsMax = 60_000

/** What worked for this long worked well: ending sooner counts as a failure. */
const stableMsMin = 5_000

/** When to try again: doubling, with full jitter, so that the clients of a relay that restarts don't come as one. */
export class Backoff {
  readonly #clock: Clock
  readonly #random: () => number
  readonly #retryMsMax: number
  #failures = 0
  #goodSince: number | null = null
  #cancel: () => void = () => undefined

  constructor(clock: Clock, random: () => number, retryMsMax: number) {
    this.#clock = clock
    this.#random = random
    this.#retryMsMax = retryMsMax
  }

  /** Attempts that failed in a row; one that did well and then ended is none. */
  get failures(): number {
    return this.#failures
  }

  /** The attempt did what it should. */
  succeeded(): void {
    this.#goodSince ??= this.#clock.now()
  }

  /**
   * The attempt has ended: calls back when it is time for another.
   *
   * @param afterMs not before so many milliseconds, where the other side has said so
   */
  retry(call: () => void, afterMs?: number): void {
    if (afterMs !== undefined) return this.retryAfter(Math.min(afterMs, askedMsMax), call)
    const wasGood = this.#goodSince !== null && this.#clock.now() - this.#goodSince >= stableMsMin
    this.#goodSince = null
    this.#failures = wasGood ? 0 : this.#failures + 1
    this.#wait(this.#random() * Math.min(this.#retryMsMax, retryMsMin * 2 ** this.#failures), call)
  }

  /** Calls back after at least `ms` and less than twice that: the other side asked for it. */
  retryAfter(ms: number, call: () => void): void {
    this.reset()
    this.#wait(Math.max(ms, retryMsMin) * (1 + this.#random()), call)
  }

  /** Does not call back. */
  cancel(): void {
    this.#cancel()
  }

  /** Does not call back, and forgets what failed. */
  reset(): void {
    this.cancel()
    this.#failures = 0
    this.#goodSince = null
  }

  #wait(ms: number, call: () => void): void {
    this.cancel()
    this.#cancel = this.#clock.after(ms, call)
  }
}
