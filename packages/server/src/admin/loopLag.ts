import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import type { Clock } from '../clock.js'

const resolutionMs = 10
// nobody looks any more
const idleMs = 10_000

/** How late the event loop is, measured while somebody asks for it. */
export class LoopLag {
  readonly #clock: Clock
  #histogram: IntervalHistogram | null = null
  #cancel = () => {}

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The 99th percentile since it was asked for last, in ms; null where nobody has for 10 s. */
  takeMs(): number | null {
    this.#cancel()
    this.#cancel = this.#clock.after(idleMs, () => this.close())
    const p99 = this.#histogram?.percentile(99) ?? null
    if (this.#histogram === null) {
      this.#histogram = monitorEventLoopDelay({ resolution: resolutionMs })
      this.#histogram.enable()
    } else this.#histogram.reset()
    return p99 === null ? null : Math.max(0, p99 / 1e6 - resolutionMs)
  }

  close(): void {
    this.#cancel()
    this.#histogram?.disable()
    this.#histogram = null
  }
}
