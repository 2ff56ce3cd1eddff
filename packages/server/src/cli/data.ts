import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { type Log, type StoredDocument, SynclineError } from '@syncline/protocol'
import { openLevelLog } from '../log/index.js'

/**
 * Runs something on the log of a data directory, and closes it again.
 *
 * @param missing what to do where there is no log: make one, or refuse
 * @throws SynclineError `invalid_option`, `data_in_use`, and what opening the log throws
 */
export async function withLog<Result>(
  data: string,
  missing: 'create' | 'refuse',
  run: (log: Log) => Promise<Result>,
): Promise<Result> {
  if (missing === 'refuse') await assertLog(data)
  const log = await openLevelLog(data)
  try {
    return await run(log)
  } finally {
    await log.close()
  }
}

/** Throws `invalid_option` where a data directory has no log. */
export async function assertLog(data: string): Promise<void> {
  await access(join(data, 'log')).catch(() => {
    throw new SynclineError('invalid_option', `--data: there are no documents in ${data}`)
  })
}

/**
 * Reads a document that has to be there.
 *
 * @throws SynclineError `no_document`, `document_damaged`
 */
export async function readDocument(log: Log, name: string): Promise<StoredDocument> {
  const stored = await log.read(name)
  if (stored === null) throw new SynclineError('no_document', JSON.stringify(name))
  return stored
}
