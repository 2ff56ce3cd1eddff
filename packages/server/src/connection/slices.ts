/** Work that goes on for longer than others should wait for their turn. */
export interface Sliced {
  /** Goes on for so many ms; true where there is more to do. It must not throw. */
  goOn(ms: number): boolean
}

// all of them together, before the event loop looks at those who are done quickly
const turnMs = 4
/** Of one that has more to do than one who types: a frame of keystrokes takes a hundredth of it. In ms. */
export const sliceMs = 2
// of one that had nothing to do before: a hundred keystrokes
const firstSliceMs = 0.25
// as much work as fills a turn, within so long, is a crowd
const crowdWindowMs = 10

/**
 * Those who have more to do than fits their slice: they take turns, and all others come between. Where many have a little
 * to do at once they stand in line as well, and whoever had nothing to do comes first.
 */
export class Slices {
  /** in ms, of a clock that never goes back */
  readonly now: () => number
  readonly #fresh = new Set<Sliced>()
  readonly #waiting = new Set<Sliced>()
  #isScheduled = false
  #spentMs = 0
  #window = { beganAt: Number.NEGATIVE_INFINITY, spentMs: 0 }

  constructor(now: () => number = () => performance.now()) {
    this.now = now
  }

  /** ms that all of them have used since the beginning */
  get spentMs(): number {
    return this.#spentMs
  }

  /** Somebody has used so much, until `now`. */
  spend(ms: number, now: number): void {
    if (now - this.#window.beganAt >= crowdWindowMs) this.#window = { beganAt: now, spentMs: this.#spentMs }
    this.#spentMs += ms
  }

  /** True where so much was done just now that others have waited long enough. */
  isCrowded(now: number): boolean {
    const { beganAt, spentMs } = this.#window
    return now - beganAt < crowdWindowMs && this.#spentMs - spentMs >= turnMs
  }

  /**
   * It is gone on with when it is its turn, until it says that it is done, or {@link remove}.
   *
   * @param isFresh it has not begun
   */
  add(work: Sliced, isFresh = false): void {
    if (isFresh) this.#fresh.add(work)
    else this.#waiting.add(work)
    this.#schedule()
  }

  remove(work: Sliced): void {
    this.#fresh.delete(work)
    this.#waiting.delete(work)
  }

  #schedule(): void {
    if (this.#isScheduled || this.#fresh.size + this.#waiting.size === 0) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      const end = this.now() + turnMs
      this.#turn(this.#fresh, firstSliceMs, end)
      this.#turn(this.#waiting, sliceMs, end) // of these at least one
      this.#schedule()
    })
  }

  #turn(line: Set<Sliced>, ms: number, end: number): void {
    for (const work of [...line]) {
      line.delete(work)
      if (work.goOn(ms)) this.#waiting.add(work)
      if (this.now() >= end) return
    }
  }
}
