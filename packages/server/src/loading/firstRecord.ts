import { type Append, chainAfter, type LogRecord, type StoredDocument } from '@syncline/protocol'
import type { Storage } from '../rooms/storage.js'

/** In whose name content of the application is kept in the log. */
export const loadSubject = 'syncline:load'

/** A document that is to begin with content. */
export interface Beginning {
  readonly document: string
  readonly epoch: string
  readonly update: Uint8Array
}

/**
 * Makes content a document's first record. Resolves when it is on disk, with the document as it is there.
 *
 * @throws SynclineError `storage_failed`
 */
export function commitFirst(storage: Storage, { document, epoch, update }: Beginning): Promise<StoredDocument> {
  return new Promise((resolve, reject) => {
    let record: LogRecord | null = null
    storage.request({
      take(time): Append {
        const runs = [{ author: loadSubject, update }]
        record = { position: 1, time, chain: chainAfter(0, runs), runs }
        return { document, epoch, record }
      },
      committed() {
        const records = record === null ? [] : [record]
        resolve({ epoch, base: null, basePosition: 0, start: { position: 0, chain: 0 }, records })
      },
      failed: reject,
    })
  })
}
