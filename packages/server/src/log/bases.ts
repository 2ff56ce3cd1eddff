import { setTimeout } from 'node:timers/promises'
import type { Database } from './directory.js'
import { baseKey, baseRange, documentKey, historyKey, positionOf, recordRange } from './keys.js'
import { unpack } from './packing.js'
import { BaseParts, partCount, type StoredBase, storedBase } from './storedBase.js'
import { type DocumentHead, encodeDocument } from './values.js'

// between two of them commits have the disk for themselves, and LevelDB, whose memory table takes 16 of them, the time to
// write it out: where it is full again before that is done, everybody waits
const partPauseMs = 10
const moveRecords = 1_000
const moveBytes = 256 * 1024

type Snapshot = ReturnType<Database['snapshot']>
type Batch = ReturnType<Database['batch']>

/** Reads a document's base as it is stored; null where it has none. */
export async function readStoredBase(
  database: Database,
  document: string,
  head: DocumentHead,
  snapshot: Snapshot,
): Promise<StoredBase | null> {
  if (head.basePosition === 0) return null
  const values: Uint8Array[] = []
  for await (const value of partsOf(database, document, head, snapshot)) values.push(value)
  return storedBase(head, values)
}

/** Reads the update of a document's base; null where it has none. */
export async function readBase(
  database: Database,
  document: string,
  head: DocumentHead,
  snapshot: Snapshot,
): Promise<Uint8Array | null> {
  const { basePosition, baseBytes, packing } = head
  if (basePosition === 0) return null
  const parts = new BaseParts(basePosition, baseBytes)
  // each is checked by itself, which takes half a millisecond
  for await (const value of partsOf(database, document, head, snapshot)) parts.add(value)
  return unpack({ packing, bytes: parts.joined() })
}

function partsOf(database: Database, document: string, { basePosition }: DocumentHead, snapshot: Snapshot) {
  return database.values({ ...baseRange(document, basePosition, basePosition), snapshot })
}

/**
 * Puts a base in the place of another one. Its parts are nothing until the head names them, which it does in one batch
 * with the last of them and the end of the old ones.
 *
 * @param base the new one
 * @param also writes into that batch, before the head
 */
export async function swapBase(
  database: Database,
  document: string,
  [before, after]: readonly [DocumentHead, DocumentHead],
  base: StoredBase,
  also: (batch: Batch) => void = () => {},
): Promise<void> {
  const { position, packing, packedBytes, values } = base
  // what a crash left of an earlier attempt
  await database.clear(baseRange(document, before.basePosition + 1, Number.MAX_SAFE_INTEGER))
  const last = values.length - 1
  // each with its own fsync: that of the last one may be of another file
  for (const [index, value] of values.slice(0, last).entries()) {
    await database
      .batch()
      .put(baseKey(document, position, index), value)
      .write({ sync: true })
    await setTimeout(partPauseMs)
  }
  const head = { ...after, basePosition: position, packing, baseBytes: packedBytes }
  const batch = database.batch()
  also(batch)
  batch.put(baseKey(document, position, last), values[last]!).put(documentKey(document), encodeDocument(head))
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
