import { expect, test } from 'vitest'
import { AwarenessOutbox } from './awarenessOutbox.js'

const limits = { awarenessGatherMs: 10, awarenessGatherMsMax: 30, fanOutPercent: 6 } // a delivery pays for 0.1 ms
const change = new Map([[1, { clock: 1, state: '{}' }]])

/** When the change after the first may go out, in ms after that. */
function gatherMs(sessions: number, of = limits): number {
  const outbox = new AwarenessOutbox(of)
  outbox.add(1, change)
  expect(outbox.flush(0, sessions)).not.toBe(null)
  outbox.add(1, change)
  const due = outbox.dueAt(0) ?? 0
  if (due > 0) expect(outbox.flush(due - 1, sessions)).toBe(null)
  expect(outbox.flush(due, sessions)).not.toBe(null)
  return due
}

test('changes gather for awarenessGatherMs, longer where fanOutPercent pays for less, for awarenessGatherMsMax at most', () => {
  expect([1, 100, 120, 300, 310, 10_000].map((sessions) => gatherMs(sessions))).toEqual([10, 10, 12, 30, 30, 30])
})

test('the share of a core that there is for it says from how many on', () => {
  expect(gatherMs(100, { ...limits, fanOutPercent: 3 })).toBe(20)
  expect(gatherMs(200, { ...limits, fanOutPercent: 12 })).toBe(10)
})

test('the usual time holds also where the longest is shorter, and none means none', () => {
  expect(gatherMs(1_000, { ...limits, awarenessGatherMsMax: 0 })).toBe(10)
  expect(gatherMs(1, { ...limits, awarenessGatherMs: 0, awarenessGatherMsMax: 0 })).toBe(0)
})
