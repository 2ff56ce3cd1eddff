import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'

/** Arrays and objects within each other in one plain value; the relay refuses deeper ones. */
const plainDepthMax = 512

/** Whether JSON gives this value back as it is. */
export function isJsonValue(value: unknown, depth = 0): boolean {
  switch (typeof value) {
    case 'boolean':
    case 'string':
      return true
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
    case 'object':
      return value === null || isJsonObject(value, depth + 1)
    default:
      return false
  }
}

function isJsonObject(value: object, depth: number): boolean {
  if (depth > plainDepthMax || value instanceof Uint8Array) return false
  return Object.values(value).every((member) => isJsonValue(member, depth))
}

/** Whether a value that came from JSON can be stored: Yjs loses what stands under the key `__proto__`. */
export function isStorable(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (depth === plainDepthMax || (!Array.isArray(value) && Object.hasOwn(value, '__proto__'))) return false
  return Object.values(value).every((member) => isStorable(member, depth + 1))
}

/** A value in lib0's encoding of any values. */
export function encodeAny(value: unknown): string {
  const encoder = encoding.createEncoder()
  encoding.writeAny(encoder, value as Parameters<typeof encoding.writeAny>[1])
  return Buffer.from(encoding.toUint8Array(encoder)).toString('base64')
}

/** What {@link encodeAny} encoded. Throws where it is anything else. */
export function decodeAny(base64: string): unknown {
  const decoder = decoding.createDecoder(decodeBase64(base64))
  const value = decoding.readAny(decoder)
  if (decoding.hasContent(decoder)) throw new Error('There is more than one value')
  return value
}

/** The bytes; throws where it is no base64. Node itself skips what it does not know. */
export function decodeBase64(base64: string): Uint8Array {
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.toString('base64') !== base64) throw new Error('It is no base64')
  return Uint8Array.from(bytes)
}
