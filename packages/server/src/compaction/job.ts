import { setImmediate } from 'node:timers/promises'
import { type Packed, spareBytes } from '../log/packing.js'

/** A document on its way to the compaction thread; the updates are in one buffer, so that they are transferred as one. */
export interface Job {
  readonly base: Uint8Array | null
  readonly tail: Uint8Array<ArrayBuffer>
  readonly lengths: Uint32Array<ArrayBuffer>
}

/** What the compaction thread says to a {@link Job}. */
export type Answer =
  | {
      readonly base: Uint8Array<ArrayBuffer>
      /** as it is stored: the log then need not do it while others wait */
      readonly packed: Packed
    }
  | { readonly code: 'compaction_mismatch' | 'compaction_failed'; readonly reason: string }

/** What is copied in one turn of the event loop, in bytes: a millisecond. Commits go on between two of them. */
export const stepBytesMax = 1024 * 1024
// an update takes some time however short it is
const updateBytesMin = 256

/** Makes a job, and tells what of it is to be transferred: a base that has its buffer for itself is given away. */
export async function packJob(base: Uint8Array | null, updates: readonly Uint8Array[]): Promise<[Job, ArrayBuffer[]]> {
  const tail = new Uint8Array(bytesOf(updates))
  const lengths = new Uint32Array(updates.length)
  for (const _ of copySteps(updates, tail, lengths)) await setImmediate()
  const transferred = base !== null && isAlone(base) ? [base.buffer as ArrayBuffer] : []
  return [{ base, tail, lengths }, [...transferred, tail.buffer, lengths.buffer]]
}

function isAlone({ buffer, byteOffset, length }: Uint8Array): boolean {
  return buffer instanceof ArrayBuffer && byteOffset === 0 && buffer.byteLength <= length + spareBytes
}

/**
 * Copies updates one after the other into `tail`, and their lengths into `lengths`, up to {@link stepBytesMax} in a step.
 * After each but the last it yields how far it has come.
 */
export function* copySteps(
  updates: readonly Uint8Array[],
  tail: Uint8Array,
  lengths: Uint32Array,
): Generator<number, void, undefined> {
  let at = 0
  let left = stepBytesMax
  for (const [index, update] of updates.entries()) {
    lengths[index] = update.length
    for (let from = 0; from < update.length; ) {
      if (left <= 0) {
        yield at
        left = stepBytesMax
      }
      const piece = update.subarray(from, from + left)
      tail.set(piece, at)
      at += piece.length
      from += piece.length
      left -= Math.max(piece.length, updateBytesMin)
    }
  }
}

/** All updates of a job, its base first; they share its memory. */
export function unpackJob({ base, tail, lengths }: Job): Uint8Array[] {
  const updates = base ? [base] : []
  let at = 0
  for (const length of lengths) {
    updates.push(tail.subarray(at, at + length))
    at += length
  }
  return updates
}

/** How many bytes these have together. */
export function bytesOf(updates: readonly Uint8Array[]): number {
  return updates.reduce((bytes, { length }) => bytes + length, 0)
}
