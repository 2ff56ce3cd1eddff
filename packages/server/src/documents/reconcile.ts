import { SynclineError } from '@syncline/protocol'
import * as Y from 'yjs'
import type { Effort } from './effort.js'
import { plainValue } from './plain.js'
import { editText, shortestScript } from './textEdit.js'
import {
  canonical,
  isEqual,
  isObject,
  isPlainContainer,
  type Json,
  type JsonObject,
  type Storing,
  storedOf,
} from './values.js'

/** How something is made of plain values. */
export interface Making {
  readonly storing: Storing
  readonly effort: Effort
}

/**
 * Makes a shared type say something else, and keeps of it what it can: a text is edited where it differs, a map key by
 * key, and the items of a list that are still in it stay the same items. So whatever people do meanwhile within what
 * stays is not lost.
 *
 * @returns false where it is of another kind than the value, so that it has to be replaced
 * @throws SynclineError `wrong_type` for rich text, which plain values cannot express; `patch_failed`
 */
export function reconcile(type: Y.AbstractType<unknown>, wanted: Json, making: Making): boolean {
  if (type instanceof Y.XmlText || type instanceof Y.XmlFragment || type instanceof Y.XmlHook) {
    if (isEqual(plainValue(type), wanted)) return true
    throw new SynclineError('wrong_type', 'Rich text is edited as an update, not as plain values')
  }
  if (type instanceof Y.Text) {
    if (typeof wanted !== 'string') return false
    editText(type, wanted)
    return true
  }
  if (type instanceof Y.Map) return isObject(wanted) && reconcileMap(type, wanted, making)
  if (type instanceof Y.Array && Array.isArray(wanted)) return reconcileArray(type, wanted, making)
  return false
}

/** Sets a key of a map, and keeps what stands there where it can. */
export function reconcileEntry(map: Y.Map<unknown>, key: string, wanted: Json, making: Making): void {
  making.effort.check()
  const present = map.get(key)
  if (present instanceof Y.AbstractType ? reconcile(present, wanted, making) : map.has(key) && isEqual(present, wanted))
    return
  map.set(key, storedLike(present, wanted, making))
}

/** Replaces an item of an array, and keeps it where it can. */
export function reconcileItem(array: Y.Array<unknown>, index: number, wanted: Json, making: Making): void {
  making.effort.check()
  const present = array.get(index)
  if (present instanceof Y.AbstractType ? reconcile(present, wanted, making) : isEqual(present, wanted)) return
  array.delete(index)
  array.insert(index, [storedLike(present, wanted, making)])
}

/** What is one value stays one. */
function storedLike(present: unknown, wanted: Json, making: Making): unknown {
  return storedOf(wanted, isPlainContainer(present) ? 'plain' : making.storing)
}

function reconcileMap(map: Y.Map<unknown>, wanted: JsonObject, making: Making): true {
  for (const key of map.keys()) if (!Object.hasOwn(wanted, key)) map.delete(key)
  for (const [key, value] of Object.entries(wanted)) reconcileEntry(map, key, value, making)
  return true
}

/**
 * Items that are in both lists stay: those that are equal, and those that have the same `id` or `key`, which are brought
 * up to date. Between two of these, an item without an identity may become another one, or go, or be new.
 */
function reconcileArray(array: Y.Array<unknown>, wanted: readonly Json[], making: Making): true {
  const items = array.toArray()
  // from the end: earlier positions stay as they are
  let [end, wantedEnd] = [items.length, wanted.length]
  for (const [index, wantedIndex] of [...pairsOf(items, wanted).reverse(), [-1, -1] as const]) {
    making.effort.check()
    reconcileGap(array, items.slice(index + 1, end), index + 1, wanted.slice(wantedIndex + 1, wantedEnd), making)
    if (index >= 0) reconcileItem(array, index, wanted[wantedIndex]!, making)
    ;[end, wantedEnd] = [index, wantedIndex]
  }
  return true
}

function reconcileGap(
  array: Y.Array<unknown>,
  items: readonly unknown[],
  start: number,
  wanted: readonly Json[],
  making: Making,
): void {
  let pairs = Math.min(items.length, wanted.length)
  const isAnonymous = (index: number) => !identityOf(plainValue(items[index])) && !identityOf(wanted[index])
  for (let index = 0; index < pairs; index++) if (!isAnonymous(index)) pairs = index
  if (items.length > pairs) array.delete(start + pairs, items.length - pairs)
  if (wanted.length > pairs)
    array.insert(
      start + pairs,
      wanted.slice(pairs).map((value) => storedOf(value, making.storing)),
    )
  for (let index = 0; index < pairs; index++) reconcileItem(array, start + index, wanted[index]!, making)
}

/** Pairs of positions of items that are the same, ascending. */
function pairsOf(items: readonly unknown[], wanted: readonly Json[]): [number, number][] {
  const nameOf = (value: unknown) => identityOf(value) ?? canonical(value)
  const before = items.map((item) => nameOf(plainValue(item)))
  const after = wanted.map(nameOf)
  return shortestScript(before, after) ?? sharedEnds(before, after)
}

function identityOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  const { id, key } = value as Record<string, unknown>
  const identity = id ?? key
  return typeof identity === 'string' || typeof identity === 'number' ? `identity ${canonical(identity)}` : null
}

function sharedEnds(before: readonly string[], after: readonly string[]): [number, number][] {
  const pairs: [number, number][] = []
  const length = Math.min(before.length, after.length)
  let start = 0
  while (start < length && before[start] === after[start]) pairs.push([start, start++])
  let end = 1
  const ends: [number, number][] = []
  while (end <= length - start && before.at(-end) === after.at(-end)) {
    ends.push([before.length - end, after.length - end++])
  }
  return [...pairs, ...ends.reverse()]
}
