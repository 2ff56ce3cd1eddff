import { SynclineError, seedFrom } from '@syncline/protocol'
import * as Y from 'yjs'

/** What a document begins with: an update, or a function that writes it into an empty Y.Doc, always the same. */
export type FirstContent = Uint8Array | ((doc: Y.Doc) => void)

/**
 * The same bytes wherever the same content is given for a document of this name.
 *
 * @throws SynclineError `invalid_option` where a function writes something else each time, or nothing can be read
 */
export function firstContent(initial: FirstContent, name: string): Uint8Array {
  try {
    if (initial instanceof Uint8Array) return seedFrom(initial, name)
    const seed = seedFrom(written(initial), name)
    if (String(seed) === String(seedFrom(written(initial), name))) return seed
  } catch (error) {
    if (!(error instanceof SynclineError)) throw error
    throw new SynclineError('invalid_option', `The first content of "${name}": ${error.message}`)
  }
  throw new SynclineError('invalid_option', `The first content of "${name}" is another one each time that it is made`)
}

function written(write: (doc: Y.Doc) => void): Uint8Array {
  const doc = new Y.Doc({ gc: false })
  doc.clientID = 1
  write(doc)
  const update = Y.encodeStateAsUpdate(doc)
  doc.destroy()
  return update
}
