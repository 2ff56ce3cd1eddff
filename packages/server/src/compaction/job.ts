import { setImmediate } from 'node:timers/promises'
import type { ErrorCode } from '@syncline/protocol'
import { type StoredBase, updateOf } from '../log/storedBase.js'

/** What is to become of a {@link Job}. */
export interface Purpose {
  /** up to which position it goes as a base; null where it is not to be stored as one */
  readonly position: number | null
  /** whether the update is wanted as it is, too: whoever does not need 5 MB need not free them */
  readonly isUpdateWanted: boolean
}

/** A document on its way to the compaction thread; the updates are in one buffer, so that they are transferred as one. */
export interface Job extends Purpose {
  readonly base: StoredBase | null
  readonly tail: Uint8Array<ArrayBuffer>
  readonly lengths: Uint32Array<ArrayBuffer>
}

/** What the compaction thread made of a {@link Job}, as its purpose says. */
export interface Made {
  readonly update: Uint8Array<ArrayBuffer> | null
  readonly base: StoredBase | null
}

/** What the compaction thread says to a {@link Job}. */
export type Answer = Made | { readonly code: ErrorCode; readonly reason: string }

/** What is copied in one turn of the event loop, in bytes: a millisecond. Commits go on between two of them. */
export const stepBytesMax = 1024 * 1024
// an update takes some time however short it is
const updateBytesMin = 256

/** Makes a job, and tells what of it is to be transferred: the parts of the base are given away. */
export async function packJob(
  base: StoredBase | null,
  updates: readonly Uint8Array[],
  purpose: Purpose,
): Promise<[Job, ArrayBuffer[]]> {
  const tail = new Uint8Array(bytesOf(updates))
  const lengths = new Uint32Array(updates.length)
  for (const _ of copySteps(updates, tail, lengths)) await setImmediate()
  return [{ ...purpose, base, tail, lengths }, [...buffersOf(base), tail.buffer, lengths.buffer]]
}

/** What can be given away with a base: the parts that have a buffer for themselves. */
export function buffersOf(base: StoredBase | null): ArrayBuffer[] {
  return (base?.values ?? []).flatMap(({ buffer, length }) =>
    buffer instanceof ArrayBuffer && buffer.byteLength === length ? [buffer] : [],
  )
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

/** All updates of a job, its base first; the others share its memory. */
export function unpackJob({ base, tail, lengths }: Job): Uint8Array[] {
  const updates = base ? [updateOf(base)] : []
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
