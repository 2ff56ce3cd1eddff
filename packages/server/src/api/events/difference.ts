import type { PatchOperation } from '../../documents/patch.js'
import { formatPointer } from '../../documents/pointer.js'
import { isEqual, isObject, type Json } from '../../documents/values.js'

/** A JSON Patch that makes one value of another. */
export function differenceBetween(before: Json, after: Json): PatchOperation[] {
  const operations: PatchOperation[] = []
  compare(before, after, [], operations)
  return operations
}

function compare(before: Json, after: Json, path: (string | number)[], operations: PatchOperation[]): void {
  if (isEqual(before, after)) return
  if (Array.isArray(before) && Array.isArray(after)) return compareItems(before, after, path, operations)
  if (!isObject(before) || !isObject(after)) {
    operations.push({ op: 'replace', path: formatPointer(path), value: after })
    return
  }
  for (const key of Object.keys(before)) {
    if (!Object.hasOwn(after, key)) operations.push({ op: 'remove', path: formatPointer([...path, key]) })
  }
  for (const [key, value] of Object.entries(after)) {
    const place = [...path, key]
    if (Object.hasOwn(before, key)) compare(before[key]!, value, place, operations)
    else operations.push({ op: 'add', path: formatPointer(place), value })
  }
}

function compareItems(
  before: readonly Json[],
  after: readonly Json[],
  path: (string | number)[],
  operations: PatchOperation[],
): void {
  const length = Math.min(before.length, after.length)
  let start = 0
  while (start < length && isEqual(before[start], after[start])) start++
  let end = 0
  while (end < length - start && isEqual(before.at(-1 - end), after.at(-1 - end))) end++
  const shared = length - end
  for (let index = start; index < shared; index++) compare(before[index]!, after[index]!, [...path, index], operations)
  // from the end: earlier positions stay as they are
  for (let index = before.length - end - 1; index >= shared; index--) {
    operations.push({ op: 'remove', path: formatPointer([...path, index]) })
  }
  for (let index = shared; index < after.length - end; index++) {
    operations.push({ op: 'add', path: formatPointer([...path, index]), value: after[index]! })
  }
}
