import type { DocumentHandle } from '@syncline/client'
import { useCallback, useSyncExternalStore } from 'react'
import type * as Y from 'yjs'

/**
 * The `Y.Doc` of a handle, and the one that takes its place where the replica is rebuilt: the component renders anew then.
 * `useDocument` follows it as well; this hook is for a component that gets a handle as a property.
 */
export function useDoc(handle: DocumentHandle): Y.Doc
/** Of no handle yet: `null`. */
export function useDoc(handle: DocumentHandle | null): Y.Doc | null
/** The implementation of both. */
export function useDoc(handle: DocumentHandle | null): Y.Doc | null {
  const subscribe = useCallback((changed: () => void) => onReplaced(handle, changed), [handle])
  const read = () => handle?.doc ?? null
  return useSyncExternalStore(subscribe, read, read)
}

/** A client that never replaces the document calls back for other reasons, which change nothing. */
function onReplaced(handle: DocumentHandle | null, changed: () => void): () => void {
  const on = handle?.on as ((event: string, listener: () => void) => () => void) | undefined
  return on?.call(handle, 'replaced', changed) ?? (() => undefined)
}
