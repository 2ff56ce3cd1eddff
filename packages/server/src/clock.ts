/** Time, as a relay needs it; tests give their own. */
export interface Clock {
  /** ms since 1970: what records are stamped with */
  now(): number
  /** calls back once after `ms`; the result cancels it */
  after(ms: number, call: () => void): () => void
}

/** Cancels what is not there: one for all, since there are many rooms and connections. */
export const nothing = () => {}

/** The platform's time. Its timers alone keep no process alive. */
export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  after(ms: number, call: () => void) {
    let timer: NodeJS.Timeout | null = setTimeout(call, ms)
    timer.unref()
    return () => {
      if (timer !== null) clearTimeout(timer)
      timer = null // this function is kept for longer than what it cancelled
    }
  },
})
