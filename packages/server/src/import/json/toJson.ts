import { SynclineError } from '@syncline/protocol'
import * as Y from 'yjs'
import {
  type ArrayJson,
  type DocumentJson,
  depthMax,
  type InsertJson,
  type SubdocumentJson,
  type TextJson,
  type TypeJson,
  type ValueJson,
  type ValuesJson,
} from './form.js'
import { encodeAny, isJsonValue } from './plain.js'
import { byKey, listItems, mapEntries, rootKind, type SharedType } from './roots.js'

type Attributes = Readonly<Record<string, unknown>>

/**
 * What a document says, as JSON. Roots without content are left out: nothing tells them from those that never were.
 *
 * @throws SynclineError `document_too_large` where types are nested deeper than `depthMax`
 */
export function documentToJson(doc: Y.Doc): DocumentJson {
  const roots = record<TypeJson>()
  for (const [name, root] of byKey(doc.share)) {
    const kind = rootKind(root)
    if (kind !== 'empty') roots[name] = typeToJson(root, kind, 1)
  }
  return { format: 1, roots }
}

/** A part of a document as JSON, as it stands in that of the whole. */
export function placeToJson(
  place:
    | { readonly at: 'type'; readonly type: SharedType; readonly kind: TypeJson['type'] }
    | { readonly at: 'attributes'; readonly type: SharedType }
    | { readonly at: 'value'; readonly value: unknown },
): TypeJson | ValueJson | ValuesJson {
  if (place.at === 'value') return valueToJson(place.value, 1)
  if (place.at === 'attributes') return valuesOf(place.type, 1)
  const { type } = place
  // what stands in a pointer as a text may be one of two classes
  const kind = place.kind === 'text' && type instanceof Y.XmlText ? 'xmlText' : place.kind
  return typeToJson(type, kind, 1)
}

function typeToJson(type: SharedType, kind: TypeJson['type'], depth: number): TypeJson {
  if (depth > depthMax) {
    throw new SynclineError('document_too_large', `Types are nested deeper than ${depthMax}, so export it as an update`)
  }
  switch (kind) {
    case 'map':
      return { type: kind, entries: valuesOf(type, depth) }
    case 'array':
      return { type: kind, items: listOf(type, depth), ...attributesOf(type, depth) }
    case 'text':
    case 'xmlText':
      return { type: kind, delta: deltaOf(type, depth), ...attributesOf(type, depth) }
    case 'xmlFragment':
      return { type: kind, children: listOf(type, depth), ...attributesOf(type, depth) }
    case 'xmlElement': {
      const name = (type as Y.XmlElement).nodeName
      return { type: kind, name, ...attributesOf(type, depth), children: listOf(type, depth) }
    }
    case 'xmlHook':
      return { type: kind, name: (type as Y.XmlHook).hookName, entries: valuesOf(type, depth) }
  }
}

/** Subclasses come before their classes. */
function kindOf(type: SharedType): TypeJson['type'] {
  if (type instanceof Y.XmlText) return 'xmlText'
  if (type instanceof Y.Text) return 'text'
  if (type instanceof Y.XmlElement) return 'xmlElement'
  if (type instanceof Y.XmlFragment) return 'xmlFragment'
  if (type instanceof Y.XmlHook) return 'xmlHook'
  return type instanceof Y.Map ? 'map' : 'array'
}

function valueToJson(value: unknown, depth: number): ValueJson {
  if (value instanceof Y.AbstractType) return typeToJson(value, kindOf(value), depth + 1)
  if (value instanceof Y.Doc) return subdocumentToJson(value, depth)
  if (value instanceof Uint8Array) return { type: 'bytes', base64: Buffer.from(value).toString('base64') }
  if (!isJsonValue(value)) return { type: 'any', base64: encodeAny(value) }
  if (typeof value !== 'object' || Array.isArray(value)) return value as ValueJson
  return value === null ? null : { type: 'json', value }
}

function subdocumentToJson({ guid, gc, autoLoad, meta }: Y.Doc, depth: number): SubdocumentJson {
  return {
    type: 'subdocument',
    guid,
    ...(!gc && { gc }),
    ...(autoLoad && { autoLoad }),
    ...(meta !== null && { meta: valueToJson(meta, depth) }),
  }
}

function listOf(type: SharedType, depth: number): ArrayJson['items'] {
  const values: ValueJson[] = []
  for (const { countable, content } of listItems(type)) {
    if (!countable) continue
    for (const value of content.getContent()) values.push(valueToJson(value, depth))
  }
  return values
}

function valuesOf(type: SharedType, depth: number): ValuesJson {
  const values = record<ValueJson>()
  for (const [key, value] of mapEntries(type)) values[key] = valueToJson(value, depth)
  return values
}

function attributesOf(type: SharedType, depth: number): { attributes?: ValuesJson } {
  const attributes = valuesOf(type, depth)
  return Object.keys(attributes).length === 0 ? {} : { attributes }
}

function deltaOf(type: SharedType, depth: number): TextJson['delta'] {
  const delta = new Delta()
  for (const { content } of listItems(type)) {
    if (content instanceof Y.ContentFormat) delta.format(content.key, content.value)
    else if (content instanceof Y.ContentString) delta.string(content.str)
    else if (content instanceof Y.ContentEmbed) delta.embed({ type: 'json', value: content.embed })
    else if (content instanceof Y.ContentType) delta.embed(typeToJson(content.type, kindOf(content.type), depth + 1))
  }
  return delta.finish()
}

/** Gathers what stands in a text; strings that follow each other in the same formatting are one. */
class Delta {
  readonly #inserts: InsertJson[] = []
  readonly #formats = new Map<string, unknown>()
  #strings: string[] = []
  /** that of the strings, and as one text to compare */
  #attributes: Attributes = record()
  #signature = '[]'

  format(key: string, value: unknown): void {
    if (value === null) this.#formats.delete(key)
    else this.#formats.set(key, value)
  }

  string(text: string): void {
    const attributes = this.#current()
    const signature = JSON.stringify(Object.entries(attributes))
    if (signature !== this.#signature) this.#flush()
    this.#attributes = attributes
    this.#signature = signature
    this.#strings.push(text)
  }

  embed(insert: InsertJson['insert']): void {
    this.#flush()
    this.#push(insert, this.#current())
  }

  finish(): InsertJson[] {
    this.#flush()
    return this.#inserts
  }

  #current(): Attributes {
    const attributes = record<unknown>()
    for (const [key, value] of byKey(this.#formats)) attributes[key] = value
    return attributes
  }

  #flush(): void {
    if (this.#strings.length > 0) this.#push(this.#strings.join(''), this.#attributes)
    this.#strings = []
  }

  #push(insert: InsertJson['insert'], attributes: Attributes): void {
    this.#inserts.push(Object.keys(attributes).length === 0 ? { insert } : { insert, attributes })
  }
}

/** An object in which every key is one like any other. */
function record<Value>(): Record<string, Value> {
  return Object.create(null)
}
