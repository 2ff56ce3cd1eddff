/** Work that goes on for longer than others should wait for their turn. */
export interface Sliced {
  /** Goes on for some ms; true where there is more to do. It must not throw. */
  goOn(): boolean
}

// all of them together, before the event loop looks at those who are done quickly
const turnMs = 4

/** Those who have more to do than fits their slice: they take turns, and all others come between. */
export class Slices {
  /** in ms, of a clock that never goes back */
  readonly now: () => number
  readonly #waiting = new Set<Sliced>()
  #isScheduled = false

  constructor(now: () => number = () => performance.now()) {
    this.now = now
  }

  /** It is gone on with when it is its turn, until it says that it is done, or {@link remove}. */
  add(work: Sliced): void {
    this.#waiting.add(work)
    this.#schedule()
  }

  remove(work: Sliced): void {
    this.#waiting.delete(work)
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.size === 0) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#turn()
      this.#schedule()
    })
  }

  #turn(): void {
    const end = this.now() + turnMs
    for (const work of [...this.#waiting]) {
      this.#waiting.delete(work)
      if (work.goOn()) this.#waiting.add(work)
      if (this.now() >= end) return
    }
  }
}
