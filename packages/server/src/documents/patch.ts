import { SynclineError } from '@syncline/protocol'
import * as Y from 'yjs'
import { hasEntries } from '../import/json/roots.js'
import { Effort } from './effort.js'
import { plainOf, plainValue } from './plain.js'
import {
  formatPointer,
  indexOf,
  type Looking,
  type Place,
  parsePointer,
  plainPlace,
  type Root,
  resolvePointer,
  rootOf,
} from './pointer.js'
import { type Making, reconcile, reconcileEntry, reconcileItem } from './reconcile.js'
import { isEqual, isObject, isPlainContainer, type Json, type JsonObject, type Storing, storedOf } from './values.js'

/** One operation of a JSON Patch (RFC 6902). */
export type PatchOperation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: Json }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'move' | 'copy'; readonly path: string; readonly from: string }

/**
 * Applies a JSON Patch to a document as the plain values that it comes to; its roots are the members of an object. The
 * edits are small: what an operation does not change stays as it is, so what people do meanwhile is not lost.
 *
 * @param storing of objects and arrays that are new; the roots are shared types either way
 * @throws SynclineError `patch_failed`, which tells the operation; part of the patch may have been applied then
 */
export function applyPatch(doc: Y.Doc, operations: readonly PatchOperation[], storing: Storing = 'shared'): void {
  const patching = patchingOf(doc, storing)
  for (const [index, operation] of operations.entries()) {
    try {
      patching.effort.check()
      applyOperation(patching, operation)
    } catch (error) {
      if (!(error instanceof SynclineError)) throw error
      const { op, path } = operation
      const advice = error.message
      const code = error.code === 'no_value' ? 'patch_failed' : error.code
      throw Object.assign(new SynclineError(code), {
        message: `Operation ${index}, ${op} ${JSON.stringify(path.slice(0, 200))}: ${advice}`,
      })
    }
  }
}

/**
 * Applies a merge patch (RFC 7396) to a document as the plain values that it comes to.
 *
 * @throws SynclineError `wrong_type`, `patch_failed`; part of the patch may have been applied then
 */
export function applyMergePatch(doc: Y.Doc, patch: JsonObject, storing: Storing = 'shared'): void {
  const making = { storing, effort: new Effort() }
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) {
      if (rootOf(doc, name)) clearRoot(doc, name)
    } else {
      const found = rootOf(doc, name)
      if (found?.kind === 'map' && isObject(value)) mergeInto(doc.getMap(name), value, making)
      else setRoot(doc, name, isObject(value) ? withoutNulls(value) : value, making)
    }
  }
}

function mergeInto(map: Y.Map<unknown>, patch: JsonObject, making: Making): void {
  for (const [key, value] of Object.entries(patch)) {
    const present = map.get(key)
    if (value === null) {
      if (map.has(key)) map.delete(key)
    } else if (isObject(value) && present instanceof Y.Map) mergeInto(present, value, making)
    else if (isObject(value) && isPlainObject(present))
      reconcileEntry(map, key, merged(present, value), { ...making, storing: 'plain' })
    else reconcileEntry(map, key, isObject(value) ? withoutNulls(value) : value, making)
  }
}

/** As RFC 7396 says it of values that are no shared types. */
function merged(target: JsonObject, patch: JsonObject): JsonObject {
  const result: Record<string, Json> = { ...target }
  for (const [key, value] of Object.entries(patch)) {
    const present = result[key]
    if (value === null) delete result[key]
    else if (isObject(value)) result[key] = merged(isPlainObject(present) ? present : {}, value)
    else result[key] = value
  }
  return result
}

function withoutNulls(patch: JsonObject): JsonObject {
  return merged({}, patch)
}

/** A patch that is being applied. */
interface Patching extends Making {
  readonly doc: Y.Doc
  readonly looking: Looking
}

function patchingOf(doc: Y.Doc, storing: Storing): Patching {
  const effort = new Effort()
  const known = new Map<string, Root>()
  // what a root is all that is in it tells: it is gone through once, since a patch puts in nothing that changes that
  const find = (_: Y.Doc, name: string) => {
    const before = known.get(name)
    if (before !== undefined && hasContent(before)) return before
    const found = rootOf(doc, name)
    if (found?.kind === 'array' || found?.kind === 'map') {
      known.set(name, { root: typedRoot(doc, name, found.kind), kind: found.kind })
    }
    return found
  }
  return { doc, storing, effort, looking: { rootOf: find, walked: (items) => effort.take(items) } }
}

