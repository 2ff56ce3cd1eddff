import { setTimeout } from 'node:timers/promises'
import { SynclineError } from '@syncline/protocol'
import type { Database } from './directory.js'
import { baseKey, baseRange, documentKey, historyKey, positionOf, recordRange } from './keys.js'
import { unpack } from './packing.js'
import { type DocumentHead, decodeBasePart, encodeBasePart, encodeDocument } from './values.js'

// LevelDB writes one batch after the other: behind one of 5 MB every commit would wait for its fsync, some 30 ms
const partBytes = 256 * 1024
// between two of them commits have the disk for themselves, and LevelDB, whose memory table takes 16 of them, the time to
// write it out: where it is full again before that is done, everybody waits
const partPauseMs = 10
const moveRecords = 1_000
const moveBytes = 256 * 1024

type Snapshot = ReturnType<Database['snapshot']>
type Batch = ReturnType<Database['batch']>

/** Reads a document's base; null where it has none. */
export async function readBase(
  database: Database,
  document: string,
  { basePosition, baseBytes, packing }: DocumentHead,
  snapshot: Snapshot,
): Promise<Uint8Array | null> {
  if (basePosition === 0) return null
  const bytes = new Uint8Array(baseBytes)
  let at = 0
  let index = 0
  for await (const value of database.values({ ...baseRange(document, basePosition, basePosition), snapshot })) {
    const part = decodeBasePart(value)
    if (part.position !== basePosition || part.index !== index++ || part.bytes.length > baseBytes - at) {
      throw new SynclineError('document_damaged', `The base up to ${basePosition} has a part that is not its own`)
    }
    bytes.set(part.bytes, at)
    at += part.bytes.length
  }
  if (at < baseBytes) {
    throw new SynclineError('document_damaged', `The base up to ${basePosition} lacks ${baseBytes - at} bytes`)
  }
  return unpack({ packing, bytes })
}

/**
 * Puts a base in the place of another one. Its parts are nothing until the head names them, which it does in one batch
 * with the last of them and the end of the old ones.
 *
 * @param bytes the new base, packed
 * @param also writes into that batch, before the head
 */
export async function swapBase(
  database: Database,
  document: string,
  [before, after]: readonly [DocumentHead, DocumentHead],
  bytes: Uint8Array,
  also: (batch: Batch) => void = () => {},
): Promise<void> {
  const { basePosition: position } = after
  const put = (batch: Batch, index: number) => {
    const part = { position, index, bytes: bytes.subarray(index * partBytes, (index + 1) * partBytes) }
    return batch.put(baseKey(document, position, index), encodeBasePart(part))
  }
  // what a crash left of an earlier attempt
  await database.clear(baseRange(document, before.basePosition + 1, Number.MAX_SAFE_INTEGER))
  const last = partCount(bytes.length) - 1
  // each with its own fsync: that of the last one may be of another file
  for (let index = 0; index < last; index++) {
    await put(database.batch(), index).write({ sync: true })
    await setTimeout(partPauseMs)
  }
  const batch = database.batch()
  also(batch)
  put(batch, last).put(documentKey(document), encodeDocument(after))
  for (let old = 0; old < partCount(before.baseBytes); old++) batch.del(baseKey(document, before.basePosition, old))
  await batch.write({ sync: true })
}

/**
 * Takes away a document's records up to a position, which count no more, from the front on. That needs no fsync: what is
 * there again after a power cut goes the next time.
 */
export async function removeRecords(
  database: Database,
  document: string,
  upTo: number,
  keepHistory: boolean,
): Promise<void> {
  const range = recordRange(document, 1, upTo)
  if (!keepHistory) return database.clear(range) // in small batches
  const entries = database.iterator({ ...range, highWaterMarkBytes: moveBytes })
  try {
    for (;;) {
      const chunk = await entries.nextv(moveRecords)
      if (chunk.length === 0) return
      const batch = database.batch()
      for (const [key, record] of chunk) batch.put(historyKey(document, positionOf(key)), record).del(key)
      await batch.write()
    }
  } finally {
    await entries.close()
  }
}

function partCount(bytes: number): number {
  return Math.ceil(bytes / partBytes)
}
