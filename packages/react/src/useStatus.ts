import type { DocumentHandle, DocumentStatus } from '@syncline/client'
import { useCallback, useSyncExternalStore } from 'react'

/** The status of a document, with each change of it. */
export function useStatus(handle: DocumentHandle): DocumentStatus
/** Of no handle yet: `null`. */
export function useStatus(handle: DocumentHandle | null): DocumentStatus | null
/** The implementation of both. */
export function useStatus(handle: DocumentHandle | null): DocumentStatus | null {
  const subscribe = useCallback((changed: () => void) => handle?.on('status', changed) ?? (() => undefined), [handle])
  const read = () => handle?.status ?? null
  return useSyncExternalStore(subscribe, read, read)
}
