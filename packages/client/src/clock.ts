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
    soon,
  }
}

// Node has it, and is not kept from its end by it, as it would be by a port
declare const setImmediate: ((call: () => void) => void) | undefined

/** one for all connections: nobody would close theirs */
let port: MessagePort | undefined
const tasks: (() => void)[] = []

function soon(call: () => void): void {
  if (typeof setImmediate === 'function') return setImmediate(call)
  tasks.push(call)
  port ??= newPort()
  port.postMessage(0)
}

function newPort(): MessagePort {
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = () => tasks.shift()!()
  return port2
}
