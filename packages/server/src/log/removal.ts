import { SynclineError } from '@syncline/protocol'
import type { Database } from './directory.js'
import { baseRange, documentKey, historyRange, pastKey, quarantineRange, type Range, recordRange } from './keys.js'
import { type Note, putNotes } from './notes.js'
import { decodeDocument, decodePast, encodeDocument, encodePast, newDocumentHead, type Past } from './values.js'

type Snapshot = ReturnType<Database['snapshot']>

const noPast: Past = { time: 0, deleted: [], renewed: [] }

/** The epochs that a document had before; empty where there are none. */
export async function readPast(database: Database, document: string, snapshot?: Snapshot): Promise<Past> {
  const value = await database.get(pastKey(document), snapshot ? { snapshot } : {})
  return value === undefined ? noPast : decodePast(value)
}

/** @throws SynclineError `document_deleted` where a document without a head has been one */
export function assertNotDeleted({ deleted, time }: Past): void {
  if (deleted.length === 0) return
  throw new SynclineError('document_deleted', `It was deleted at ${new Date(time).toISOString()}`)
}

/**
 * Takes a document away: with one batch it is deleted, whatever is still there of it counts no more and goes at once.
 *
 * @returns false where there is none
 */
export async function removeDocument(
  database: Database,
  document: string,
  time: number,
  notes: readonly Note[] = [],
): Promise<boolean> {
  const head = await database.get(documentKey(document))
  const past = await lenientPast(database, document)
  const exists = head !== undefined || (past.deleted.length === 0 && (await hasContent(database, document)))
  if (exists) {
    const epochs = head === undefined ? [] : epochsOf(head)
    const deleted = [...past.deleted, ...past.renewed, ...epochs]
    // what cannot be read may be deleted too
    const value = encodePast({ time, deleted: deleted.length === 0 ? [unknownEpoch] : deleted, renewed: [] })
    const batch = database.batch().del(documentKey(document)).put(pastKey(document), value)
    putNotes(batch, notes)
    await batch.write({ sync: true })
  }
  // also what a crash left of an earlier removal
  if (exists || past.deleted.length > 0) await clearContent(database, document)
  return exists
}

/** @returns false where no document of this name was deleted */
export async function createDocument(
  database: Database,
  document: string,
  epoch: string,
  notes: readonly Note[] = [],
): Promise<boolean> {
  if ((await database.get(documentKey(document))) !== undefined) return false
  const { deleted } = await readPast(database, document)
  if (deleted.length === 0) return false
  await clearContent(database, document) // a crash during the removal left it, and it would count again
  const batch = database.batch().put(documentKey(document), encodeDocument(newDocumentHead(epoch)))
  putNotes(batch, notes)
  await batch.write({ sync: true })
  return true
}

const unknownEpoch = '0000000000000000'

async function lenientPast(database: Database, document: string): Promise<Past> {
  try {
    return await readPast(database, document)
  } catch (error) {
    if (error instanceof SynclineError && error.code === 'document_damaged') return noPast
    throw error
  }
}

function epochsOf(head: Uint8Array): string[] {
  try {
    return [decodeDocument(head).epoch]
  } catch {
    return []
  }
}

/** Where all of a document is, but for its head and its past. */
export function contentRanges(document: string): Range[] {
  return [
    recordRange(document, 0),
    baseRange(document, 0, Number.MAX_SAFE_INTEGER),
    historyRange(document, 0),
    quarantineRange(document),
  ]
}

async function hasContent(database: Database, document: string): Promise<boolean> {
  for (const range of contentRanges(document)) {
    if ((await database.keys({ ...range, limit: 1 }).all()).length > 0) return true
  }
  return false
}

async function clearContent(database: Database, document: string): Promise<void> {
  for (const range of contentRanges(document)) await database.clear(range)
}
