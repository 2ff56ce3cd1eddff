// A key is one letter for its space, the document's name in UTF-8 and, for a record, 0 and its position. Names have no
// control characters, so the 0 ends them: keys sort as names do, then as positions do. LOG.md has examples.

/** The directory's format: the only key of the relay's own space so far. */
export const formatKey: Uint8Array = Buffer.from('f')

const positionBytes = 8

/** Where a document's epoch and base position are. */
export function documentKey(name: string): Uint8Array {
  return Buffer.from(`d${name}`)
}

/** Where a document's base is. */
export function baseKey(name: string): Uint8Array {
  return Buffer.from(`b${name}`)
}

/** Where a document's record of that position is. */
export function recordKey(name: string, position: number): Uint8Array {
  const start = Buffer.from(`r${name}\0`)
  const key = Buffer.allocUnsafe(start.length + positionBytes)
  start.copy(key)
  key.writeBigUInt64BE(BigInt(position), start.length)
  return key
}

/** The keys of a document's records from one position on. */
export function recordRange(name: string, from: number): { gte: Uint8Array; lte: Uint8Array } {
  return { gte: recordKey(name, from), lte: recordKey(name, Number.MAX_SAFE_INTEGER) }
}

/** The keys of all documents whose names start with `prefix` and come after `after`. */
export function documentRange(prefix: string, after: string): { gt?: Uint8Array; gte?: Uint8Array; lt: Uint8Array } {
  const start = documentKey(prefix)
  const last = documentKey(after)
  const lt = Buffer.concat([start, Buffer.of(0xff)]) // no byte of UTF-8
  return Buffer.compare(last, start) < 0 ? { gte: start, lt } : { gt: last, lt }
}

/** The name in a document's key. */
export function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset + 1, key.length - 1).toString()
}

/** The position in a record's key. */
export function positionOf(key: Uint8Array): number {
  const view = new DataView(key.buffer, key.byteOffset + key.length - positionBytes, positionBytes)
  return Number(view.getBigUint64(0))
}
