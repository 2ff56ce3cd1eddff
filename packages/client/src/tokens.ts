import { SynclineError } from '@syncline/protocol'
import type { Backoff } from './backoff.js'
import { report } from './listeners.js'
import type { Clock, TokenSource } from './types.js'

/** How long the application has for its answer. */
const askMsMax = 30_000

/** A token is renewed when so much of its time is over: spread, so that clients don't ask in step. */
const renewalShare = 0.7
const renewalSpread = 0.15

/** Timers of browsers go no further than 24 days; a token that lasts longer is renewed before. */
const renewalMsMax = 24 * 60 * 60_000

/** Where the tokens of a connection come from, and when another one is needed. */
export class Tokens {
  readonly #source: TokenSource | null
  readonly #clock: Clock
  readonly #random: () => number
  readonly #backoff: Backoff
  #asking: Promise<string> | null = null
  #cancelTimer: () => void = () => undefined
  /** another one is on the way, or will be asked for when the backoff calls */
  #isRenewing = false
  /** renewals that are for an earlier link are void */
  #link = 0

  constructor(source: TokenSource | null, clock: Clock, random: () => number, backoff: Backoff) {
    this.#source = source
    this.#clock = clock
    this.#random = random
    this.#backoff = backoff
  }

  /** Whether there can be another one. */
  get areAsked(): boolean {
    return typeof this.#source === 'function'
  }

  /** The only one there is, or null. */
  get constant(): string | null {
    return typeof this.#source === 'string' ? this.#source : null
  }

  /** Asks the application; whoever asks meanwhile gets the same answer. */
  ask(): Promise<string> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null
    })
    return this.#asking
  }

  /** The relay has told when its sessions end: calls back with another token before that. */
  renewBefore(expiresMs: number, renewed: (token: string) => void): void {
    if (!this.areAsked) return
    this.#cancelTimer()
    const share = renewalShare + renewalSpread * this.#random()
    const waitMs = Math.min(expiresMs * share, renewalMsMax)
    this.#cancelTimer = this.#clock.after(waitMs, () => {
      if (!this.#isRenewing) this.#renew(renewed)
    })
  }

  /** Calls back with another token, soon: the relay does not take this one. */
  renew(renewed: (token: string) => void): void {
    if (this.#isRenewing || !this.areAsked) return
    this.#isRenewing = true
    this.#backoff.retry(() => this.#renew(renewed))
  }

  #renew(renewed: (token: string) => void): void {
    const link = this.#link
    this.#isRenewing = true
    this.ask().then(
      (token) => {
        if (link !== this.#link) return
        this.#isRenewing = false
        this.#backoff.succeeded()
        renewed(token)
      },
      (error: unknown) => {
        if (link !== this.#link) return
        if (this.#backoff.failures === 0) report(error)
        this.#backoff.retry(() => this.#renew(renewed))
      },
    )
  }

  /** The link is gone: the next one begins with a token of its own. */
  cancel(): void {
    this.#link++
    this.#isRenewing = false
    this.#cancelTimer()
    this.#backoff.cancel()
  }

  #ask(): Promise<string> {
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(askMsMax, () =>
        reject(new SynclineError('unauthorized', 'No token came in time')),
      )
      const ask = async () => (typeof this.#source === 'function' ? this.#source() : (this.#source ?? ''))
      void ask().then(resolve, reject).finally(cancel)
    })
  }
}
