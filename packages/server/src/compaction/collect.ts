import { mergeUpdates } from '@syncline/protocol'
import * as Y from 'yjs'
import { contentOf } from './content.js'

/** The collected document would differ from what went in; the message says in what. */
export class CollectMismatch extends Error {
  override readonly name = 'CollectMismatch'
}

/**
 * One update with the same document as all these, without what was deleted in it. It has been loaded and compared: it has
 * the same state vector, the same deletions and the same content as what went in.
 *
 * @param updates which lack nothing that they refer to
 * @throws CollectMismatch where anything differs; what Yjs throws where it cannot load the updates
 */
export function collect(updates: readonly Uint8Array[]): Uint8Array {
  const { collected, expected } = collectUnverified(mergeUpdates(updates))
  const found = describe(load(collected, true))
  if (Buffer.compare(expected.vector, found.vector) !== 0) throw new CollectMismatch('The vector would change')
  if (!Y.equalDeleteSets(expected.deletions, found.deletions)) throw new CollectMismatch('The deletions would change')
  if (Buffer.compare(expected.content, found.content) !== 0) throw new CollectMismatch('The content would change')
  return collected
}

/** By itself, so that its Y.Doc is gone when the next one is made: each takes up to 17 times its bytes. */
function collectUnverified(update: Uint8Array) {
  const doc = load(update, false)
  const expected = describe(doc)
  // only now: what went in is described as it was
  Y.tryGc(expected.deletions, doc.store, () => true)
  return { collected: Y.encodeStateAsUpdate(doc), expected }
}

function load(update: Uint8Array, gc: boolean): Y.Doc {
  const doc = new Y.Doc({ gc })
  // clean-up of formatting deletes, and nobody else would ever get these deletions
  doc.on('afterTransaction', (transaction) => {
    transaction._needFormattingCleanup = false
  })
  Y.applyUpdate(doc, update)
  if (doc.store.pendingStructs ?? doc.store.pendingDs) throw new CollectMismatch('It refers to something that it lacks')
  return doc
}

function describe(doc: Y.Doc) {
  return {
    vector: Y.encodeStateVector(doc),
    deletions: Y.createDeleteSetFromStructStore(doc.store),
    content: contentOf(doc),
  }
}
