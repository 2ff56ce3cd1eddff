import { type ErrorCode, type PeerView, type RefusedRow, SynclineError } from '@syncline/protocol'
import type { ConnectionState, DocumentStatus, RefusedEdit, StorageStatus } from './types.js'

/** What the application is told of a document. */
export function statusOf(
  peer: PeerView,
  connection: ConnectionState,
  storage: StorageStatus,
  syncedAt: number | null,
): DocumentStatus {
  const { state, pending, access, edits, kept, saved, refused } = peer
  return Object.freeze({
    connection: connectionStatus(peer, connection),
    synced: state.at === 'live',
    pending,
    saved: pending === 0,
    unkept: edits - Math.max(kept, saved),
    refused: refused.reduce((sum, { changes }) => sum + changes, 0),
    storage,
    syncedAt,
    access,
    error: state.at === 'refused' ? Object.freeze({ code: state.code, reason: state.reason }) : null,
  })
}

function connectionStatus({ state: { at } }: PeerView, connection: ConnectionState): DocumentStatus['connection'] {
  if (at === 'refused' || at === 'closed') return at
  if (at === 'syncing' || at === 'live') return 'online'
  // connected, but this document's session is still to be opened
  return connection === 'online' ? 'connecting' : connection
}

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

/** Nothing of it changed. */
export function equalStatus(a: DocumentStatus, b: DocumentStatus): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
