import * as Y from 'yjs'
import type { SharedDocument } from '../document.js'
import type { Recorder } from './recorder.js'
import type { DocumentInspection } from './types.js'

/** Looks at a document; the cost is that of encoding it once. */
export function inspect(
  document: SharedDocument,
  recorder: Recorder,
  connection: Omit<DocumentInspection['connection'], 'roundTripMs'>,
): DocumentInspection {
  // who only reads learns the time from a comparison, which nothing but a document in sync makes
  if (recorder.isStale) document.compareWithRelay()
  const { doc, awareness, status, name } = document
  const structs = [...doc.store.clients.values()]
  return {
    name,
    document: {
      bytes: Y.encodeStateAsUpdate(doc).length,
      clients: structs.length,
      structs: structs.reduce((sum, { length }) => sum + length, 0),
      deleted: structs.reduce((sum, all) => sum + all.filter(({ deleted }) => deleted).length, 0),
      subdocuments: doc.subdocs.size,
    },
    people: awareness.getStates().size,
    status,
    connection: { ...connection, roundTripMs: recorder.roundTripMs },
    updates: recorder.updates,
    messages: [...recorder.messages],
  }
}
