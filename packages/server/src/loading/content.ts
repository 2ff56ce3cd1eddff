import { SynclineError } from '@syncline/protocol'
import * as Y from 'yjs'
import { writeProseMirror } from '../documents/proseMirrorWriting.js'
import type { DocumentJson } from '../import/json/form.js'
import { documentFromJson } from '../import/json/fromJson.js'

/** What the application has of a document: an update of Yjs, or something that one is made of; null where it has none. */
export type LoadedContent =
  | Uint8Array
  /** rich text, as ProseMirror's and Tiptap's `toJSON()` give it; `field` is the name of the fragment, default `default` */
  | { readonly type: 'prosemirror'; readonly field?: string; readonly content: unknown }
  /** plain text; `field` is the name of the `Y.Text`, default `content` */
  | { readonly type: 'text'; readonly field?: string; readonly content: string }
  /** all of a document, as `syncline doc export --format json` writes it */
  | DocumentJson
  | null

/** The fragment that editors with ProseMirror and Tiptap bind to, unless they are told another one. */
export const fragmentFieldDefault = 'default'

/** The text that plain text goes into. */
export const textFieldDefault = 'content'

/**
 * The update that content comes to; null where it is empty.
 *
 * @throws SynclineError `malformed_json`
 */
export function updateOf(content: unknown): Uint8Array | null {
  if (content === null) return null
  // a Buffer may share its memory with others
  if (content instanceof Uint8Array) return Uint8Array.from(content)
  const update = Y.encodeStateAsUpdate(documentOf(content))
  return update.length <= 2 ? null : update
}

function documentOf(json: unknown): Y.Doc {
  if (typeof json !== 'object' || json === null) throw malformed('expected an object')
  const { type, field, content, format } = json as Readonly<Record<string, unknown>>
  if (format !== undefined) return documentFromJson(json)
  if (field !== undefined && typeof field !== 'string') throw malformed('expected the name of a field')
  const doc = new Y.Doc({ gc: false })
  doc.transact(() => {
    if (type === 'prosemirror') {
      writeProseMirror(doc.getXmlFragment(field ?? fragmentFieldDefault), content)
    } else if (type === 'text' && typeof content === 'string') {
      doc.getText(field ?? textFieldDefault).insert(0, content)
    } else {
      throw malformed('expected the type prosemirror or text with its content, or the format 1')
    }
  })
  return doc
}

function malformed(fact: string): SynclineError {
  return new SynclineError('malformed_json', fact)
}
