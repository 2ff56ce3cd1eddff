import { expect, test } from 'vitest'
import { conditionOf, EventLoopWatch } from './health.js'

test('a process that is late for seconds is not ready, and says why; the relay’s own reason comes first', () => {
  const delays = { mean: Number.NaN, reset: () => {} }
  const watch = new EventLoopWatch(delays)
  const conditionAfter = (meanMs: number, condition: 'ready' | 'draining' = 'ready') => {
    delays.mean = meanMs * 1e6
    watch.look()
    return conditionOf({ condition }, watch)
  }
  expect(conditionAfter(Number.NaN)).toBe('ready')
  expect(conditionAfter(220)).toBe('ready')
  expect(conditionAfter(221)).toBe('event_loop_late')
  expect(conditionAfter(500, 'draining')).toBe('draining')
  expect(conditionAfter(21)).toBe('ready')
  watch.close()
})
