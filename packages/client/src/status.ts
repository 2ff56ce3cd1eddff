import type { DocumentStatus } from './types.js'

/** Nothing of it changed. */
export function equalStatus(a: DocumentStatus, b: DocumentStatus): boolean {
  return (
    a.connection === b.connection &&
    a.synced === b.synced &&
    a.pending === b.pending &&
    a.unkept === b.unkept &&
    a.storage === b.storage &&
    a.access === b.access &&
    a.error?.code === b.error?.code &&
    a.error?.reason === b.error?.reason
  )
}
