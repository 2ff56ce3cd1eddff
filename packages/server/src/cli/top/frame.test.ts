import { expect, test } from 'vitest'
import type { Overview } from '../../admin/overview.js'
import { newCounters } from '../../counters.js'
import { frameOf } from './frame.js'

const stats = {
  ...newCounters(),
  webhooksPending: 0,
  webhooksSetAside: 0,
  connections: 1_204,
  sessions: 1_310,
  rooms: 3,
  gatherMs: 0,
  tailBytes: 0,
}
const before: Overview = {
  time: 1_000_000,
  version: '0.1.0',
  uptimeMs: 7_500_000,
  ready: true,
  readOnly: false,
  stats: { ...stats, backlogBytes: 0, updates: 1_000, receivedBytes: 10_000, sentBytes: 1_000_000 },
  commitMs: { p50: 1.24, p99: 8.71 },
  ackMs: { p50: 2.5, p99: 31.4 },
  loopLagMs: 0.4,
  memoryBytes: 214_000_000,
  disk: { freeBytes: 74_200_000_000, totalBytes: 271_000_000_000 },
  settings: {},
  documents: [
    { name: 'plan', sessions: 2, bytes: 6_750, updates: 100, readOnlyUntil: null },
    { name: 'handbook', sessions: 1_200, bytes: 3_100_000, updates: 50, readOnlyUntil: 2_000_000 },
  ],
}
const now: Overview = {
  ...before,
  time: 1_002_000,
  uptimeMs: 7_502_000,
  stats: { ...before.stats, updates: 1_251, receivedBytes: 22_000, sentBytes: 5_000_000, backlogBytes: 2_048 },
  documents: [
    { ...before.documents[1]!, updates: 55 },
    { ...before.documents[0]!, updates: 346 },
    {
      name: 'drafts/\u001b[2J a name that is much too long for the terminal',
      sessions: 1,
      bytes: 40,
      updates: 0,
      readOnlyUntil: null,
    },
  ],
}

test('a frame tells rates, the busiest documents first, and obeys nothing that is in a name', () => {
  expect(frameOf(now, before, { columns: 72, rows: 40 })).toMatchInlineSnapshot(`
    "syncline 0.1.0  ready  up 2 h 5 min
    connections 1,204   sessions 1,310   documents in memory 3
    updates 126/s   in 6.00 KB/s   out 2.00 MB/s
    ack p50 2.5 ms p99 31 ms   commit p50 1.2 ms p99 8.7 ms   event loop lat
    memory 214 MB   disk 74.2 GB free   waiting for it 2.05 KB
    refused 0   slow readers 0   compactions 0

     sessions  updates/s       size   document
            2        123    6.75 KB   plan
        1,200        2.5    3.10 MB   handbook (read-only)
            1          0       40 B   drafts/\\u{1b}[2J a name that is much …"
  `)
})

test('a frame fits the terminal, however small that is', () => {
  for (const size of [
    { columns: 10, rows: 3 },
    { columns: 1, rows: 1 },
    { columns: 200, rows: 8 },
  ]) {
    const lines = frameOf(now, before, size).split('\n')
    expect(lines.length).toBeLessThanOrEqual(size.rows)
    for (const line of lines) expect([...line].length).toBeLessThanOrEqual(size.columns)
  }
})

test('without an earlier frame of the same process there are no rates', () => {
  for (const earlier of [null, { ...before, uptimeMs: 9_000_000 }]) {
    expect(frameOf(now, earlier, { columns: 72, rows: 3 })).toContain('updates –   in –   out –')
  }
})
