import { SynclineError } from '@syncline/protocol'
import * as Y from 'yjs'
import { depthMax, type TypeJson } from './form.js'
import { isPlaceable, ListEnd, placeUnder } from './place.js'
import { decodeAny, decodeBase64, isStorable } from './plain.js'
import type { SharedType } from './roots.js'

type Fields = Readonly<Record<string, unknown>>
type Key = string | number

const typeKinds: ReadonlySet<unknown> = new Set<TypeJson['type']>([
  'map',
  'array',
  'text',
  'xmlText',
  'xmlFragment',
  'xmlElement',
  'xmlHook',
])
const xmlKinds: ReadonlySet<unknown> = new Set<TypeJson['type']>(['xmlText', 'xmlElement', 'xmlHook'])

/**
 * A new document that says what the JSON says: exactly the form that `documentToJson` gives.
 *
 * @throws SynclineError `malformed_json`, with the place
 */
export function documentFromJson(json: unknown): Y.Doc {
  const doc = new Y.Doc({ gc: false })
  const builder = new Builder(doc)
  doc.transact(() => builder.document(json))
  return doc
}

/** Fills a document from the outside in: a type is part of the document before anything is put into it. */
class Builder {
  readonly #doc: Y.Doc
  /** where in the JSON it is */
  readonly #path: Key[] = []
  #depth = 0

  constructor(doc: Y.Doc) {
    this.#doc = doc
  }

