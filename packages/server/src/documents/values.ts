import { SynclineError } from '@syncline/protocol'
import * as Y from 'yjs'
import { depthMax } from '../import/json/form.js'

/** A value of JSON. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** An object of JSON, which is no array. */
export type JsonObject = { readonly [key: string]: Json }

export function isObject(json: Json): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

/**
 * Checks what came as JSON before any of it is written: strings have no lone surrogates, which replicas would read
 * differently, no key is `__proto__`, which Yjs loses, and nothing is nested too deep.
 *
 * @throws SynclineError `unstorable_value`
 */
export function assertStorable(json: unknown): asserts json is Json {
  const stack: { readonly value: unknown; readonly depth: number }[] = [{ value: json, depth: 0 }]
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { value, depth } = next
    if (depth > depthMax) throw fault(`It is nested deeper than ${depthMax}`)
    if (typeof value === 'string' && hasLoneSurrogate(value)) throw fault('A string has a lone surrogate')
    if (typeof value !== 'object' || value === null) continue
    for (const [key, member] of Object.entries(value)) {
      if (key === '__proto__') throw fault('A key is __proto__')
      if (hasLoneSurrogate(key)) throw fault('A key has a lone surrogate')
      stack.push({ value: member, depth: depth + 1 })
    }
  }
}

/**
 * How objects and arrays are stored that are new: `shared`, as maps and arrays of Yjs whose parts are edited by
 * themselves; or `plain`, as one value, which is replaced as a whole: a value that is set again and again leaves nothing
 * behind then, where the parts of a map leave some bytes each time.
 */
export type Storing = 'shared' | 'plain'

/** What is put into a document for a value. */
export function storedOf(json: Json, storing: Storing): unknown {
  if (storing === 'plain') return json
  if (Array.isArray(json)) {
    const array = new Y.Array<unknown>()
    array.push(json.map((item) => storedOf(item, storing)))
    return array
  }
  if (!isObject(json)) return json
  const map = new Y.Map<unknown>()
  for (const [key, value] of Object.entries(json)) map.set(key, storedOf(value, storing))
  return map
}

/** Whether a value of a document is an object or an array that is stored as one value. */
export function isPlainContainer(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return !(value instanceof Uint8Array || value instanceof Y.Doc || value instanceof Y.AbstractType)
}

/** Whether two values are the same JSON, whatever the order of their keys. */
export function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const [keys, others] = [Object.keys(a), Object.keys(b)]
  if (keys.length !== others.length) return false
  return keys.every(
    (key) => Object.hasOwn(b, key) && isEqual((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
  )
}

/** A text that is equal for equal JSON. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => {
    if (typeof member !== 'object' || member === null || Array.isArray(member)) return member
    return Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}

function hasLoneSurrogate(text: string): boolean {
  return /\p{Cs}/u.test(text)
}

function fault(fact: string): SynclineError {
  return new SynclineError('unstorable_value', fact)
}