function hasContent({ root }: Root): boolean {
  return root instanceof Y.Array ? root.length > 0 : hasEntries(root)
}

function applyOperation(patching: Patching, operation: PatchOperation): void {
  const path = parsePointer(operation.path)
  switch (operation.op) {
    case 'add':
      return put(patching, path, operation.value, 'add')
    case 'replace':
      placeAt(patching, path)
      return put(patching, path, operation.value, 'replace')
    case 'remove':
      return remove(patching, path)
    case 'test':
      if (isEqual(plainPlace(placeAt(patching, path)), operation.value)) return
      throw failed('The value there is another one')
    case 'move':
    case 'copy': {
      const from = parsePointer(operation.from)
      const value = plainPlace(placeAt(patching, from)) as Json
      patching.effort.copy(value)
      if (operation.op === 'move') {
        if (isEqual(from, path)) return
        if (isEqual(from, path.slice(0, from.length))) throw failed('A value cannot be moved into itself')
        remove(patching, from)
      }
      return put(patching, path, value, 'add')
    }
  }
}

/** @throws SynclineError `no_value`, `patch_failed` */
function placeAt({ doc, looking }: Patching, path: readonly string[]): Place {
  return resolvePointer(doc, path, looking)
}

function put(patching: Patching, path: readonly string[], value: Json, how: 'add' | 'replace'): void {
  const { doc } = patching
  const key = path.at(-1)
  if (key === undefined) return putDocument(doc, value, patching)
  if (path.length === 1) return setRoot(doc, key, value, patching)
  edit(patching, path.slice(0, -1), {
    map: (map) => reconcileEntry(map, key, value, patching),
    array(array) {
      const index = key === '-' && how === 'add' ? array.length : indexOf(key)
      if (index === null || index > array.length - (how === 'add' ? 0 : 1)) throw failed('There is no such position')
      if (how === 'replace') reconcileItem(array, index, value, patching)
      else array.insert(index, [storedOf(value, patching.storing)])
    },
    plain(parent) {
      if (!Array.isArray(parent)) return { ...(parent as JsonObject), [key]: value }
      const index = key === '-' && how === 'add' ? parent.length : indexOf(key)
      if (index === null || index > parent.length - (how === 'add' ? 0 : 1)) throw failed('There is no such position')
      return parent.toSpliced(index, how === 'add' ? 0 : 1, value)
    },
  })
}

function putDocument(doc: Y.Doc, value: Json, making: Making): void {
  if (!isObject(value)) throw new SynclineError('wrong_type', 'A document is an object: its members are the roots')
  for (const name of Object.keys(plainOf(doc))) if (!Object.hasOwn(value, name)) clearRoot(doc, name)
  for (const [name, root] of Object.entries(value)) setRoot(doc, name, root, making)
}

function remove(patching: Patching, path: readonly string[]): void {
  const { doc } = patching
  placeAt(patching, path)
  const key = path.at(-1)
  if (key === undefined) return putDocument(doc, {}, patching)
  if (path.length === 1) return clearRoot(doc, key)
  edit(patching, path.slice(0, -1), {
    map: (map) => map.delete(key),
    array: (array) => array.delete(indexOf(key)!),
    plain(parent) {
      if (Array.isArray(parent)) return parent.toSpliced(indexOf(key)!, 1)
      const { [key]: _, ...rest } = parent as JsonObject
      return rest
    },
  })
}

interface Editing {
  map(map: Y.Map<unknown>): void
  array(array: Y.Array<unknown>): void
  /** of a plain value, which is replaced as a whole */
  plain(parent: Json): Json
}

