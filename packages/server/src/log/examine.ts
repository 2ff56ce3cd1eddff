import {
  Coverage,
  chainAfter,
  decodeRecord,
  type ErrorCode,
  hashStateVector,
  type LogRecord,
  mergeUpdates,
  SynclineError,
} from '@syncline/protocol'
import * as Y from 'yjs'
import { readError } from './adapter.js'
import { readBase } from './bases.js'
import type { Database } from './directory.js'
import {
  baseRange,
  documentKey,
  documentRange,
  historyRange,
  nameOf,
  positionOf,
  quarantineRange,
  type Range,
  recordRange,
} from './keys.js'
import { readPast } from './removal.js'
import { type DocumentHead, decodeDocument, newDocumentHead, type Past } from './values.js'

type Snapshot = ReturnType<Database['snapshot']>

const faultsMax = 20 // of one document: after that it is clear enough
const chunkRecords = 1_000
const chunkBytes = 1024 * 1024

/** What is wrong with something that is stored. */
export interface Fault {
  readonly at: 'past' | 'head' | 'base' | 'record' | 'history' | 'content'
  /** of a record */
  readonly position?: number
  readonly code: ErrorCode
  readonly reason: string
}

/** What was found of one document. */
export interface Examination {
  readonly name: string
  /** null where it cannot be read */
  readonly epoch: string | null
  /** the last one up to which the document is whole */
  readonly position: number
  /** those that were read, without the ones that were moved aside */
  readonly records: number
  /** values that repair has set aside before */
  readonly quarantined: number
  readonly faults: readonly Fault[]
}

/**
 * Reads all that is stored of a document, and tells what is wrong.
 *
 * @param deep also loads it into a Y.Doc, which must lack nothing and have what the log covers
 */
export async function examine(
  database: Database,
  name: string,
  snapshot: Snapshot,
  deep: boolean,
): Promise<Examination | null> {
  const finding = new Finding()
  const past = await finding.guard('past', () => readPast(database, name, snapshot))
  const head = await finding.guard('head', () => readHead(database, name, past, snapshot))
  if (head === null) return null
  const updates: Uint8Array[] = []
  if (head) {
    const base = await finding.guard('base', () => readBase(database, name, head, snapshot))
    if (base) updates.push(base)
  }
  const start = head?.start ?? newDocumentHead('').start
  let { position } = start
  let records = 0
  await finding.guard('record', async () => {
    for await (const record of readFollowing(database, name, start, snapshot)) {
      position = record.position
      records++
      if (deep && position > (head?.basePosition ?? 0)) updates.push(...record.runs.map(({ update }) => update))
    }
    if (head && position < head.basePosition) throw damaged(`The records end at ${position}, before the base`)
    const isBegun = position > 0 || head?.basePosition !== 0 || (past?.time ?? 0) > 0
    if (!isBegun) throw damaged('There are no records')
  })
  for await (const { key, value } of entriesOf(database, historyRange(name, 0), snapshot)) {
    await finding.guard('history', async () => assertRecordAt(key, value))
  }
  if (deep && finding.faults.length === 0) await finding.guard('content', async () => assertLoads(updates))
  const quarantined = await countKeys(database, quarantineRange(name), snapshot)
  return { name, epoch: head?.epoch ?? null, position, records, quarantined, faults: finding.faults }
}

/** The names of all documents, also of those that have lost their heads. */
export async function* storedNames(database: Database, snapshot: Snapshot): AsyncGenerator<string> {
  for await (const key of database.keys({ ...documentRange('', ''), snapshot })) yield nameOf(key)
  const seen = new Set<string>()
  for (const space of ['b', 'r', 'h', 'q']) {
    for await (const name of namesIn(database, space, snapshot)) {
      if (seen.has(name) || (await database.get(documentKey(name), { snapshot })) !== undefined) continue
      seen.add(name)
      yield name
    }
  }
}

