import { monitorEventLoopDelay } from 'node:perf_hooks'

/**
 * Whether documents can be opened and changed, and if not why: the relay is stopping, its log has failed, its disk is
 * nearly full, or the process is too busy to answer in time.
 */
export type Condition = 'ready' | 'draining' | 'storage_failed' | 'read_only' | 'event_loop_late'

/** What tells how late the event loop is. */
export interface Delays {
  /** nanoseconds; NaN where nothing was measured */
  readonly mean: number
  reset(): void
}

const windowMs = 5_000
const resolutionMs = 20
// whoever types sees 200 ms; a relay that is late for seconds on end has more than it can do
const lateMs = 200

/** Watches how late the event loop of this process is. */
export class EventLoopWatch {
  readonly #delays: Delays
  readonly #timer: NodeJS.Timeout
  #isLate = false

  /** @param delays default: those of this process */
  constructor(delays: Delays = measured()) {
    this.#delays = delays
    this.#timer = setInterval(() => this.look(), windowMs).unref()
  }

  /** True where timers came 200 ms late on average over the last 5 s. */
  get isLate(): boolean {
    return this.#isLate
  }

  /** Judges by what was measured since the last look. */
  look(): void {
    this.#isLate = this.#delays.mean / 1e6 - resolutionMs > lateMs
    this.#delays.reset()
  }

  close(): void {
    clearInterval(this.#timer)
  }
}

/** The condition of a relay in a process that somebody watches. */
export function conditionOf(
  relay: { readonly condition: Exclude<Condition, 'event_loop_late'> },
  watch: Pick<EventLoopWatch, 'isLate'>,
): Condition {
  return relay.condition === 'ready' && watch.isLate ? 'event_loop_late' : relay.condition
}

function measured(): Delays {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs })
  histogram.enable()
  return histogram
}