/** Edits what contains the target of an operation, which may be a shared type, or be within a plain value. */
function edit(patching: Patching, path: readonly string[], editing: Editing): void {
  const { doc, effort } = patching
  const place = placeAt(patching, path)
  if (place.at === 'type') {
    const type = path.length === 1 ? typedRoot(doc, path[0]!, place.kind) : place.type
    if (type instanceof Y.Map) return editing.map(type)
    if (type instanceof Y.Array) return editing.array(type)
    throw new SynclineError('wrong_type', `At ${formatPointer(path)} there is text, which has no members`)
  }
  if (place.at !== 'value' || !isPlainContainer(place.value)) {
    throw new SynclineError('wrong_type', `At ${formatPointer(path)} there is nothing that has members`)
  }
  effort.take(sizeOf(place.value))
  const parent = editing.plain(plainValue(place.value) as Json)
  replacePlain(patching, path, parent)
}

/** Puts a plain value in place of the one at a path, within whichever shared type that is. */
function replacePlain(patching: Patching, path: readonly string[], value: Json): void {
  const { doc, effort } = patching
  const key = path.at(-1)!
  const container = path.slice(0, -1)
  const place = placeAt(patching, container)
  if (place.at === 'type') {
    const type = container.length === 1 ? typedRoot(doc, container[0]!, place.kind) : place.type
    if (type instanceof Y.Map) type.set(key, value)
    else if (type instanceof Y.Array) {
      type.delete(indexOf(key)!)
      type.insert(indexOf(key)!, [value])
    } else throw new SynclineError('wrong_type', 'Rich text is edited as an update, not as plain values')
    return
  }
  if (place.at !== 'value') throw new SynclineError('wrong_type', 'Rich text is edited as an update')
  const parent = place.value
  effort.take(sizeOf(parent))
  if (Array.isArray(parent)) return replacePlain(patching, container, parent.toSpliced(indexOf(key)!, 1, value))
  replacePlain(patching, container, { ...(parent as JsonObject), [key]: value })
}

/** A root as the class that its content tells: Yjs has it as none until somebody asks. */
function typedRoot(doc: Y.Doc, name: string, kind: string): Y.AbstractType<unknown> {
  try {
    return openRoot(doc, name, kind)
  } catch {
    // what it holds looks like another type than the one it was opened as, in this process
    throw new SynclineError('wrong_type', `${JSON.stringify(name)} is a root that is no ${kind}`)
  }
}

function openRoot(doc: Y.Doc, name: string, kind: string): Y.AbstractType<unknown> {
  switch (kind) {
    case 'map':
      return doc.getMap(name) as Y.AbstractType<unknown>
    case 'array':
      return doc.getArray(name) as Y.AbstractType<unknown>
    case 'text':
      return doc.getText(name) as Y.AbstractType<unknown>
    default:
      return doc.getXmlFragment(name) as Y.AbstractType<unknown>
  }
}

/** A root has the type that it has: a text, a map or an array becomes no other one while there is something in it. */
function setRoot(doc: Y.Doc, name: string, value: Json, making: Making): void {
  const kind = typeof value === 'string' ? 'text' : Array.isArray(value) ? 'array' : isObject(value) ? 'map' : null
  if (kind === null) {
    const fact = `${JSON.stringify(name)} is a root of the document: a text, an array or a map`
    throw new SynclineError('wrong_type', fact)
  }
  const found = rootOf(doc, name)
  if (found === null) return void reconcile(typedRoot(doc, name, kind), value, making)
  if (!reconcile(typedRoot(doc, name, found.kind), value, making)) {
    throw new SynclineError('wrong_type', `${JSON.stringify(name)} is a root that is no ${kind}`)
  }
}

/** A root is always there; without content nothing tells it from one that never was. */
function clearRoot(doc: Y.Doc, name: string): void {
  const found = rootOf(doc, name)
  const root = typedRoot(doc, name, found?.kind ?? 'map')
  if (root instanceof Y.Map) root.clear()
  else if (root instanceof Y.Text || root instanceof Y.Array || root instanceof Y.XmlFragment) {
    root.delete(0, root.length)
  }
}

/** What it takes to copy it, and not what is in its members. */
function sizeOf(value: unknown): number {
  return Array.isArray(value) ? value.length : Object.keys(value as object).length
}

function isPlainObject(value: unknown): value is JsonObject {
  return isPlainContainer(value) && !Array.isArray(value)
}

function failed(fact: string): SynclineError {
  return new SynclineError('patch_failed', fact)
}
