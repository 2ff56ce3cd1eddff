import * as Y from 'yjs'

/** An update, taken apart once, to be looked for in replicas. */
export type DecodedUpdate = ReturnType<typeof Y.decodeUpdate>

/** True where a replica has integrated all of an update: its inserts and its deletes. */
export function holds(doc: Y.Doc, { structs, ds }: DecodedUpdate): boolean {
  const { store } = doc
  const hasInserts = structs.every(({ id, length }) => Y.getState(store, id.client) >= id.clock + length)
  return (
    hasInserts && [...ds.clients].every(([client, ranges]) => ranges.every((range) => isDeleted(doc, client, range)))
  )
}

function isDeleted({ store }: Y.Doc, client: number, { clock, len }: { clock: number; len: number }): boolean {
  const end = clock + len
  if (Y.getState(store, client) < end) return false
  for (let at = clock; at < end; ) {
    const struct = Y.getItem(store, Y.createID(client, at))
    if (!struct.deleted) return false
    at = struct.id.clock + struct.length
  }
  return true
}
