import { describe, expect, test } from 'vitest'
import { packSync } from '../log/packing.js'
import { cutBase } from '../log/storedBase.js'
import { copySteps, packJob, stepBytesMax, unpackJob } from './job.js'

const MiB = 1024 * 1024

function stepsOf(updates: readonly Uint8Array[]): { steps: number[]; tail: Uint8Array } {
  const tail = new Uint8Array(updates.reduce((sum, { length }) => sum + length, 0))
  const ends = [...copySteps(updates, tail, new Uint32Array(updates.length)), tail.length]
  return { steps: ends.map((end, i) => end - (ends[i - 1] ?? 0)), tail }
}

describe('a job for the compaction thread', () => {
  test('has the updates as they were', async () => {
    const updates = [1, 3 * MiB, 0, 70_000, 2].map((length, i) => new Uint8Array(length).fill(i + 1))
    const base = cutBase(1, 2, packSync(Uint8Array.of(9, 9)))
    const [job, transferred] = await packJob(base, updates, { position: 6, isUpdateWanted: false })
    expect(job).toMatchObject({ position: 6, isUpdateWanted: false })
    const [first, ...rest] = unpackJob(job)
    expect(first).toEqual(Uint8Array.of(9, 9))
    expect(rest.map((update, i) => Buffer.compare(update, updates[i]!))).toEqual([0, 0, 0, 0, 0])
    expect(transferred).toEqual([base.values[0]!.buffer, job.tail.buffer, job.lengths.buffer])
  })

  test('is copied in steps, however large one update is', () => {
    const pasted = new Uint8Array(5 * MiB + 1).fill(7)
    const { steps, tail } = stepsOf([new Uint8Array(10).fill(7), pasted])
    expect(tail.every((byte) => byte === 7)).toBe(true)
    expect(steps).toHaveLength(6)
    for (const bytes of steps) expect(bytes).toBeLessThanOrEqual(stepBytesMax)
  })

  test('is copied in steps, however many small ones there are', () => {
    const { steps } = stepsOf(Array.from({ length: 20_000 }, () => new Uint8Array(20)))
    expect(steps).toHaveLength(5)
    for (const bytes of steps) expect(bytes / 20).toBeLessThanOrEqual(4_096)
  })
})
