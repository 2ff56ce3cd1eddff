import {
  Coverage,
  chainAfter,
  encodeRecord,
  type Head,
  type LogRecord,
  mergeUpdates,
  SynclineError,
} from '@syncline/protocol'
import { readBase, swapBase } from './bases.js'
import type { Database } from './directory.js'
import { assertRecordAt, type Entry, entriesOf, examine } from './examine.js'
import {
  baseRange,
  documentKey,
  historyKey,
  historyRange,
  pastKey,
  positionOf,
  quarantineKey,
  type Range,
  recordKey,
  recordRange,
} from './keys.js'
import { readPast } from './removal.js'
import { toStored } from './storedBase.js'
import { type DocumentHead, decodeBasePart, decodeDocument, encodeDocument, encodePast, type Past } from './values.js'

type Snapshot = ReturnType<Database['snapshot']>
type Batch = ReturnType<Database['batch']>

// a batch is in memory several times over before it is on disk
const batchBytesMax = 1024 * 1024

/** What repair did with a document. */
export interface Repair {
  readonly name: string
  /** the last record that was kept, 0 where the document begins anew */
  readonly position: number
  /** whether its base was kept */
  readonly hasBase: boolean
  /** values that were set aside; they are still in the database */
  readonly quarantined: number
}

/** What {@link repair} needs beside the database. */
export interface RepairOptions {
  /** ms since 1970: where the quarantine is */
  readonly time: number
  readonly newEpoch: () => string
}

/**
 * Makes a damaged document readable. What cannot be relied on is set aside: it is not deleted. The epoch is renewed, so
 * that clients bring back what they have and the log lacks.
 *
 * It takes batches of bounded size, each with fsync. Up to the last one, which has the new head, the document stays
 * damaged, and a repair that begins anew comes to the same.
 *
 * What is kept: the base, and the records after it up to the first one that is damaged. Where the base is damaged, the
 * records from the first one on, if they were kept as history or are still there; otherwise the document begins anew.
 *
 * @returns null where nothing is wrong with it
 */
export async function repair(database: Database, name: string, options: RepairOptions): Promise<Repair | null> {
  const snapshot = database.snapshot()
  try {
    const examination = await examine(database, name, snapshot, false)
    if (examination === null || examination.faults.length === 0) return null
    const unreadable = examination.faults.find(({ code }) => code !== 'document_damaged')
    if (unreadable) throw new SynclineError(unreadable.code, unreadable.reason)
    const stored = await readAll(database, name, snapshot)
    const onlyHistory = examination.faults.every(({ at }) => at === 'history')
    const kept = onlyHistory ? whole(stored, examination.position) : salvage(stored)
    const quarantine = new Quarantine(database, name, options.time)
    const aside = setAside(stored, kept)
    // the last of them is what keeps the document damaged, so that nobody opens what is half repaired
    for (const entry of aside.slice(0, -1)) await quarantine.move(entry)
    await bringBack(quarantine, stored, kept)
    await quarantine.flush()
    const last = (batch: Batch) => {
      for (const entry of aside.slice(-1)) quarantine.add(batch, entry)
      if (!onlyHistory) renewPast(quarantine, batch, stored, options.time)
    }
    if (onlyHistory) await written(database, last)
    else await writeHead(database, snapshot, stored, kept, { epoch: options.newEpoch(), last })
    if (kept.ofHistory) await forgetHistory(database, name, kept.position)
    return { name, position: kept.position, hasBase: kept.basePosition > 0, quarantined: quarantine.count }
  } finally {
    await snapshot.close()
  }
}

interface Stored {
  readonly name: string
  readonly head: DocumentHead | null
  /** as stored, also where it cannot be read */
  readonly headEntry: Entry | null
  readonly past: Past | null
  readonly pastEntry: Entry | null
  /** the base that can be read */
  readonly base: DocumentHead | null
  readonly parts: readonly Entry[]
  readonly records: ReadonlyMap<number, StoredRecord>
  readonly history: ReadonlyMap<number, StoredRecord>
}

interface StoredRecord extends Entry {
  /** null where it is damaged */
  readonly record: LogRecord | null
}

/** What is kept of a document. */
interface Kept {
  /** how far the base goes that is kept; 0 where there is none */
  readonly basePosition: number
  readonly base: DocumentHead | null
  readonly start: Head
  /** the records after the start */
  readonly records: readonly LogRecord[]
  readonly position: number
  /** those that go into the base, since their chain is lost */
  readonly folded: readonly LogRecord[]
  /** the records are from the beginning, and some of them from the history */
  readonly ofHistory: boolean
}

