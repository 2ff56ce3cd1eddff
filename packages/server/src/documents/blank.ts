import * as Y from 'yjs'

/** An update that says nothing: a document that has it is there, and empty. It is one struct, which is collected. */
export function blankUpdate(): Uint8Array {
  const doc = new Y.Doc()
  doc.transact(() => {
    doc.getMap('blank').set('blank', null)
    doc.getMap('blank').delete('blank')
  })
  return Y.encodeStateAsUpdate(doc)
}
