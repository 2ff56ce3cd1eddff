/** Time that stands still until it is moved. */
export class StillClock {
  time: number
  readonly #timers = new Set<{ readonly at: number; readonly call: () => void }>()

  /** @param time ms since 1970 */
  constructor(time = 1_000) {
    this.time = time
  }

  readonly now = (): number => this.time

  readonly after = (ms: number, call: () => void): (() => void) => {
    const timer = { at: this.time + ms, call }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  /** Calls back who waits for it until then, in order. */
  runUntil(end: number): void {
    for (;;) {
      const [due] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
      if (!due) break
      this.#timers.delete(due)
      this.time = Math.max(this.time, due.at)
      due.call()
    }
    this.time = end
  }

  pass(ms: number): void {
    this.runUntil(this.time + ms)
  }
}