async function readAll(database: Database, name: string, snapshot: Snapshot): Promise<Stored> {
  const headEntry = await entryAt(database, documentKey(name), snapshot)
  const pastEntry = await entryAt(database, pastKey(name), snapshot)
  const head = headEntry && attempt(() => decodeDocument(headEntry.value))
  const parts = await collect(database, baseRange(name, 0, Number.MAX_SAFE_INTEGER), snapshot)
  return {
    name,
    head,
    headEntry,
    pastEntry,
    past: await attemptAsync(() => readPast(database, name, snapshot)),
    base: head ? await readable(database, name, head, snapshot) : await findBase(database, name, parts, snapshot),
    parts,
    records: await collectRecords(database, recordRange(name, 0), snapshot),
    history: await collectRecords(database, historyRange(name, 0), snapshot),
  }
}

/** The head, where it has a base that can be read. */
async function readable(database: Database, name: string, head: DocumentHead, snapshot: Snapshot) {
  const base = await attemptAsync(() => readBase(database, name, head, snapshot))
  return base && head
}

/** The base of a document whose head is lost: the last one whose parts make up an update. */
async function findBase(database: Database, name: string, parts: readonly Entry[], snapshot: Snapshot) {
  const bytesOf = new Map<number, number>()
  for (const { value } of parts) {
    const part = attempt(() => decodeBasePart(value))
    if (part) bytesOf.set(part.position, (bytesOf.get(part.position) ?? 0) + part.bytes.length)
  }
  for (const [basePosition, baseBytes] of [...bytesOf].reverse()) {
    for (const packing of [1, 0]) {
      const head = {
        epoch: '',
        basePosition,
        packing,
        baseBytes,
        start: { position: basePosition, chain: 0 },
        createdAt: null,
        startedAt: null,
      }
      const base = await attemptAsync(() => readBase(database, name, head, snapshot))
      if (base && attempt(() => new Coverage().add(base) ?? true)) return head
    }
  }
  return null
}

/** Nothing but the history is damaged. */
function whole({ head, base, records }: Stored, position: number): Kept {
  const kept = [...records.values()].flatMap(({ record }) => record ?? [])
  const basePosition = base?.basePosition ?? 0
  return { basePosition, base, start: head!.start, records: kept, position, folded: [], ofHistory: false }
}

function salvage({ head, base, records, history }: Stored): Kept {
  if (base === null && !(head && head.basePosition === 0)) {
    // the base is lost: what is left are the records from the beginning, where they were kept
    const start = { position: 0, chain: 0 }
    const kept = follow(start, (position) => (history.get(position) ?? records.get(position))?.record ?? null)
    return { basePosition: 0, base: null, start, records: kept, position: kept.length, folded: [], ofHistory: true }
  }
  const start = (head ?? base)!.start
  const basePosition = base?.basePosition ?? 0
  const recordAt = (position: number) => records.get(position)?.record ?? null
  const kept = head ? follow(start, recordAt) : []
  const position = start.position + kept.length
  const common = { base, basePosition, ofHistory: false }
  if (head && position >= basePosition) return { ...common, start, records: kept, position, folded: [] }
  // what was kept for resuming is damaged, and in the base: its chain cannot be told, so what follows goes there, too
  const folded = following(basePosition, recordAt)
  const end = basePosition + folded.length
  return { ...common, start: { position: end, chain: 0 }, records: [], position: end, folded }
}

/** The records after a point that follow each other. */
function follow(start: Head, recordAt: (position: number) => LogRecord | null): LogRecord[] {
  let { position, chain } = start
  const found: LogRecord[] = []
  for (;;) {
    const record = recordAt(++position)
    if (record === null) return found
    chain = chainAfter(chain, record.runs)
    if (record.chain !== chain) return found
    found.push(record)
  }
}

/** The same where the chain up to the point is not known. */
function following(after: number, recordAt: (position: number) => LogRecord | null): LogRecord[] {
  const found: LogRecord[] = []
  for (;;) {
    const record = recordAt(after + found.length + 1)
    const before = found.at(-1)
    if (record === null || (before && record.chain !== chainAfter(before.chain, record.runs))) return found
    found.push(record)
  }
}

/**
 * What is not kept. Its last entry, left where it is, keeps the document damaged: of the records that are not kept the
 * first, before which one is missing, or it itself is damaged.
 */
function setAside({ parts, records, history }: Stored, { basePosition, records: kept, folded }: Kept): Entry[] {
  const positions = new Set([...kept, ...folded].map(({ position }) => position))
  const damagedHistory = [...history.values()].filter(({ record }) => record === null)
  const otherParts = parts.filter((part) => positionOfPart(part) !== basePosition || basePosition === 0)
  const otherRecords = [...records.values()].filter(({ key }) => !positions.has(positionOf(key)))
  return [...damagedHistory, ...otherParts, ...otherRecords.reverse()]
}

/** Puts records of the history where records are: before the new head begins with them, they count no more. */
async function bringBack(quarantine: Quarantine, { name, records }: Stored, kept: Kept): Promise<void> {
  for (const record of kept.records) {
    const value = encodeRecord(record)
    const there = records.get(record.position)
    if (there && Buffer.compare(there.value, value) === 0) continue
    if (there) await quarantine.move(there)
    await quarantine.put(recordKey(name, record.position), value)
  }
}

