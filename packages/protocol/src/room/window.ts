/**
 * When a room may broadcast again. Closed for some ms after a broadcast, so that the next one takes what gathered
 * meanwhile.
 */
export class Window {
  readonly #msMax: number
  #openAt = Number.NEGATIVE_INFINITY

  /** @param msMax how long it is closed at most */
  constructor(msMax: number) {
    this.#msMax = msMax
  }

  /** When it opens; null where it is open. */
  closedUntil(now: number): number | null {
    const ms = this.#openAt - now
    // a clock that was set back must not keep a room closed
    return ms > 0 && ms <= this.#msMax ? this.#openAt : null
  }

  /** There was a broadcast. Time is counted in whole ms: less than one is none. */
  close(now: number, ms: number): void {
    this.#openAt = now + Math.floor(Math.min(ms, this.#msMax))
  }
}

// what a delivery costs on one core of these years, most of it in the kernel
const deliveryMs = 0.006

/** What so many deliveries cost, in ms of a core. */
export function fanOutMs(deliveries: number): number {
  return deliveries * deliveryMs
}
