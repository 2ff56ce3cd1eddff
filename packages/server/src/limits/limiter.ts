import { type ErrorCode, SynclineError } from '@syncline/protocol'
import type { Clock } from '../clock.js'
import { Account, Accounts, addressRates, type Measure, sessionRates, subjectRates, waitMsMax } from './account.js'
import { addressGroup } from './address.js'
import type { RelayLimits } from './limits.js'

const accountsMax = 100_000 // some 200 bytes each
const retryMsMin = 1_000
const sessionsRetryMs = 30_000

/** Something that is possible again after a while. */
export class Overload extends SynclineError {
  readonly retryMs: number

  constructor(code: ErrorCode, retryMs: number, fact?: string) {
    super(code, fact)
    this.retryMs = Math.max(retryMsMin, Math.ceil(retryMs))
  }
}

/** A document has as many sessions as it may have. */
export function tooManySessions(max: number): Overload {
  return new Overload('too_many_sessions', sessionsRetryMs, `It has ${max}`)
}

// where nobody can be told from anybody, nobody is rationed
const free = new Account({})

/** Who takes how much of a relay. */
export class Limiter {
  readonly #limits: RelayLimits
  readonly #clock: Clock
  readonly #addresses: Accounts
  readonly #subjects: Accounts

  constructor(limits: RelayLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
    this.#addresses = new Accounts(addressRates(limits), accountsMax)
    this.#subjects = new Accounts(subjectRates(limits), accountsMax)
  }

  /**
   * The account of an address that connects; empty where that is not known. Whoever keeps it counts as a holder.
   *
   * @throws Overload
   */
  connect(address: string): Account {
    const account = this.address(address)
    if (account === free) return free
    const max = this.#limits.addressConnectionsMax
    if (account.holders >= max) {
      throw new Overload('too_many_connections', sessionsRetryMs, `This address has ${max}`)
    }
    this.reserve('connections', 1, [account], 0)
    return account
  }

  /** The account of an address; empty where that is not known. */
  address(address: string): Account {
    return address === '' ? free : this.#addresses.of(addressGroup(address), this.#clock.now())
  }

  /** The account of a subject; empty where nobody asked who it is. */
  subject(subject: string): Account {
    return subject === '' ? free : this.#subjects.of(subject, this.#clock.now())
  }

  /** The account of a session. */
  session(): Account {
    return new Account(sessionRates(this.#limits))
  }

  /** Takes what was used already; the result is how long to take nothing more, in ms. */
  take(measure: Measure, amount: number, accounts: readonly Account[]): number {
    const now = this.#clock.now()
    let ms = 0
    for (const account of accounts) ms = Math.max(ms, account.take(measure, amount, now))
    return ms
  }

  /**
   * Takes what is about to be used; the result is how long to wait before that, in ms.
   *
   * @throws Overload where that would be longer than `longestMs`: nothing was taken
   */
  reserve(measure: Measure, amount: number, accounts: readonly Account[], longestMs = waitMsMax): number {
    const now = this.#clock.now()
    let ms = 0
    for (const account of accounts) ms = Math.max(ms, account.waitMs(measure, amount, now))
    if (ms > longestMs) throw new Overload('rate_limited', ms)
    for (const account of accounts) account.take(measure, amount, now)
    return ms
  }
}
