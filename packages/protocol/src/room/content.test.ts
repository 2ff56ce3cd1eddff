import { expect, test } from 'vitest'
import * as Y from 'yjs'
import type { LogRecord } from '../log/port.js'
import { Content } from './content.js'

/** So many records of one key each, and how large such an update is. */
function typed(count: number): { records: LogRecord[]; bytes: number } {
  const doc = new Y.Doc()
  doc.clientID = 1
  const updates: Uint8Array[] = []
  doc.on('update', (update) => updates.push(update))
  for (let i = 0; i < count; i++) doc.getText().insert(i, 'x')
  const records = updates.map((update, index) => ({
    position: index + 1,
    chain: index + 1,
    time: 0,
    runs: [{ author: '', update }],
  }))
  return { records, bytes: updates.at(-1)!.length }
}

/** The oldest position from which a client may go on, after all of that was appended and somebody has joined. */
function oldestOf(records: readonly LogRecord[], limits: { tailRecordsMax: number; tailBytesMax: number }): number {
  const content = new Content(null, limits)
  for (const record of records) content.append(record, record.runs[0]!.update)
  content.snapshot()
  return [0, ...records.map(({ position }) => position)].find((position) =>
    content.confirms({ position, chain: position }),
  )!
}

test('a tail has no more than tailRecordsMax records', () => {
  const { records } = typed(10)
  const oldest = (tailRecordsMax: number) => oldestOf(records, { tailRecordsMax, tailBytesMax: 1e6 })
  expect([10, 9, 1, 0].map(oldest)).toEqual([0, 1, 9, 10])
})

test('nor more than tailBytesMax', () => {
  const { records, bytes } = typed(20)
  const last = records.slice(10)
  const oldest = (tailBytesMax: number) => oldestOf(records, { tailRecordsMax: 100, tailBytesMax })
  expect(last.every(({ runs }) => runs[0]!.update.length === bytes)).toBe(true)
  expect([4 * bytes, 4 * bytes - 1, bytes, bytes - 1, 0].map(oldest)).toEqual([16, 17, 19, 20, 20])
})
