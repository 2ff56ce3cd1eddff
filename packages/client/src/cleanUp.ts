import type { PeerView } from '@syncline/protocol'
import type * as Y from 'yjs'

/**
 * Keeps Yjs from tidying up formatting at the end of a transaction while this replica may only read: the deletions would
 * be authored here, and nobody else would ever get them. What the local copy brings is left alone too, since the relay
 * has not said yet who this is.
 *
 * @param origin of what comes from the relay and from the local copy
 * @returns ends it
 */
export function holdCleanUp(doc: Y.Doc, peer: PeerView, origin: unknown): () => void {
  const hold = (transaction: Y.Transaction) => {
    const isSettled = peer.state.at === 'syncing' || peer.state.at === 'live'
    const mayBeReader = peer.access === 'read' || (transaction.origin === origin && !isSettled)
    if (mayBeReader) transaction._needFormattingCleanup = false
  }
  doc.on('afterTransaction', hold)
  return () => doc.off('afterTransaction', hold)
}
