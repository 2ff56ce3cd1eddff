import * as Y from 'yjs'

/** What all shared types are underneath: a list, and values by key. */
export interface SharedType {
  readonly _start: Y.Item | null
  readonly _map: ReadonlyMap<string, Y.Item>
}

/** What a root is, as far as its content tells: Yjs keeps a root's class nowhere. */
export type RootKind = 'map' | 'array' | 'text' | 'xmlFragment' | 'empty'

/** Tells what a root is from what is in it. */
export function rootKind(root: SharedType): RootKind {
  let isXml = true
  let isList = false
  for (const item of listItems(root)) {
    if (isText(item.content)) return 'text'
    isXml &&= isXmlNode(item.content)
    isList = true
  }
  if (isList) return isXml ? 'xmlFragment' : 'array'
  return hasEntries(root) ? 'map' : 'empty'
}

/** True where a key has a value. */
export function hasEntries(type: SharedType): boolean {
  for (const item of type._map.values()) if (!item.deleted) return true
  return false
}

/** What is listed in a type and not deleted, in order. */
export function* listItems(type: SharedType): Generator<Y.Item> {
  for (let item = type._start; item !== null; item = item.right) if (!item.deleted) yield item
}

/** The keys of a type that have a value, and their values, in the order of the keys: replicas have them in any order. */
export function* mapEntries(type: SharedType): Generator<[string, unknown]> {
  for (const [key, item] of byKey(type._map)) {
    if (!item.deleted) yield [key, item.content.getContent()[item.length - 1]]
  }
}

/** What a map has, in the order of the keys. */
export function byKey<Value>(map: ReadonlyMap<string, Value>): [string, Value][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
}

/** How much is listed in a type: characters, items or children; Yjs counts no root that nobody has asked for. */
export function listLength(type: SharedType): number {
  let length = 0
  for (const item of listItems(type)) if (item.countable) length += item.length
  return length
}

function isText(content: Y.Item['content']): boolean {
  return content instanceof Y.ContentString || content instanceof Y.ContentFormat || content instanceof Y.ContentEmbed
}

function isXmlNode(content: Y.Item['content']): boolean {
  if (!(content instanceof Y.ContentType)) return false
  const { type } = content
  return type instanceof Y.XmlElement || type instanceof Y.XmlText || type instanceof Y.XmlHook
}
