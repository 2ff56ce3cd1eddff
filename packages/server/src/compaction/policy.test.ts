import type { LogRecord } from '@syncline/protocol'
import { describe, expect, test } from 'vitest'
import { nameMatcher } from '../names.js'
import { heavier, isDue, keepAfter, type Weight, weightOf } from './policy.js'

const KiB = 1024
const MiB = 1024 * KiB
const dayMs = 24 * 60 * 60 * 1_000
const now = 1_767_225_600_000

function recordsOf(count: number, bytes: number, time = now): LogRecord[] {
  const runs = [{ author: '', update: new Uint8Array(bytes) }]
  return Array.from({ length: count }, (_, i) => ({ position: i + 1, chain: 0, time, runs }))
}

const weighing = (weight: Partial<Weight>): Weight => ({
  basePosition: 0,
  baseBytes: 0,
  records: 0,
  bytes: 0,
  ...weight,
})

describe('what a document weighs', () => {
  const stored = { epoch: '', start: { position: 0, chain: 0 }, records: recordsOf(10, 5) }

  test('is its base and the records after it', () => {
    expect(weightOf({ ...stored, base: null, basePosition: 0 })).toEqual(weighing({ records: 10, bytes: 50 }))
    const compacted = { ...stored, base: new Uint8Array(30), basePosition: 8 }
    expect(weightOf(compacted)).toEqual({ basePosition: 8, baseBytes: 30, records: 2, bytes: 10 })
  })

  test('grows with each record', () => {
    const [record] = recordsOf(1, 7)
    expect(heavier(weighing({ baseBytes: 30, records: 2, bytes: 10 }), record!)).toEqual(
      weighing({ baseBytes: 30, records: 3, bytes: 17 }),
    )
  })
})

describe('compaction is due', () => {
  test.each<[string, Partial<Weight>, boolean, boolean]>([
    ['never for a document that has all in its base', { baseBytes: 9 * MiB }, false, false],
    ['not for a few words', { records: 20, bytes: 2 * KiB }, false, false],
    ['after a session of typing, once all have left', { records: 100, bytes: 3 * KiB }, false, true],
    ['after a paste, once all have left', { records: 1, bytes: 5 * KiB }, false, true],
    ['for many records', { records: 4_000, bytes: 100 * KiB }, true, true],
    ['for a large picture', { records: 1, bytes: 300 * KiB }, true, true],
    ['not for little beside much', { baseBytes: 10 * MiB, records: 200, bytes: 100 * KiB }, false, false],
    ['for a part of much, once all have left', { baseBytes: 10 * MiB, records: 200, bytes: 1 * MiB }, false, true],
    ['for as much again', { baseBytes: 10 * MiB, records: 200, bytes: 5 * MiB }, true, true],
    ['later for many records beside much', { baseBytes: 10 * MiB, records: 9_000, bytes: 500 * KiB }, false, true],
  ])('%s', (_, weight, open, closed) => {
    expect([isDue(weighing(weight), 'open'), isDue(weighing(weight), 'closed')]).toEqual([open, closed])
  })
})

describe('records that stay for resuming', () => {
  test('are the last ones: as many as some KiB hold, or a small part of the base', () => {
    expect(keepAfter(recordsOf(10, 20), 0, now)).toBe(0)
    expect(keepAfter(recordsOf(1_000, 21), 0, now)).toBe(1_000 - Math.floor((8 * KiB) / 41))
    expect(keepAfter(recordsOf(1_000, 20), 512 * KiB, now)).toBe(1_000 - Math.floor((16 * KiB) / 40))
    expect(keepAfter(recordsOf(1_000, 10_000), 1_000 * MiB, now)).toBe(1_000 - Math.floor(MiB / 10_020))
  })

  test('are no more than rooms remember', () => {
    expect(keepAfter(recordsOf(5_000, 20), 100 * MiB, now)).toBe(5_000 - 1_024)
  })

  test('are no older than a week', () => {
    const records = [...recordsOf(5, 20, now - 8 * dayMs), ...recordsOf(3, 20, now - 6 * dayMs)]
    const numbered = records.map((record, i) => ({ ...record, position: 11 + i }))
    expect(keepAfter(numbered, 0, now)).toBe(15)
    expect(keepAfter(numbered, 0, now + 2 * dayMs)).toBe(18)
  })

  test('are none where one is large', () => {
    expect(keepAfter(recordsOf(3, 100_000), 0, now)).toBe(3)
    expect(keepAfter([], 0, now)).toBe(0)
  })
})

describe('a pattern of names', () => {
  test.each<[string[], string[], string[]]>([
    [[], [], ['a', '']],
    [['a'], ['a'], ['ab', 'ba', 'A']],
    [['notes/*'], ['notes/', 'notes/a', 'notes/a/b'], ['notes', 'my/notes/a']],
    [['*'], ['a', 'a/b', 'a\u2028b'], []],
    [
      ['*/plan', 'x**y'],
      ['a/plan', '/plan', 'xy', 'x-y'],
      ['plan', 'a/plan/b', 'x'],
    ],
    [
      ['a.b', '(c', '[d]', 'e\\', '^f$'],
      ['a.b', '(c', '[d]', 'e\\', '^f$'],
      ['axb', 'd', 'f'],
    ],
  ])('%j', (patterns, matching, others) => {
    const matches = nameMatcher(patterns)
    expect(matching.filter((name) => !matches(name))).toEqual([])
    expect(others.filter(matches)).toEqual([])
  })
})
