import type { DocumentHandle } from '@syncline/client'
import { useMemo } from 'react'
import { share } from './share.js'
import { useSelected } from './useSelected.js'

/** Somebody who has the document open, oneself included. */
export interface Peer {
  /** Yjs' id of this client in this document */
  readonly clientId: number
  readonly isSelf: boolean
  /** what they say of themselves: a stranger wrote it, so check it */
  readonly state: Readonly<Record<string, unknown>>
}

const nobody: readonly Peer[] = []

/**
 * Everybody who has the document open, in the order of their client ids; nobody where there is no handle yet. Parts that
 * did not change keep their identity.
 */
export function useAwareness(handle: DocumentHandle | null): readonly Peer[]
/** What `selector` makes of them: the component renders anew only where that changes. */
export function useAwareness<T>(handle: DocumentHandle | null, selector: (peers: readonly Peer[]) => T): T
/** The implementation of both. */
export function useAwareness(
  handle: DocumentHandle | null,
  selector: (peers: readonly Peer[]) => unknown = itself,
): unknown {
  const awareness = handle?.awareness ?? null
  const { subscribe, read } = useMemo(() => {
    let peers = nobody
    const read = () => {
      if (awareness === null) return nobody
      const now = Array.from(awareness.getStates(), ([clientId, state]): Peer => {
        return { clientId, isSelf: clientId === awareness.clientID, state }
      })
      now.sort((a, b) => a.clientId - b.clientId)
      peers = share(peers, now)
      return peers
    }
    const subscribe = (changed: () => void) => {
      awareness?.on('change', changed)
      return () => awareness?.off('change', changed)
    }
    return { subscribe, read }
  }, [awareness])
  return useSelected(subscribe, read, selector)
}

function itself<T>(value: T): T {
  return value
}
