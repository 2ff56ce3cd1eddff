import type { RelayLimits } from './limits.js'

/** What is rationed. */
export type Measure = 'connections' | 'refusals' | 'opens' | 'messages' | 'bytes' | 'exchangeBytes' | 'signals'

/** What is there at once, and what is added to it in a second. */
export interface Rate {
  readonly burst: number
  readonly perSecond: number
}

/** The rates of an account; what is not in it is free. */
export type Rates = { readonly [measure in Measure]?: Rate }

/**
 * Nobody waits longer than this for what was taken already. It also bounds what a clock that is set back does: what was
 * taken looks as if it had been taken in the future.
 */
export const waitMsMax = 10_000

/**
 * Token buckets of one address, subject or session. Each is one number: the time at which it is full again. It says all,
 * and what is full again need not be remembered.
 */
export class Account {
  readonly #rates: Rates
  readonly #fullAt: { [measure in Measure]?: number } = {}
  /** who has it: connections or sessions */
  holders = 0

  constructor(rates: Rates) {
    this.#rates = rates
  }

  /** Takes what was used already, whether it is there or not; the result is how long to take nothing more, in ms. */
  take(measure: Measure, amount: number, now: number): number {
    const rate = this.#rates[measure]
    if (rate === undefined) return 0
    const burstMs = msOf(rate.burst, rate)
    const fullAt = Math.min(this.#from(measure, now) + msOf(amount, rate), now + burstMs + waitMsMax)
    this.#fullAt[measure] = fullAt
    return Math.max(0, fullAt - burstMs - now)
  }

  /** How long until so much of it is there, in ms. What is more than the burst counts as all of it. */
  waitMs(measure: Measure, amount: number, now: number): number {
    const rate = this.#rates[measure]
    if (rate === undefined) return 0
    return Math.max(0, this.#from(measure, now) + msOf(Math.min(amount, rate.burst) - rate.burst, rate) - now)
  }

  /** True where all buckets are full: as if there had been none. */
  isFull(now: number): boolean {
    for (const fullAt of Object.values(this.#fullAt)) if (fullAt > now) return false
    return true
  }

  #from(measure: Measure, now: number): number {
    return Math.max(this.#fullAt[measure] ?? now, now)
  }
}

function msOf(amount: number, { perSecond }: Rate): number {
  return (amount * 1_000) / perSecond
}

/** Accounts by name. Those that nobody has are forgotten once their buckets are full, and where there are too many. */
export class Accounts {
  readonly #rates: Rates
  readonly #countMax: number
  readonly #accounts = new Map<string, Account>()

  constructor(rates: Rates, countMax: number) {
    this.#rates = rates
    this.#countMax = countMax
  }

  get size(): number {
    return this.#accounts.size
  }

  /** The account of a name; whoever keeps it counts as a holder. */
  of(name: string, now: number): Account {
    const known = this.#accounts.get(name)
    if (known) return known
    this.#tidy(now)
    const account = new Account(this.#rates)
    this.#accounts.set(name, account)
    return account
  }

  /** A few at a time, in turn: each newcomer looks at those that were not looked at for the longest time. */
  #tidy(now: number): void {
    const hasTooMany = this.#accounts.size >= this.#countMax
    let looked = 0
    for (const [name, account] of this.#accounts) {
      if (looked++ === 2) return
      this.#accounts.delete(name)
      const isNeeded = account.holders > 0 || (!account.isFull(now) && !hasTooMany)
      if (isNeeded) this.#accounts.set(name, account)
    }
  }
}

/** The rates of an address. */
export function addressRates(limits: RelayLimits): Rates {
  return {
    connections: { burst: limits.addressConnectionsBurst, perSecond: limits.addressConnectionsPerSecond },
    refusals: { burst: limits.addressRefusalsBurst, perSecond: limits.addressRefusalsPerSecond },
    opens: { burst: limits.addressOpensBurst, perSecond: limits.addressOpensPerSecond },
    messages: { burst: limits.addressMessagesBurst, perSecond: limits.addressMessagesPerSecond },
    bytes: { burst: limits.addressBytesBurst, perSecond: limits.addressBytesPerSecond },
    exchangeBytes: { burst: limits.addressExchangeBytesBurst, perSecond: limits.addressExchangeBytesPerSecond },
  }
}

/** The rates of a subject. */
export function subjectRates(limits: RelayLimits): Rates {
  return {
    opens: { burst: limits.subjectOpensBurst, perSecond: limits.subjectOpensPerSecond },
    messages: { burst: limits.subjectMessagesBurst, perSecond: limits.subjectMessagesPerSecond },
    bytes: { burst: limits.subjectBytesBurst, perSecond: limits.subjectBytesPerSecond },
    exchangeBytes: { burst: limits.subjectExchangeBytesBurst, perSecond: limits.subjectExchangeBytesPerSecond },
  }
}

/** The rates of a session. */
export function sessionRates(limits: RelayLimits): Rates {
  return {
    exchangeBytes: { burst: limits.sessionExchangeBytesBurst, perSecond: limits.sessionExchangeBytesPerSecond },
    signals: { burst: limits.sessionSignalsBurst, perSecond: limits.sessionSignalsPerSecond },
  }
}