  document(json: unknown): void {
    const { format, roots } = this.#fields(json, ['format', 'roots'])
    if (format !== 1) throw this.#fault('expected the format 1')
    this.#eachEntry('roots', roots, (name, root) => {
      const fields = this.#record(root)
      this.#fill(this.#root(name, fields.type), fields)
    })
  }

  #root(name: string, kind: unknown): SharedType {
    switch (kind) {
      case 'map':
        return this.#doc.getMap(name)
      case 'array':
        return this.#doc.getArray(name)
      case 'text':
        return this.#doc.getText(name)
      case 'xmlFragment':
        return this.#doc.getXmlFragment(name)
      default:
        throw this.#fault('expected the type map, array, text or xmlFragment')
    }
  }

  #fill(type: SharedType, json: Fields): void {
    if (++this.#depth > depthMax) throw this.#fault(`types are nested deeper than ${depthMax}`)
    this.#fillKind(type, json)
    this.#depth--
  }

  #fillKind(type: SharedType, json: Fields): void {
    switch (json.type as TypeJson['type']) {
      case 'map':
        return this.#fillKeys(type, 'entries', this.#fields(json, ['type', 'entries']))
      case 'xmlHook':
        return this.#fillKeys(type, 'entries', this.#fields(json, ['type', 'name', 'entries']))
      case 'text':
      case 'xmlText':
        this.#fillText(type as Y.Text, this.#fields(json, ['type', 'delta'], ['attributes']))
        break
      case 'array':
        this.#fillList(type, 'items', this.#fields(json, ['type', 'items'], ['attributes']))
        break
      case 'xmlFragment':
        this.#fillXml(type, this.#fields(json, ['type', 'children'], ['attributes']))
        break
      case 'xmlElement':
        this.#fillXml(type, this.#fields(json, ['type', 'name', 'children'], ['attributes']))
        break
    }
    if (json.attributes !== undefined) this.#fillKeys(type, 'attributes', json)
  }

  #fillKeys(type: SharedType, field: string, fields: Fields): void {
    this.#eachEntry(field, fields[field], (key, json) => {
      const value = this.#value(json)
      placeUnder(this.#doc, type, key, value)
      this.#fillNew(value, json)
    })
  }

  #fillList(type: SharedType, field: string, fields: Fields): void {
    const end = new ListEnd(this.#doc, type)
    let plain: unknown[] = []
    const flush = () => {
      if (plain.length > 0) end.addPlain(plain)
      plain = []
    }
    this.#eachItem(field, fields[field], (json) => {
      const value = this.#value(json)
      if (!isPlaceable(value)) return plain.push(value)
      flush()
      end.add(value)
      return this.#fillNew(value, json)
    })
    flush()
  }

  #fillXml(type: SharedType, fields: Fields): void {
    this.#eachItem('children', fields.children, (json) => {
      if (!xmlKinds.has(this.#record(json).type)) throw this.#fault('expected the type xmlElement, xmlText or xmlHook')
    })
    this.#fillList(type, 'children', fields)
  }

  #fillText(text: Y.Text, { delta }: Fields): void {
    const inserts: { readonly insert: unknown; readonly attributes: Fields }[] = []
    this.#eachItem('delta', delta, (json) => {
      const { insert, attributes } = this.#fields(json, ['insert'], ['attributes'])
      inserts.push({ insert: this.#insert(insert), attributes: this.#formats(attributes) })
    })
    text.applyDelta(inserts)
    this.#eachItem('delta', delta, (json, index) => this.#fillNew(inserts[index]!.insert, (json as Fields).insert))
  }

  #fillNew(value: unknown, json: unknown): void {
    if (value instanceof Y.AbstractType) this.#fill(value, json as Fields)
  }

  #value(json: unknown): unknown {
    if (typeof json !== 'object' || json === null || Array.isArray(json)) return this.#plain(json)
    const fields = json as Fields
    switch (fields.type) {
      case 'json':
        return this.#plain(this.#fields(json, ['type', 'value']).value)
      case 'bytes':
        return this.#decoded(fields, decodeBase64)
      case 'any':
        return this.#decoded(fields, decodeAny)
      case 'subdocument':
        return this.#subdocument(fields)
      default:
        return this.#newType(fields)
    }
  }

  #newType({ type, name }: Fields): Y.AbstractType<unknown> {
    switch (type) {
      case 'map':
        return new Y.Map() as Y.AbstractType<unknown>
      case 'array':
        return new Y.Array() as Y.AbstractType<unknown>
      case 'text':
        return new Y.Text() as Y.AbstractType<unknown>
      case 'xmlText':
        return new Y.XmlText() as Y.AbstractType<unknown>
      case 'xmlFragment':
        return new Y.XmlFragment() as Y.AbstractType<unknown>
      case 'xmlElement':
        return new Y.XmlElement(this.#string(name, 'name')) as Y.AbstractType<unknown>
      case 'xmlHook':
        return new Y.XmlHook(this.#string(name, 'name')) as Y.AbstractType<unknown>
      default:
        throw this.#fault('expected an object with a known type; a plain one is {"type": "json", "value": …}')
    }
  }

  #decoded(json: Fields, decode: (base64: string) => unknown): unknown {
    const base64 = this.#string(this.#fields(json, ['type', 'base64']).base64, 'base64')
    try {
      return decode(base64)
    } catch {
      throw this.#fault(`the base64 is none, or not of ${json.type === 'any' ? 'one value' : 'bytes'}`)
    }
  }

  #subdocument(json: Fields): Y.Doc {
    const fields = this.#fields(json, ['type', 'guid'], ['gc', 'autoLoad', 'meta'])
    const { guid, gc = true, autoLoad = false, meta = null } = fields
    if (typeof gc !== 'boolean' || typeof autoLoad !== 'boolean') throw this.#fault('expected true or false')
    const value = this.#value(meta)
    if (value instanceof Y.AbstractType || value instanceof Y.Doc) throw this.#fault('expected a plain value', 'meta')
    return new Y.Doc({ guid: this.#string(guid, 'guid'), gc, autoLoad, meta: value })
  }

  /** What is neither a type nor an object Yjs would take for text. */
  #insert(json: unknown): unknown {
    if (typeof json === 'string' && json !== '') return json
    const isEmbed = typeof json === 'object' && json !== null && isEmbedKind((json as Fields).type)
    const content = isEmbed ? this.#value(json) : null
    if (typeof content === 'object' && content !== null) return content
    throw this.#fault('expected a string that is not empty, a shared type, or a plain object', 'insert')
  }

  #formats(json: unknown = {}): Fields {
    // a copy, for Yjs adds to it, and in which every key is one like any other
    const formats = Object.create(null)
    for (const [key, value] of Object.entries(this.#record(json, 'attributes'))) formats[key] = this.#plain(value)
    return formats
  }

  #plain(json: unknown): unknown {
    if (isStorable(json)) return json
    throw this.#fault('a plain value has the key __proto__, which Yjs loses, or is nested too deep')
  }

  #eachEntry(field: string, json: unknown, visit: (key: string, value: unknown) => void): void {
    for (const [key, value] of Object.entries(this.#record(json, field))) {
      this.#path.push(field, key)
      visit(key, value)
      this.#path.length -= 2
    }
  }

  #eachItem(field: string, json: unknown, visit: (item: unknown, index: number) => void): void {
    if (!Array.isArray(json)) throw this.#fault('expected an array', field)
    for (const [index, item] of json.entries()) {
      this.#path.push(field, index)
      visit(item, index)
      this.#path.length -= 2
    }
  }

  #fields(json: unknown, required: readonly string[], optional: readonly string[] = []): Fields {
    const fields = this.#record(json)
    for (const name of required) if (!Object.hasOwn(fields, name)) throw this.#fault(`"${name}" is missing`)
    const surplus = Object.keys(fields).find((name) => !required.includes(name) && !optional.includes(name))
    if (surplus !== undefined) throw this.#fault(`${JSON.stringify(surplus)} is one too many`)
    return fields
  }

  #record(json: unknown, field?: string): Fields {
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Fields
    throw this.#fault('expected an object', field)
  }

  #string(json: unknown, field: string): string {
    if (typeof json === 'string') return json
    throw this.#fault('expected a string', field)
  }

  #fault(fact: string, field?: string): SynclineError {
    const steps = field === undefined ? this.#path : [...this.#path, field]
    const where = steps.map((step) => `[${JSON.stringify(step)}]`).join('')
    return new SynclineError('malformed_json', `At ${where || 'the top'}: ${fact}`)
  }
}

function isEmbedKind(type: unknown): boolean {
  return type === 'json' || typeKinds.has(type)
}
