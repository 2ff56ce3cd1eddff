import * as Y from 'yjs'

/** State vector, deletes and content, comparable as text. */
export function stateOf(doc: Y.Doc): string {
  const { structs, ds } = Y.decodeUpdate(Y.encodeStateAsUpdate(doc))
  const clocks = [...Y.decodeStateVector(Y.encodeStateVector(doc))].sort(([a], [b]) => a - b)
  const deletes = [...ds.clients]
    .sort(([a], [b]) => a - b)
    .map(([client, ranges]) => [client, ranges.map(({ clock, len }) => [clock, len])])
  const map = Object.entries(doc.getMap('map').toJSON()).sort(([a], [b]) => (a < b ? -1 : 1))
  const json = [doc.getText('text').toDelta(), map, doc.getArray('array').toJSON()]
  return JSON.stringify({ clocks, deletes, json, structs: structs.length > 0 })
}
