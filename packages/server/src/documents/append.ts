import { SynclineError } from '@syncline/protocol'
import type * as Y from 'yjs'
import { resolvePointer, rootOf } from './pointer.js'
import { type Json, type Storing, storedOf } from './values.js'

/**
 * Appends to a text or an array; a root that is not there yet begins with it.
 *
 * @throws SynclineError `no_value`, `wrong_type`
 */
export function appendTo(
  doc: Y.Doc,
  tokens: readonly string[],
  addition: { readonly text: string } | { readonly items: readonly unknown[] },
  storing: Storing,
): void {
  const isText = 'text' in addition
  const [root] = tokens
  const isNew = tokens.length === 1 && rootOf(doc, root!) === null
  const kind = isText ? 'text' : 'array'
  const place = isNew ? null : resolvePointer(doc, tokens)
  if (place !== null && (place.at !== 'type' || place.kind !== kind)) {
    throw new SynclineError('wrong_type', `This is no ${kind}`)
  }
  if (isText) {
    const text = place === null || tokens.length === 1 ? doc.getText(root) : (place.type as Y.Text)
    text.insert(text.length, addition.text)
  } else {
    const array = place === null || tokens.length === 1 ? doc.getArray(root) : (place.type as Y.Array<unknown>)
    array.push(addition.items.map((item) => storedOf(item as Json, storing)))
  }
}