interface Ending {
  readonly epoch: string
  /** what goes into the last batch, before the head */
  readonly last: (batch: Batch) => void
}

async function writeHead(
  database: Database,
  snapshot: Snapshot,
  { name, head }: Stored,
  { base, folded, position, start }: Kept,
  { epoch, last }: Ending,
): Promise<void> {
  const { basePosition = 0, packing = 0, baseBytes = 0 } = base ?? {}
  const createdAt = head?.createdAt ?? null
  const startedAt = head?.start.position === start.position ? head.startedAt : null
  const before = { epoch, basePosition, packing, baseBytes, start, createdAt, startedAt }
  if (folded.length === 0) {
    return written(database, (batch) => {
      last(batch)
      batch.put(documentKey(name), encodeDocument(before))
    })
  }
  const updates = folded.flatMap(({ runs }) => runs.map(({ update }) => update))
  const update = mergeUpdates([(await readBase(database, name, before, snapshot))!, ...updates])
  await swapBase(database, name, [before, before], await toStored(update, position), last)
}

async function written(database: Database, fill: (batch: Batch) => void): Promise<void> {
  const batch = database.batch()
  fill(batch)
  await batch.write({ sync: true })
}

/** Records that are where they count again. */
async function forgetHistory(database: Database, name: string, upTo: number): Promise<void> {
  if (upTo > 0) await database.clear({ gte: historyKey(name, 0), lte: historyKey(name, upTo) }) // in small batches
}

function renewPast(
  quarantine: Quarantine,
  batch: Batch,
  { name, head, headEntry, past, pastEntry }: Stored,
  time: number,
): void {
  if (headEntry && !head) quarantine.add(batch, headEntry)
  if (pastEntry && !past) quarantine.add(batch, pastEntry)
  const renewed = [...(past?.renewed ?? []), ...(head ? [head.epoch] : [])]
  batch.put(pastKey(name), encodePast({ time, deleted: past?.deleted ?? [], renewed }))
}

/** Moves values aside, in batches of bounded size. */
class Quarantine {
  count = 0
  readonly #database: Database
  readonly #name: string
  readonly #time: number
  #batch: Batch
  #bytes = 0

  constructor(database: Database, name: string, time: number) {
    this.#database = database
    this.#name = name
    this.#time = time
    this.#batch = database.batch()
  }

  async move(entry: Entry): Promise<void> {
    this.add(this.#batch, entry)
    await this.#grow(entry)
  }

  async put(key: Uint8Array, value: Uint8Array): Promise<void> {
    this.#batch.put(key, value)
    await this.#grow({ key, value })
  }

  /** Moves an entry as part of a batch. */
  add(batch: Batch, { key, value }: Entry): void {
    batch.del(key).put(quarantineKey(this.#name, this.#time, key), value)
    this.count++
  }

  /** All of it is on disk: what is written after it cannot be there without it. */
  async flush(): Promise<void> {
    const batch = this.#batch
    this.#batch = this.#database.batch()
    this.#bytes = 0
    if (batch.length > 0) await batch.write({ sync: true })
    else await batch.close()
  }

  async #grow({ key, value }: Entry): Promise<void> {
    this.#bytes += key.length + value.length
    if (this.#bytes >= batchBytesMax) await this.flush()
  }
}

async function entryAt(database: Database, key: Uint8Array, snapshot: Snapshot): Promise<Entry | null> {
  const value = await database.get(key, { snapshot })
  return value === undefined ? null : { key, value }
}

async function collect(database: Database, range: Range, snapshot: Snapshot): Promise<Entry[]> {
  const found: Entry[] = []
  for await (const entry of entriesOf(database, range, snapshot)) found.push(entry)
  return found
}

async function collectRecords(
  database: Database,
  range: Range,
  snapshot: Snapshot,
): Promise<Map<number, StoredRecord>> {
  const found = new Map<number, StoredRecord>()
  for (const entry of await collect(database, range, snapshot)) {
    const record = attempt(() => assertRecordAt(entry.key, entry.value))
    found.set(positionOf(entry.key), { ...entry, record })
  }
  return found
}

const partIndexBytes = 4

function positionOfPart({ key }: Entry): number {
  return positionOf(key.subarray(0, -partIndexBytes))
}

function attempt<T>(read: () => T): T | null {
  try {
    return read()
  } catch (error) {
    return nullWhereDamaged(error)
  }
}

function attemptAsync<T>(read: () => Promise<T>): Promise<T | null> {
  return read().catch(nullWhereDamaged)
}

/** A disk that cannot be read just now, or a newer format, is no damage. */
function nullWhereDamaged(error: unknown): null {
  const { code } = error as { readonly code?: unknown }
  if (typeof code === 'string' && code !== 'document_damaged' && code !== 'malformed_update') throw error
  return null
}
