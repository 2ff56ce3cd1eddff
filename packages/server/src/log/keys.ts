// A key is one letter for its space, the document's name in UTF-8 and, for what a document has several of, 0 and a
// position. Names have no control characters, so the 0 ends them: keys sort as names do, then as positions do. LOG.md has
// examples.

/** The directory's format: the only key of the relay's own space so far. */
export const formatKey: Uint8Array = Buffer.from('f')

const positionBytes = 8
const partBytes = 4
const partMax = 2 ** 32 - 1

/** Bounds of keys, both inclusive. */
export interface Range {
  readonly gte: Uint8Array
  readonly lte: Uint8Array
}

/** Where a document's epoch and base position are. */
export function documentKey(name: string): Uint8Array {
  return Buffer.from(`d${name}`)
}

/** Whether a key is that of a document's head. */
export function isDocumentKey(key: Uint8Array): boolean {
  return key[0] === 0x64
}

/** Where a part of the base is that goes up to this position. */
export function baseKey(name: string, position: number, part: number): Uint8Array {
  const start = positionKey('b', name, position)
  const key = Buffer.allocUnsafe(start.length + partBytes)
  start.copy(key)
  key.writeUInt32BE(part, start.length)
  return key
}

/** The keys of all parts of a document's bases that go up to a position in this range. */
export function baseRange(name: string, from: number, to: number): Range {
  return { gte: baseKey(name, from, 0), lte: baseKey(name, to, partMax) }
}

/** Where a document's record of that position is. */
export function recordKey(name: string, position: number): Uint8Array {
  return positionKey('r', name, position)
}

/** The keys of a document's records from one position on, up to another. */
export function recordRange(name: string, from: number, to = Number.MAX_SAFE_INTEGER): Range {
  return { gte: recordKey(name, from), lte: recordKey(name, to) }
}

/** Where a record of that position is when it was moved aside. */
export function historyKey(name: string, position: number): Uint8Array {
  return positionKey('h', name, position)
}

/** The keys of the records that were moved aside, from one position on. */
export function historyRange(name: string, from: number, to = Number.MAX_SAFE_INTEGER): Range {
  return { gte: historyKey(name, from), lte: historyKey(name, to) }
}

/** Where the epochs are that a document had before. */
export function pastKey(name: string): Uint8Array {
  return Buffer.from(`p${name}`)
}

/** Where repair put what was stored under `key`, at this time in ms since 1970. */
export function quarantineKey(name: string, time: number, key: Uint8Array): Uint8Array {
  const space = key.subarray(0, 1)
  const rest = key.subarray(1 + Buffer.byteLength(name) + 1) // without the 0, too
  return Buffer.concat([positionKey('q', name, time), space, rest])
}

/** The keys of everything of a document that repair set aside. */
export function quarantineRange(name: string): Range {
  const lte = Buffer.concat([positionKey('q', name, Number.MAX_SAFE_INTEGER), Buffer.of(0xff)])
  return { gte: positionKey('q', name, 0), lte }
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

function positionKey(space: string, name: string, position: number): Buffer {
  const start = Buffer.from(`${space}${name}\0`)
  const key = Buffer.allocUnsafe(start.length + positionBytes)
  start.copy(key)
  key.writeBigUInt64BE(BigInt(position), start.length)
  return key
}
