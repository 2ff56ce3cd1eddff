import { Coverage, chainAfter, encodeRecord, type Head, type LogRecord, SynclineError } from '@syncline/protocol'
import { readBase } from './bases.js'
import type { Database } from './directory.js'
import { assertRecordAt, type Entry, entriesOf, examine } from './examine.js'
import {
  baseRange,
  documentKey,
  historyRange,
  pastKey,
  positionOf,
  quarantineKey,
  type Range,
  recordKey,
  recordRange,
} from './keys.js'
import { readPast } from './removal.js'
import { type DocumentHead, decodeBasePart, decodeDocument, encodeDocument, encodePast, type Past } from './values.js'

type Snapshot = ReturnType<Database['snapshot']>
type Batch = ReturnType<Database['batch']>

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
 * Makes a damaged document readable. What cannot be relied on is set aside, in one batch with the new head: it is not
 * deleted. The epoch is renewed, so that clients bring back what they have and the log lacks.
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
    const quarantine = new Quarantine(database.batch(), name, options.time)
    const kept = onlyHistory ? whole(stored, examination.position) : salvage(stored)
    write(quarantine, stored, kept)
    if (!onlyHistory) renew(quarantine, stored, kept, options)
    await quarantine.batch.write({ sync: true })
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
  readonly basePosition: number
  readonly base: DocumentHead | null
  readonly start: Head
  /** the records after the start, whose chain is reckoned anew where it has to be */
  readonly records: readonly LogRecord[]
  readonly position: number
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
      const head = { epoch: '', basePosition, packing, baseBytes, start: { position: basePosition, chain: 0 } }
      const base = await attemptAsync(() => readBase(database, name, head, snapshot))
      if (base && attempt(() => new Coverage().add(base) ?? true)) return head
    }
  }
  return null
}

/** Nothing but the history is damaged. */
function whole({ head, base, records }: Stored, position: number): Kept {
  const kept = [...records.values()].flatMap(({ record }) => record ?? [])
  return { basePosition: base?.basePosition ?? 0, base, start: head!.start, records: kept, position }
}

function salvage({ head, base, records, history }: Stored): Kept {
  if (base === null && !(head && head.basePosition === 0)) {
    // the base is lost: what is left are the records from the beginning, where they were kept
    const zero = { position: 0, chain: 0 }
    const kept = follow(zero, (position) => (history.get(position) ?? records.get(position))?.record ?? null)
    return { basePosition: 0, base: null, start: zero, records: kept, position: kept.length }
  }
  const start = (head ?? base)!.start
  const basePosition = base?.basePosition ?? 0
  const recordAt = (position: number) => records.get(position)?.record ?? null
  const kept = head ? follow(start, recordAt) : []
  const position = start.position + kept.length
  if (head && position >= basePosition) return { basePosition, base, start, records: kept, position }
  // what was kept for resuming is damaged, and in the base: its chain cannot be told, so the rest gets another one
  const anew = { position: basePosition, chain: 0 }
  const tail = rechained(anew, recordAt)
  return { basePosition, base, start: anew, records: tail, position: basePosition + tail.length }
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

function rechained(start: Head, recordAt: (position: number) => LogRecord | null): LogRecord[] {
  let { position, chain } = start
  let before: LogRecord | null = null
  const found: LogRecord[] = []
  for (;;) {
    const record = recordAt(++position)
    if (record === null || (before && record.chain !== chainAfter(before.chain, record.runs))) return found
    chain = chainAfter(chain, record.runs)
    found.push({ ...record, chain })
    before = record
  }
}

function write(quarantine: Quarantine, stored: Stored, kept: Kept): void {
  const { name, parts, records, history } = stored
  const { batch } = quarantine
  for (const part of parts) {
    if (positionOfPart(part) !== kept.basePosition || kept.basePosition === 0) quarantine.add(part)
  }
  const keptByPosition = new Map(kept.records.map((record) => [record.position, record]))
  for (const entry of records.values()) {
    if (!keptByPosition.has(positionOf(entry.key))) quarantine.add(entry)
  }
  for (const [position, entry] of history) {
    if (entry.record === null) quarantine.add(entry)
    // it counts again, as its base does not
    else if (keptByPosition.has(position) && kept.basePosition === 0) batch.del(entry.key)
  }
  for (const record of kept.records) {
    if (records.get(record.position)?.record !== record)
      batch.put(recordKey(name, record.position), encodeRecord(record))
  }
}

function renew(quarantine: Quarantine, stored: Stored, kept: Kept, { time, newEpoch }: RepairOptions): void {
  const { name, head, headEntry, past, pastEntry } = stored
  if (headEntry && !head) quarantine.add(headEntry)
  if (pastEntry && !past) quarantine.add(pastEntry)
  const { basePosition, base, start } = kept
  const { packing = 0, baseBytes = 0 } = base ?? {}
  const renewed = [...(past?.renewed ?? []), ...(head ? [head.epoch] : [])]
  quarantine.batch
    .put(documentKey(name), encodeDocument({ epoch: newEpoch(), basePosition, packing, baseBytes, start }))
    .put(pastKey(name), encodePast({ time, deleted: past?.deleted ?? [], renewed }))
}

/** The batch of a repair: moves values aside. */
class Quarantine {
  readonly batch: Batch
  count = 0
  readonly #name: string
  readonly #time: number

  constructor(batch: Batch, name: string, time: number) {
    this.batch = batch
    this.#name = name
    this.#time = time
  }

  add({ key, value }: Entry): void {
    this.batch.del(key).put(quarantineKey(this.#name, this.#time, key), value)
    this.count++
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
