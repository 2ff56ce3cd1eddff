import { type ErrorCode, type RefusedRow, SynclineError } from '@syncline/protocol'
import type { DocumentStatus, RefusedEdit } from './types.js'

/** What the application is told of a refused row. */
export function refusedEdit({ id: _, ...row }: RefusedRow): RefusedEdit {
  return Object.freeze({ ...row, bytes: row.update.length })
}

/** An error with the relay's own words, which bring the advice of the code along. */
export function refusal({ code, reason }: { readonly code: ErrorCode; readonly reason: string }): SynclineError {
  const error = new SynclineError(code)
  if (reason !== '') error.message = reason
  return error
}

export function equalStatus(a: DocumentStatus, b: DocumentStatus): boolean {
  return (
    a.connection === b.connection &&
    a.synced === b.synced &&
    a.pending === b.pending &&
    a.unkept === b.unkept &&
    a.refused === b.refused &&
    a.storage === b.storage &&
    a.access === b.access &&
    a.error?.code === b.error?.code &&
    a.error?.reason === b.error?.reason
  )
}
