import { SynclineError } from '@syncline/protocol'
import * as Y from 'yjs'
import { byKey, type RootKind, rootKind, type SharedType } from '../import/json/roots.js'
import { kindOf, type PlainKind, plainOf, plainType, plainValue } from './plain.js'

// more is no place in any document
const tokensMax = 600

/**
 * The steps of a JSON Pointer (RFC 6901).
 *
 * @throws SynclineError `invalid_pointer`
 */
export function parsePointer(pointer: string): string[] {
  if (pointer === '') return []
  if (!pointer.startsWith('/')) throw fault(pointer, 'it does not begin with /')
  if (/~(?![01])/.test(pointer)) throw fault(pointer, '~ is followed by neither 0 nor 1')
  const tokens = pointer.slice(1).split('/')
  if (tokens.length > tokensMax) throw fault('', `it has more than ${tokensMax} steps`)
  return tokens.map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** The pointer with these steps. */
export function formatPointer(tokens: readonly (string | number)[]): string {
  return tokens.map((token) => `/${String(token).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

/** How places are looked for. */
export interface Looking {
  readonly rootOf: (doc: Y.Doc, name: string) => Root | null
  /** is told how many items of a list were gone through */
  readonly walked: (items: number) => void
}

/** A root that has something in it. */
export interface Root {
  readonly root: SharedType
  readonly kind: Exclude<RootKind, 'empty'>
}

/** What a pointer leads to. */
export type Place =
  | { readonly at: 'document'; readonly doc: Y.Doc }
  | { readonly at: 'type'; readonly type: SharedType; readonly kind: Exclude<PlainKind, 'empty'> }
  /** of an element */
  | { readonly at: 'attributes'; readonly type: SharedType }
  /** what is no shared type, or is within a plain value */
  | { readonly at: 'value'; readonly value: unknown }

/**
 * Goes to a place in a document: the name of a root, then keys of maps and positions in lists. The children of an element
 * are at `children`, its attributes at `attributes`, as in the plain form.
 *
 * @throws SynclineError `no_value` where there is nothing
 */
export function resolvePointer(doc: Y.Doc, tokens: readonly string[], looking: Looking = simply): Place {
  let place: Place = { at: 'document', doc }
  for (const token of tokens) {
    const next: Place | null = stepFrom(place, token, looking)
    if (next === null) throw new SynclineError('no_value', `There is nothing at ${formatPointer(tokens)}`)
    place = next
  }
  return place
}

/** A place as plain values. */
export function plainPlace(place: Place): unknown {
  if (place.at === 'document') return plainOf(place.doc)
  if (place.at === 'attributes') return plainType(place.type, 'map', 1)
  return place.at === 'type' ? plainType(place.type, place.kind, 1) : plainValue(place.value)
}

/** The root of a name, and what it is; null where there is none, or nothing in it. */
export function rootOf(doc: Y.Doc, name: string): Root | null {
  const root = doc.share.get(name)
  if (root === undefined) return null
  const kind = rootKind(root)
  return kind === 'empty' ? null : { root, kind }
}

const simply: Looking = { rootOf, walked: () => {} }

/** The only root of a kind, for requests that name none. */
export function onlyRoot(doc: Y.Doc, wanted: readonly PlainKind[]): Place | null {
  const found = byKey(doc.share).flatMap(([, type]) => {
    const kind = rootKind(type)
    return kind !== 'empty' && wanted.includes(kind) ? [{ at: 'type', type, kind } as const] : []
  })
  return found.length === 1 ? found[0]! : null
}

/** A position in a list, as RFC 6901 writes it; null where it is none. */
export function indexOf(token: string): number | null {
  return /^(0|[1-9]\d{0,9})$/.test(token) ? Number(token) : null
}

/** What is listed at a position in a type; undefined where there is nothing. */
function itemAt(type: SharedType, index: number, walked: Looking['walked']): unknown {
  if (type instanceof Y.Array) return type.get(index) // it remembers where it was last
  let left = index
  let items = 0
  let found: unknown
  for (let item = type._start; item !== null; item = item.right) {
    items++
    if (item.deleted || !item.countable) continue
    if (left < item.length) {
      found = item.content.getContent()[left]
      break
    }
    left -= item.length
  }
  walked(items)
  return found
}

/** What stands under a key of a type; undefined where there is nothing. */
export function valueAt(type: SharedType, key: string): unknown {
  const item = type._map.get(key)
  return item === undefined || item.deleted ? undefined : item.content.getContent()[item.length - 1]
}

function stepFrom(place: Place, token: string, { rootOf, walked }: Looking): Place | null {
  switch (place.at) {
    case 'document': {
      const found = rootOf(place.doc, token)
      return found && { at: 'type', type: found.root, kind: found.kind }
    }
    case 'type':
      return stepIntoType(place.type, place.kind, token, walked)
    case 'attributes':
      return placeOf(valueAt(place.type, token))
    case 'value':
      return stepIntoPlain(place.value, token)
  }
}

function stepIntoType(type: SharedType, kind: PlainKind, token: string, walked: Looking['walked']): Place | null {
  switch (kind) {
    case 'map':
    case 'xmlHook':
      return placeOf(valueAt(type, token))
    case 'array':
    case 'xmlFragment': {
      const at = indexOf(token)
      return at === null ? null : placeOf(itemAt(type, at, walked))
    }
    case 'xmlElement':
      if (token === 'children') return { at: 'type', type, kind: 'xmlFragment' }
      if (token === 'attributes') return { at: 'attributes', type }
      return token === 'name' && type instanceof Y.XmlElement ? { at: 'value', value: type.nodeName } : null
    default:
      return null
  }
}

function stepIntoPlain(value: unknown, token: string): Place | null {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || value instanceof Y.Doc) return null
  if (Array.isArray(value)) {
    const at = indexOf(token)
    return at !== null && at < value.length ? { at: 'value', value: value[at] } : null
  }
  return Object.hasOwn(value, token) ? { at: 'value', value: (value as Record<string, unknown>)[token] } : null
}

function placeOf(value: unknown): Place | null {
  if (value === undefined) return null
  if (value instanceof Y.AbstractType) return { at: 'type', type: value, kind: kindOf(value) }
  return { at: 'value', value }
}

function fault(pointer: string, fact: string): SynclineError {
  return new SynclineError('invalid_pointer', `${JSON.stringify(pointer.slice(0, 100))}: ${fact}`)
}