/** A record, with the key where it stands. */
export interface Entry {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** What is stored in a range of keys. */
export async function* entriesOf(database: Database, range: Range, snapshot: Snapshot): AsyncGenerator<Entry> {
  const iterator = database.iterator({ ...range, snapshot, highWaterMarkBytes: chunkBytes })
  try {
    for (;;) {
      const chunk = await iterator.nextv(chunkRecords)
      if (chunk.length === 0) return
      for (const [key, value] of chunk) yield { key, value }
    }
  } finally {
    await iterator.close()
  }
}

/** The record in an entry, whose position is that of its key. */
export function assertRecordAt(key: Uint8Array, value: Uint8Array): LogRecord {
  const record = decodeRecord(value)
  const position = positionOf(key)
  if (record.position !== position) throw damaged(`Record ${record.position} stands where ${position} belongs`)
  return record
}

/** Null where there is no document, or it was deleted. */
async function readHead(
  database: Database,
  name: string,
  past: Past | undefined,
  snapshot: Snapshot,
): Promise<DocumentHead | null> {
  const value = await database.get(documentKey(name), { snapshot })
  if (value !== undefined) return decodeDocument(value)
  if (past && past.deleted.length > 0) return null
  const kept = [recordRange(name, 0), baseRange(name, 0, Number.MAX_SAFE_INTEGER)]
  for (const range of kept) if ((await countKeys(database, range, snapshot, 1)) > 0) throw damaged('There is no head')
  return null
}

async function* readFollowing(
  database: Database,
  name: string,
  start: DocumentHead['start'],
  snapshot: Snapshot,
): AsyncGenerator<LogRecord> {
  let { position, chain } = start
  for await (const { key, value } of entriesOf(database, recordRange(name, position + 1), snapshot)) {
    position++
    const found = positionOf(key)
    if (found !== position) throw at(position, damaged(`After record ${position - 1} comes record ${found}`))
    try {
      const record = assertRecordAt(key, value)
      chain = chainAfter(chain, record.runs)
      if (record.chain !== chain) throw damaged(`Record ${position} does not continue the chain before it`)
      yield record
    } catch (error) {
      throw at(position, error)
    }
  }
}

async function* namesIn(database: Database, space: string, snapshot: Snapshot): AsyncGenerator<string> {
  const end = Buffer.from([space.charCodeAt(0) + 1])
  let from: Uint8Array = Buffer.from(space)
  for (;;) {
    const [key] = await database.keys({ gte: from, lt: end, limit: 1, snapshot }).all()
    if (key === undefined) return
    const nameEnd = key.indexOf(0)
    const bytes = nameEnd < 0 ? key : key.subarray(0, nameEnd)
    yield nameOf(bytes)
    from = Buffer.concat([bytes, Buffer.of(1)])
  }
}

async function countKeys(database: Database, range: Range, snapshot: Snapshot, limit = -1): Promise<number> {
  let count = 0
  for await (const _ of database.keys({ ...range, snapshot, limit })) count++
  return count
}

/** A fresh load: all that is there, in a document that nobody has open. */
function assertLoads(updates: readonly Uint8Array[]): void {
  if (updates.length === 0) return
  const doc = new Y.Doc()
  // clean-up would author deletions
  doc.on('afterTransaction', (transaction) => {
    transaction._needFormattingCleanup = false
  })
  const coverage = new Coverage()
  for (const update of updates) coverage.add(update)
  Y.applyUpdate(doc, mergeUpdates(updates))
  if (doc.store.pendingStructs ?? doc.store.pendingDs) throw damaged('It refers to something that it lacks')
  if (hashStateVector(Y.encodeStateVector(doc)) !== hashStateVector(coverage.encodeStateVector())) {
    throw damaged('What Yjs loads is not what the log covers')
  }
}

/** Collects what is thrown while a document is read. */
class Finding {
  readonly faults: Fault[] = []

  /** @returns what `read` gives, undefined where it threw */
  async guard<T>(where: Fault['at'], read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read()
    } catch (error) {
      const { code, message } = asFault(error)
      const { position } = error as { readonly position?: number }
      const fault = { at: where, code, reason: message }
      if (this.faults.length < faultsMax) this.faults.push(position === undefined ? fault : { ...fault, position })
      return undefined
    }
  }
}

function asFault(error: unknown): SynclineError {
  const known = readError(error)
  if (known.code !== 'storage_failed') return known
  // Yjs throws plain errors where it cannot load what the checksums say was written
  const isOfTheDisk = typeof (error as { code?: unknown }).code === 'string'
  return isOfTheDisk ? known : damaged(`It cannot be loaded: ${(error as Error).message}`)
}

/** Says of which record an error is. */
function at(position: number, error: unknown): unknown {
  return Object.assign(error as object, { position })
}

function damaged(fact: string): SynclineError {
  return new SynclineError('document_damaged', fact)
}
