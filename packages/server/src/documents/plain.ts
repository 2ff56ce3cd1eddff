import { SynclineError } from '@syncline/protocol'
import * as Y from 'yjs'
import { depthMax } from '../import/json/form.js'
import { byKey, listItems, mapEntries, type RootKind, rootKind, type SharedType } from '../import/json/roots.js'

/** A document as plain values: see {@link plainValue}. Roots without content are left out. */
export function plainOf(doc: Y.Doc): Record<string, unknown> {
  const roots = record()
  for (const [name, root] of byKey(doc.share)) {
    const kind = rootKind(root)
    if (kind !== 'empty') roots[name] = plainType(root, kind, 1)
  }
  return roots
}

/**
 * What stands at a place, as plain values: a map is an object, an array is an array, a text is its string, a fragment is
 * an array of its children, an element is `{ name, attributes, children }`, bytes are base64, a subdocument is its guid.
 */
export function plainValue(value: unknown, depth = 0): unknown {
  if (value instanceof Y.AbstractType) return plainType(value, kindOf(value), depth + 1)
  if (value instanceof Y.Doc) return { guid: value.guid }
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (typeof value === 'bigint') return String(value)
  return value === undefined || Number.isNaN(value) ? null : value
}

/** A shared type of which it is known what it is, as plain values. */
export function plainType(type: SharedType, kind: Exclude<PlainKind, 'empty'>, depth: number): unknown {
  if (depth > depthMax) throw new SynclineError('document_too_large', `Types are nested deeper than ${depthMax}`)
  switch (kind) {
    case 'map':
      return entriesOf(type, depth)
    case 'array':
    case 'xmlFragment':
      return itemsOf(type, depth)
    case 'text':
      return stringOf(type)
    case 'xmlElement':
      return {
        name: type instanceof Y.XmlElement ? type.nodeName : '',
        attributes: entriesOf(type, depth),
        children: itemsOf(type, depth),
      }
    case 'xmlHook':
      return entriesOf(type, depth)
  }
}

/** What a shared type is. */
export type PlainKind = RootKind | 'xmlElement' | 'xmlHook'

/** What a type is that is no root; subclasses come before their classes. */
export function kindOf(type: unknown): Exclude<PlainKind, 'empty'> {
  if (type instanceof Y.Text) return 'text'
  if (type instanceof Y.XmlElement) return 'xmlElement'
  if (type instanceof Y.XmlFragment) return 'xmlFragment'
  if (type instanceof Y.XmlHook) return 'xmlHook'
  return type instanceof Y.Map ? 'map' : 'array'
}

/** The characters of a text, without what is embedded in it. */
export function stringOf(type: SharedType): string {
  const strings: string[] = []
  for (const { content } of listItems(type)) if (content instanceof Y.ContentString) strings.push(content.str)
  return strings.join('')
}

function itemsOf(type: SharedType, depth: number): unknown[] {
  const values: unknown[] = []
  for (const { countable, content } of listItems(type)) {
    if (!countable) continue
    for (const value of content.getContent()) values.push(plainValue(value, depth))
  }
  return values
}

function entriesOf(type: SharedType, depth: number): Record<string, unknown> {
  const values = record()
  for (const [key, value] of mapEntries(type)) values[key] = plainValue(value, depth)
  return values
}

/** An object in which every key is one like any other. */
export function record(): Record<string, unknown> {
  return Object.create(null)
}
