import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'

/** What documents of the bench have: one text of this name. */
export const textName = 'text'

/** The same for editors of rich text. */
export const richName = 'rich'

const alphabet = 'etaoin shrdlu cmfwyp vbgkqj'

/** What one person types into an empty document, a character an update. Whatever others type, it lacks nothing. */
export function typing(client: number, count: number): Uint8Array[] {
  const doc = new Y.Doc()
  doc.clientID = client
  const updates: Uint8Array[] = []
  doc.on('update', (update) => updates.push(update))
  const text = doc.getText(textName)
  for (let i = 0; i < count; i++) text.insert(i, alphabet[i % alphabet.length]!)
  return updates
}

/** One update: a text of about so many bytes, in pieces as people type and paste them. */
export function writing(client: number, bytes: number): Uint8Array {
  return volumes(1, bytes, client).updates[0]!
}

/** One text in many updates of so many bytes, each by an author of its own, and the document that they make. */
export function volumes(count: number, bytesEach: number, firstClient = 1): { updates: Uint8Array[]; doc: Y.Doc } {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', (update) => updates.push(update))
  const text = doc.getText(textName)
  const piece = alphabet.repeat(2).slice(0, 40)
  for (let i = 0; i < count; i++) {
    doc.clientID = firstClient + i
    const start = text.length
    doc.transact(() => {
      // each piece goes somewhere else, so that Yjs does not join them; its header takes some 15 bytes
      for (let written = 0; written < bytesEach; written += piece.length + 15) {
        text.insert(start + ((written * 7919) % (text.length - start + 1)), piece)
      }
    })
  }
  return { updates, doc }
}

/** A person's state: who it is and where its cursor is, as editor bindings write it. */
export function cursor(client: number, clock: number): Uint8Array {
  const position = { type: null, tname: textName, item: { client, clock }, assoc: 0 }
  const user = { name: `Person ${client}`, color: '#30bced' }
  return encoding.encode((encoder) => {
    encoding.writeVarUint(encoder, 1)
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, clock)
    encoding.writeVarString(encoder, JSON.stringify({ user, cursor: { anchor: position, head: position } }))
  })
}

/** The document that updates make. */
export function documentOf(updates: Iterable<Uint8Array>): Y.Doc {
  const doc = new Y.Doc()
  doc.transact(() => {
    for (const update of updates) Y.applyUpdate(doc, update)
  })
  return doc
}

/** How far a document goes, by client id. */
export function clocksOf(doc: Y.Doc): Map<number, number> {
  return Y.decodeStateVector(Y.encodeStateVector(doc))
}
