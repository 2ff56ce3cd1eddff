import type { Clock } from './types.js'

/** How long the other end has to answer. */
const answerMsMax = 5_000

/** A timer that comes later than this says that the page was frozen, not that the other end was silent. */
const lateMsMax = 1_000

/** An uplink this slow (256 kbit/s) is waited for: an answer can't come before what was sent has arrived. */
const uplinkBytesPerMs = 32

/** Whether anybody is at the other end of a socket: after some silence it is asked, and without an answer given up. */
export class Pulse {
  readonly #clock: Clock
  readonly #silenceMsMax: number
  readonly #ask: () => void
  readonly #silent: () => void
  #heardAt: number
  /** when all that was sent has arrived, were the uplink slow */
  #arrivedAt: number
  #cancelTimer: () => void = () => undefined

  /**
   * @param ask sends a ping
   * @param silent nobody has answered
   */
  constructor(clock: Clock, silenceMsMax: number, ask: () => void, silent: () => void) {
    this.#clock = clock
    this.#silenceMsMax = silenceMsMax
    this.#ask = ask
    this.#silent = silent
    this.#heardAt = clock.now()
    this.#arrivedAt = this.#heardAt
    this.#watch()
  }

  heard(): void {
    this.#heardAt = this.#clock.now()
  }

  sent(bytes: number): void {
    this.#arrivedAt = Math.max(this.#arrivedAt, this.#clock.now()) + bytes / uplinkBytesPerMs
  }

  /** Asks for a sign of life now, where none came within the last second: the network may be another one. */
  probe(): void {
    if (this.#clock.now() - this.#heardAt > 1_000) this.#await(true)
  }

  stop(): void {
    this.#cancelTimer()
  }

  /** Waits until there has been silence for too long. */
  #watch(): void {
    this.#cancelTimer()
    const waitMs = this.#heardAt + this.#silenceMsMax - this.#clock.now()
    this.#cancelTimer = this.#clock.after(Math.max(0, waitMs), () => {
      if (this.#clock.now() - this.#heardAt < this.#silenceMsMax) this.#watch()
      else this.#await(true)
    })
  }

  /**
   * Sends a ping and waits for anything at all. A page that was frozen meanwhile finds its timer due before it has
   * read what came in: it asks once more. Only once, since timers of hidden pages are always late.
   */
  #await(again: boolean): void {
    this.#cancelTimer()
    this.#ask()
    const askedAt = this.#clock.now()
    const dueAt = Math.max(askedAt, this.#arrivedAt) + answerMsMax
    this.#cancelTimer = this.#clock.after(dueAt - askedAt, () => {
      if (this.#heardAt >= askedAt) this.#watch()
      else if (again && this.#clock.now() > dueAt + lateMsMax) this.#await(false)
      else this.#silent()
    })
  }
}
