import type { CommitObserver } from '../rooms/storage.js'

const samplesMax = 1_000

/** What half of the samples do not exceed, and what 99 of 100 do not; in ms. */
export interface Percentiles {
  readonly p50: number
  readonly p99: number
}

/** The last 1,000 of some times in ms. */
class Samples {
  readonly #ms: number[] = []
  #next = 0

  add(ms: number): void {
    this.#ms[this.#next] = ms
    this.#next = (this.#next + 1) % samplesMax
  }

  /** Null where there is none yet. */
  percentiles(): Percentiles | null {
    if (this.#ms.length === 0) return null
    const sorted = [...this.#ms].sort((a, b) => a - b)
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!
    return { p50: at(0.5), p99: at(0.99) }
  }
}

/** How long the last commits and acknowledgements took; the application's observer is told, too, and may throw. */
export class Latencies implements CommitObserver {
  readonly #commits = new Samples()
  readonly #acks = new Samples()
  readonly #next: CommitObserver | null
  readonly #exception: (error: unknown) => void

  constructor(next: CommitObserver | null, exception: (error: unknown) => void) {
    this.#next = next
    this.#exception = exception
  }

  committed(ms: number, documents: number): void {
    this.#commits.add(ms)
    this.#tell((next) => next.committed(ms, documents))
  }

  acknowledged(ms: number): void {
    this.#acks.add(ms)
    this.#tell((next) => next.acknowledged?.(ms))
  }

  // who calls us takes what we throw for a fault of the log
  #tell(run: (next: CommitObserver) => void): void {
    try {
      if (this.#next !== null) run(this.#next)
    } catch (error) {
      this.#exception(error)
    }
  }

  get commits(): Percentiles | null {
    return this.#commits.percentiles()
  }

  get acks(): Percentiles | null {
    return this.#acks.percentiles()
  }
}
