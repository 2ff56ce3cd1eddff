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
  const { collected, expected } = collectUnverified(updates)
  const found = describe(load([collected], true))
  if (Buffer.compare(expected.vector, found.vector) !== 0) throw new CollectMismatch('The vector would change')
  if (!Y.equalDeleteSets(expected.deletions, found.deletions)) throw new CollectMismatch('The deletions would change')
  if (Buffer.compare(expected.content, found.content) !== 0) throw new CollectMismatch('The content would change')
  return collected
}

// Yjs joins the structs that a transaction has brought, and moves all that it brought behind them each time: with all keys
// of a paper in one transaction that takes as long as everything else. In very small ones it does much for each of them.
const groupBytes = 16 * 1024

/** The same updates, as fewer: each is applied in a transaction of its own. */
function* groupsOf(updates: readonly Uint8Array[]): Generator<Uint8Array, void> {
  let group: Uint8Array[] = []
  let bytes = 0
  for (const update of updates) {
    group.push(update)
    bytes += update.length
    if (bytes < groupBytes) continue
    yield mergeUpdates(group)
    group = []
    bytes = 0
  }
  if (group.length > 0) yield mergeUpdates(group)
}

/** By itself, so that its Y.Doc is gone when the next one is made: each takes up to 17 times its bytes. */
function collectUnverified(updates: readonly Uint8Array[]) {
  const doc = load(groupsOf(updates), false)
  const expected = describe(doc)
  // only now: what went in is described as it was
  Y.tryGc(expected.deletions, doc.store, () => true)
  return { collected: Y.encodeStateAsUpdate(doc), expected }
}

function load(updates: Iterable<Uint8Array>, gc: boolean): Y.Doc {
  const doc = new Y.Doc({ gc })
  // clean-up of formatting deletes, and nobody else would ever get these deletions
  doc.on('afterTransaction', (transaction) => {
    transaction._needFormattingCleanup = false
  })
  for (const update of updates) Y.applyUpdate(doc, update)
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
