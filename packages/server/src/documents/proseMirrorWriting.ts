import { SynclineError } from '@syncline/protocol'
import * as buffer from 'lib0/buffer'
import * as sha256 from 'lib0/hash/sha256'
import * as Y from 'yjs'
import { depthMax } from '../import/json/form.js'
import { isStorable } from '../import/json/plain.js'

type Fields = Readonly<Record<string, unknown>>

const hashBytes = 6

/**
 * Fills an empty fragment with a document of ProseMirror, as y-prosemirror does: neighbouring texts are one `Y.XmlText`,
 * marks are its formats, attributes that are null are left out.
 *
 * @throws SynclineError `malformed_json`
 */
export function writeProseMirror(fragment: Y.XmlFragment, document: unknown): void {
  const { type, content = [] } = fieldsOf(document)
  if (type !== 'doc') throw malformed('the type of the first node is not doc')
  writeNodes(fragment, content, 1)
}

function writeNodes(parent: Y.XmlFragment, content: unknown, depth: number): void {
  if (!Array.isArray(content)) throw malformed('the content of a node is no array')
  if (depth > depthMax) throw malformed(`nodes are nested deeper than ${depthMax}`)
  for (let index = 0; index < content.length; ) {
    const texts: Fields[] = []
    while (index < content.length && fieldsOf(content[index]).type === 'text') texts.push(fieldsOf(content[index++]))
    if (texts.length > 0) writeTexts(parent, texts)
    if (index < content.length) writeNode(parent, fieldsOf(content[index++]), depth)
  }
}

function writeNode(parent: Y.XmlFragment, { type, attrs = {}, content = [] }: Fields, depth: number): void {
  if (typeof type !== 'string' || type === '') throw malformed('a node has no type')
  const element = new Y.XmlElement<Record<string, never>>(type)
  // in the document first: what is put into a type outside of one is written when it comes in
  parent.insert(parent.length, [element])
  for (const [key, value] of Object.entries(storable(attrs))) {
    if (value !== null) element.setAttribute(key, value as never)
  }
  writeNodes(element, content, depth + 1)
}

function writeTexts(parent: Y.XmlFragment, texts: readonly Fields[]): void {
  const text = new Y.XmlText()
  parent.insert(parent.length, [text])
  text.applyDelta(
    texts.map(({ text: insert, marks = [] }) => {
      if (typeof insert !== 'string' || insert === '') throw malformed('a text is no string, or empty')
      return { insert, attributes: formatsOf(marks) }
    }),
  )
}

function formatsOf(marks: unknown): Record<string, unknown> {
  if (!Array.isArray(marks)) throw malformed('the marks of a text are no array')
  const fields = marks.map(fieldsOf)
  const formats: Record<string, unknown> = Object.create(null)
  for (const { type, attrs = {} } of fields) {
    if (typeof type !== 'string' || type === '') throw malformed('a mark has no type')
    const isTwice = fields.filter((other) => other.type === type).length > 1
    formats[isTwice ? `${type}--${hashOf({ type, attrs })}` : type] = storable(attrs)
  }
  return formats
}

/** Tells marks of one type apart which overlap, as y-prosemirror does. */
function hashOf(mark: unknown): string {
  const digest = sha256.digest(buffer.encodeAny(mark as Parameters<typeof buffer.encodeAny>[0]))
  for (let i = hashBytes; i < digest.length; i++) digest[i % hashBytes]! ^= digest[i]!
  return buffer.toBase64(digest.subarray(0, hashBytes))
}

function storable(attrs: unknown): Fields {
  if (isStorable(attrs)) return fieldsOf(attrs)
  throw malformed('an attribute has the key __proto__, or is nested too deep')
}

function fieldsOf(json: unknown): Fields {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Fields
  throw malformed('a node, a mark or its attributes are no object')
}

function malformed(fact: string): SynclineError {
  return new SynclineError('malformed_json', `The document of ProseMirror: ${fact}`)
}
