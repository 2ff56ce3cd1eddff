import { SynclineError } from '@syncline/protocol'
import * as Y from 'yjs'
import { contentOf } from '../compaction/content.js'

type Updates = readonly Uint8Array[]

/** What a document comes to once it is loaded. */
interface Description {
  readonly vector: Uint8Array
  readonly deletions: ReturnType<typeof Y.createDeleteSetFromStructStore>
  readonly content: Uint8Array
  /** it waits for something that it refers to, and that is not described */
  readonly isPending: boolean
}

/**
 * Loads what the log has and what came from elsewhere as one document, and what the log would have as another, and
 * compares their state vectors, deletions and content.
 *
 * @param known what the log has
 * @param given what came from elsewhere
 * @param kept what the log would have
 * @param complete false where `given` refers to something that is missing: what Yjs then holds back is not compared
 * @throws SynclineError `unloadable_document` where they differ, or Yjs cannot load them
 */
export function assertSameDocument(known: Updates, given: Updates, kept: Updates, complete: boolean): void {
  // one after the other: a document takes up to 17 times its bytes
  const found = describe(kept)
  const first = describe([...known, ...given])
  // Yjs holds back more than it has to where updates come out of order, until it has what they refer to
  const expected = first.isPending ? describe([...kept, ...given]) : first
  if (found.isPending || (complete && expected.isPending)) {
    throw new SynclineError('unloadable_document', 'Yjs waits for something that it refers to')
  }
  const difference = differenceBetween(expected, found)
  if (difference !== null) throw new SynclineError('unloadable_document', `Its ${difference} would not be the same`)
}

/**
 * Loads updates into a new document, as they are: nothing is collected, and formatting is not cleaned up.
 *
 * @throws SynclineError `unloadable_document`
 */
export function load(updates: Updates): Y.Doc {
  const doc = new Y.Doc({ gc: false })
  // it deletes, and differently for updates that are cut differently
  doc.on('afterTransaction', (transaction) => {
    transaction._needFormattingCleanup = false
  })
  attempt(() => {
    doc.transact(() => {
      for (const update of updates) Y.applyUpdate(doc, update)
    })
  })
  return doc
}

function describe(updates: Updates): Description {
  const doc = load(updates)
  const isPending = doc.store.pendingStructs !== null || doc.store.pendingDs !== null
  if (isPending) forgetEmptyRoots(doc)
  return attempt(() => ({
    vector: Y.encodeStateVector(doc),
    deletions: Y.createDeleteSetFromStructStore(doc.store),
    content: contentOf(doc),
    isPending,
  }))
}

/** A root is there as soon as Yjs has read something of it, also where it holds that back. */
function forgetEmptyRoots({ share }: Y.Doc): void {
  for (const [name, { _start, _map }] of share) if (_start === null && _map.size === 0) share.delete(name)
}

function differenceBetween(a: Description, b: Description): string | null {
  if (Buffer.compare(a.vector, b.vector) !== 0) return 'state vector'
  if (!Y.equalDeleteSets(a.deletions, b.deletions)) return 'deletions'
  return Buffer.compare(a.content, b.content) === 0 ? null : 'content'
}

/** Whatever Yjs throws, a stack that overflows too, is a fault of the document. */
function attempt<Result>(run: () => Result): Result {
  try {
    return run()
  } catch (error) {
    throw Object.assign(new SynclineError('unloadable_document', (error as Error).message), { cause: error })
  }
}
