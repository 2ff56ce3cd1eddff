import type { Cursor } from './cursor.js'
import { isJson } from './json.js'

/**
 * Arrays and objects within each other in one value. Deeper ones Yjs would load, and then overflow the stack where it
 * encodes them again.
 */
export const valueDepthMax = 512

/** Skips a value in lib0's `any` encoding. */
export function skipAny(cursor: Cursor, depth = 0): void {
  const tag = cursor.byte()
  switch (tag) {
    case 127: // undefined
    case 126: // null
    case 121: // false
    case 120: // true
      return
    case 125:
      return skipInteger(cursor)
    case 124: // float32
      return cursor.skip(4)
    case 123: // float64
    case 122: // bigint
      return cursor.skip(8)
    case 119:
      cursor.text()
      return
    case 118:
      return skipAnyMembers(cursor, depth, true)
    case 117:
      return skipAnyMembers(cursor, depth, false)
    case 116: // bytes
      return cursor.skip(cursor.uint())
    default:
      throw cursor.fault(`A value has the unknown tag ${tag}`, cursor.at - 1)
  }
}

/**
 * The key `__proto__` and the tag of bytes. lib0 sets the prototype of what it reads, and takes it for a Uint8Array when
 * it has to write it: the document could not be encoded again.
 */
const bytesAsPrototype = [9, 0x5f, 0x5f, 0x70, 0x72, 0x6f, 0x74, 0x6f, 0x5f, 0x5f, 116]

function skipAnyMembers(cursor: Cursor, depth: number, keyed: boolean): void {
  if (depth === valueDepthMax) throw cursor.fault('A value is nested too deep')
  for (let left = cursor.uint(); left > 0; left--) {
    if (keyed) skipAnyMember(cursor, depth + 1)
    else skipAny(cursor, depth + 1)
  }
}

/** Skips a key and its value. */
function skipAnyMember(cursor: Cursor, depth: number): void {
  if (cursor.startsWith(bytesAsPrototype)) throw cursor.fault('An object has bytes for its prototype')
  cursor.text()
  skipAny(cursor, depth)
}

/** lib0's varInt: six bits and the sign in the first byte, then seven bits a byte. */
function skipInteger(cursor: Cursor): void {
  let byte = cursor.byte()
  if (byte < 0x80) return
  for (let length = 2; length <= 8; length++) {
    byte = cursor.byte()
    if (byte < 0x80) {
      // six bits and six times seven before the eighth byte: five more make 53
      if (byte === 0 || (length === 8 && byte > 0x1f)) break
      return
    }
  }
  throw cursor.fault('An integer is longer than needed, or larger than 2^53 - 1')
}

/** Skips a string that holds a JSON text. */
export function skipJson(cursor: Cursor): void {
  cursor.textOf(isBoundedJson, 'JSON, or nested too deep')
}

function isBoundedJson(bytes: Uint8Array, from: number, to: number): boolean {
  return isJson(bytes, from, to, valueDepthMax)
}

/** `undefined` after its length: Yjs writes it where an element of a JSON array is undefined */
const undefinedText = [9, 0x75, 0x6e, 0x64, 0x65, 0x66, 0x69, 0x6e, 0x65, 0x64]

/** Skips an element of the JSON arrays of old. */
export function skipJsonElement(cursor: Cursor): void {
  if (cursor.startsWith(undefinedText)) cursor.skip(undefinedText.length)
  else skipJson(cursor)
}

/** `guid` and `gcFilter`, each after its length. */
const harmfulOptions = [
  [4, 0x67, 0x75, 0x69, 0x64],
  [8, 0x67, 0x63, 0x46, 0x69, 0x6c, 0x74, 0x65, 0x72],
]

/**
 * Skips the options of a subdocument. Yjs hands whatever it reads to the constructor of `Doc`. Nobody writes a `guid`
 * there; one that is null makes a document that can't be encoded again. A filter can't be a function.
 */
export function skipDocOptions(cursor: Cursor): void {
  if (cursor.byte() !== 118) throw cursor.fault('The options of a subdocument are no object', cursor.at - 1)
  for (let left = cursor.uint(); left > 0; left--) {
    if (harmfulOptions.some((option) => cursor.startsWith(option))) {
      throw cursor.fault('A subdocument has an option that would harm it')
    }
    skipAnyMember(cursor, 1)
  }
}
