import { randomBytes } from 'node:crypto'
import {
  type Append,
  admitUpdate,
  assertDocumentName,
  Coverage,
  chainAfter,
  defaultLimits,
  type Head,
  type Log,
  mergeUpdates,
  type StoredDocument,
  SynclineError,
} from '@syncline/protocol'
import * as Y from 'yjs'
import { assertSameDocument } from './verify.js'

const { documentBytesMax, stateVectorClientsMax } = defaultLimits
// a whole document comes at once, so what bounds an edit does not bound it
const admissionLimits = { stateVectorClientsMax, updateDeleteRangesMax: Number.POSITIVE_INFINITY }
const clientsNamedMax = 3

/** What updates from elsewhere add to a document of the log. */
export interface Addition {
  /** to commit; null where the log has everything already */
  readonly append: Append | null
  /** the log has nothing of this document yet */
  readonly isNew: boolean
  /** bytes of what is new */
  readonly bytes: number
  /** what of the updates was left out because they refer to something that is in neither them nor the log, or null */
  readonly missing: string | null
}

/**
 * Works out what updates from elsewhere add to a document: what the log has is cut away, so the same updates add nothing
 * a second time. Both are loaded into a Y.Doc, and what would be in the log is compared with what came.
 *
 * @param given in any order; together they need not be complete
 * @throws SynclineError `invalid_name`, `malformed_update`, `unloadable_document`, `document_too_large`, and what reading
 *   throws, such as `document_deleted`
 */
export async function additionTo(
  log: Pick<Log, 'read'>,
  document: string,
  given: readonly Uint8Array[],
  now: number,
): Promise<Addition> {
  assertDocumentName(document)
  const stored = await log.read(document)
  const known = stored === null ? [] : updatesOf(stored)
  const coverage = new Coverage()
  for (const update of known) coverage.add(update)
  const all = mergeUpdates(given)
  const { update, complete } = admitUpdate(coverage, all, admissionLimits)
  const kept = update === null ? known : [...known, update]
  assertSize(kept)
  assertSameDocument(known, given, kept, complete)
  return {
    append: update && { document, ...recordAfter(stored, update, now) },
    isNew: known.length === 0,
    bytes: update?.length ?? 0,
    missing: complete ? null : describeMissing(all, coverage),
  }
}

/** Everything in a document, in order. */
export function updatesOf({ base, basePosition, records }: StoredDocument): Uint8Array[] {
  const tail = records.filter(({ position }) => position > basePosition)
  const updates = tail.flatMap(({ runs }) => runs.map(({ update }) => update))
  return base === null ? updates : [base, ...updates]
}

/** How far a document goes. */
export function headOf({ start, records }: StoredDocument): Head {
  return records.at(-1) ?? start
}

function recordAfter(stored: StoredDocument | null, update: Uint8Array, now: number): Omit<Append, 'document'> {
  const { position, chain } = stored === null ? { position: 0, chain: 0 } : headOf(stored)
  const runs = [{ author: '', update }]
  return {
    epoch: stored?.epoch ?? randomBytes(8).toString('hex'),
    record: { position: position + 1, chain: chainAfter(chain, runs), time: now, runs },
  }
}

function assertSize(updates: readonly Uint8Array[]): void {
  const bytes = updates.reduce((sum, { length }) => sum + length, 0)
  if (bytes > documentBytesMax) throw new SynclineError('document_too_large', `The document would have ${bytes} bytes`)
}

function describeMissing(update: Uint8Array, coverage: Coverage): string {
  const cut = [...Y.parseUpdateMeta(update).to]
    .map(([client, end]) => ({ client, clock: coverage.clock(client), end }))
    .filter(({ clock, end }) => clock < end)
  if (cut.length === 0) return 'It deletes something that is missing'
  const named = cut.slice(0, clientsNamedMax).map(({ client, clock }) => `${client} from clock ${clock} on`)
  const more = cut.length > clientsNamedMax ? `, and of ${cut.length - clientsNamedMax} other clients` : ''
  return `Something is missing that it refers to, so that these clients were cut: ${named.join(', ')}${more}`
}
