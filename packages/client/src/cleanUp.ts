import type { PeerView } from '@syncline/protocol'
import type * as Y from 'yjs'

/**
 * Keeps Yjs from tidying up formatting at the end of a transaction while this replica may only read: the deletions would
 * be authored here, and nobody else would ever get them. What the local copy brings is left alone too, since the relay
 * has not said yet who this is.
 *
 * @param origin of what comes from the relay and from the local copy
 * @returns what listens for `afterTransaction`
 */
export function holdCleanUp(peer: PeerView, origin: unknown): (transaction: Y.Transaction) => void {
  return (transaction) => {
    const isSettled = peer.state.at === 'syncing' || peer.state.at === 'live'
    const mayBeReader = peer.access === 'read' || (transaction.origin === origin && !isSettled)
    if (mayBeReader) transaction._needFormattingCleanup = false
  }
}
