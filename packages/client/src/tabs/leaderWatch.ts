import type { Clock } from '../types.js'

/** What is to be done about the leader. */
export interface LeaderWatchEvents {
  ask(): void
  /** it does not answer */
  silent(): void
  /** this tab itself has done nothing for a long time */
  slept(): void
}

/** A leader that says nothing for so long is asked. Hidden tabs, which nobody waits for, have time. */
const quietMsMax = 300
const quietHiddenMsMax = 5_000

/** How long it has to answer; longer where this tab has deposed one lately, which may have been busy, not frozen. */
const answerMsMax = 400
const answerAgainMsMax = 4_000
const latelyMs = 30_000

/** Tabs that ask at the same time don't depose it at the same time. */
const spreadMs = 100

/** A timer that comes later than this says that this tab was frozen, or busy itself. */
const lateMsMax = 250

/** After so long without a timer a tab may have missed what others said. */
const sleptMsMin = 3_000

/** Whether the leader is alive, seen from a tab that follows it: a frozen one keeps its lock. */
export class LeaderWatch {
  readonly #clock: Clock
  readonly #random: () => number
  readonly #hidden: () => boolean
  readonly #events: LeaderWatchEvents
  #cancel: (() => void) | null = null
  #heardAt = 0
  #isAnswered = false
  #stoleAt = Number.NEGATIVE_INFINITY
  /** when the timer that runs is due */
  #dueAt = Number.POSITIVE_INFINITY

  constructor(clock: Clock, random: () => number, hidden: () => boolean, events: LeaderWatchEvents) {
    this.#clock = clock
    this.#random = random
    this.#hidden = hidden
    this.#events = events
  }

  start(): void {
    if (this.#cancel !== null) return
    this.#heardAt = this.#clock.now()
    this.#wait()
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = null
    this.#dueAt = Number.POSITIVE_INFINITY
  }

  heard(): void {
    this.#heardAt = this.#clock.now()
    this.#isAnswered = true
  }

  /** The page is seen again. */
  woken(): void {
    if (this.#clock.now() < this.#dueAt + sleptMsMin) return
    this.#events.slept()
    this.#ask(true)
  }

  #wait(): void {
    const quietMs = this.#hidden() ? quietHiddenMsMax : quietMsMax
    this.#after(Math.max(0, this.#heardAt + quietMs - this.#clock.now()), () => {
      if (this.#clock.now() - this.#heardAt < quietMs) this.#wait()
      else this.#ask(true)
    })
  }

  #ask(again: boolean): void {
    this.#isAnswered = false
    this.#events.ask()
    const lately = this.#clock.now() - this.#stoleAt < latelyMs
    const answerMs = (lately ? answerAgainMsMax : answerMsMax) + this.#random() * spreadMs
    this.#after(answerMs, (lateMs) => {
      if (this.#isAnswered) return this.#wait()
      // the answer may be on its way into this tab, after this timer
      if (again && lateMs > lateMsMax) return this.#ask(false)
      this.#stoleAt = this.#clock.now()
      this.#heardAt = this.#stoleAt
      this.#wait()
      this.#events.silent()
    })
  }

  #after(ms: number, call: (lateMs: number) => void): void {
    this.#cancel?.()
    const dueAt = this.#clock.now() + ms
    this.#dueAt = dueAt
    this.#cancel = this.#clock.after(ms, () => {
      const lateMs = this.#clock.now() - dueAt
      // timers of hidden pages are always late
      if (lateMs > sleptMsMin && !this.#hidden()) this.#events.slept()
      call(lateMs)
    })
  }
}
