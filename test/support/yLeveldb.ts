import { Level } from 'level'
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'

/** Writes documents as y-leveldb does, but for what it finds its documents by. */
export async function writeYLeveldb(directory: string, names: readonly string[]): Promise<void> {
  const database = new Level<Uint8Array, Uint8Array>(directory, { keyEncoding: 'view', valueEncoding: 'view' })
  await database.open()
  const batch = database.batch()
  for (const name of names) {
    const doc = new Y.Doc()
    doc.getText('text').insert(0, `This is ${name}`)
    batch.put(updateKey(name), Y.encodeStateAsUpdate(doc))
  }
  await batch.write()
  await database.close()
}

function updateKey(name: string): Uint8Array {
  const encoder = encoding.createEncoder()
  for (const part of ['v1', name, 'update']) {
    encoding.writeUint8(encoder, 0)
    encoding.writeVarString(encoder, part)
  }
  encoding.writeUint8Array(encoder, Uint8Array.of(1, 0, 0, 0, 0))
  return encoding.toUint8Array(encoder)
}
