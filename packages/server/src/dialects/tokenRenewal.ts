import type { Clock } from '../clock.js'

// before the relay asks for the grant anew, which is at 0.9 of it, so that this is about the new token
const share = 0.8
const askMsMin = 1_000
const waitMsMax = 24 * 60 * 60_000

/** Asks for another token, once, while the grant that rests on the last one still holds for a fifth of its time. */
export class TokenRenewal {
  readonly #clock: Clock
  readonly #ask: () => void
  #cancel = () => {}

  constructor(clock: Clock, ask: () => void) {
    this.#clock = clock
    this.#ask = ask
  }

  /** @param expiresAt ms since 1970; null: it does not end */
  endsAt(expiresAt: number | null): void {
    this.cancel()
    if (expiresAt === null) return
    const waitMs = Math.max(askMsMin, share * (expiresAt - this.#clock.now()))
    // no timer is longer than 2^31 ms
    this.#cancel =
      waitMs > waitMsMax
        ? this.#clock.after(waitMsMax, () => this.endsAt(expiresAt))
        : this.#clock.after(Math.ceil(waitMs), this.#ask)
  }

  cancel(): void {
    this.#cancel()
  }
}
