import type { Clock } from './types.js'

// below it, a difference between the two clocks is jitter or a correction of the wall clock
const sleepMsMin = 1_000

/**
 * The platform's timers. `performance.now()` stands still while some platforms sleep, the wall clock does not: where
 * it runs ahead the difference counts as time that passed.
 */
export function systemClock(): Clock {
  let steady = performance.now()
  let wall = Date.now()
  let sleptMs = 0
  return {
    now() {
      const aheadMs = Date.now() - wall - (performance.now() - steady)
      if (aheadMs > sleepMsMin) sleptMs += aheadMs
      steady = performance.now()
      wall = Date.now()
      return steady + sleptMs
    },
    after(ms, call) {
      const timer = setTimeout(call, ms)
      return () => clearTimeout(timer)
    },
  }
}
