/** Time, as a relay needs it; tests give their own. */
export interface Clock {
  /** ms since 1970: what records are stamped with */
  now(): number
  /** calls back once after `ms`; the result cancels it */
  after(ms: number, call: () => void): () => void
}

/** The platform's time. Its timers alone keep no process alive. */
export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  after(ms: number, call: () => void) {
    const timer = setTimeout(call, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
})
