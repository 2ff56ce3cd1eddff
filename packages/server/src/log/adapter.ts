import { type Append, assertDocumentName, type Log, SynclineError } from '@syncline/protocol'

/** What a log's `list` takes. */
export type ListOptions = NonNullable<Parameters<Log['list']>[0]>

/** What a log's `history` takes. */
export type HistoryOptions = NonNullable<Parameters<Log['history']>[1]>

/** Documents that a listing without a limit gives. */
export const listLimitDefault = 1_000

/** Records that a history without a limit gives. */
export const historyLimitDefault = 1_000

/** Refuses a name that a log could not give back; how long it may be is not the log's business. */
export function assertStorableName(document: string): void {
  assertDocumentName(document, Number.POSITIVE_INFINITY)
}

/**
 * Checks that every append follows the last record of its document, before anything is written.
 *
 * @param headOf position of a document's last record, 0 where it has none
 * @returns the positions after the commit
 * @throws SynclineError `internal`: a gap or a second record at a position is a bug of the caller
 */
export function headsAfter(appends: readonly Append[], headOf: (document: string) => number): Map<string, number> {
  const heads = new Map<string, number>()
  for (const { document, record } of appends) {
    const head = heads.get(document) ?? headOf(document)
    if (record.position !== head + 1) {
      const fact = `Record ${record.position} of ${JSON.stringify(document)} cannot follow record ${head}`
      throw new SynclineError('internal', fact)
    }
    heads.set(document, record.position)
  }
  return heads
}

/**
 * A `storage_failed` whose `cause` is what the disk or LevelDB said. That is for the operator alone: it may have paths of
 * the machine in it, and the message can reach clients.
 */
export function storageFailed(fact: string, cause: unknown): SynclineError {
  return Object.assign(new SynclineError('storage_failed', fact), { cause })
}

/** What reading threw, as an error with a code. */
export function readError(error: unknown): SynclineError {
  if (error instanceof SynclineError) return error
  if ((error as { code?: unknown }).code === 'LEVEL_CORRUPTION') {
    return Object.assign(new SynclineError('document_damaged', 'LevelDB found damage in its files'), { cause: error })
  }
  return storageFailed('The document cannot be read', error)
}
