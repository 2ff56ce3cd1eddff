import { joinBytes } from '@syncline/protocol'
import type { Packed } from '../log/packing.js'

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

/** Makes a job, and tells what of it is to be transferred: a base that has its buffer for itself is given away. */
export function packJob(base: Uint8Array | null, updates: readonly Uint8Array[]): [Job, ArrayBuffer[]] {
  const lengths = Uint32Array.from(updates, ({ length }) => length)
  const tail = joinBytes(updates)
  const isAlone = base !== null && base.length === base.buffer.byteLength && base.buffer instanceof ArrayBuffer
  const transferred = isAlone ? [base.buffer as ArrayBuffer] : []
  return [{ base, tail, lengths }, [...transferred, tail.buffer, lengths.buffer]]
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
