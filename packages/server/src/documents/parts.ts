import { SynclineError } from '@syncline/protocol'
import type * as Y from 'yjs'
import type { PlainKind } from './plain.js'
import { onlyRoot, type Place, resolvePointer } from './pointer.js'
import { textOfType } from './text.js'

function partOf(doc: Y.Doc, tokens: readonly string[] | null, kinds: readonly PlainKind[], what: string): Place {
  if (tokens !== null) return resolvePointer(doc, tokens)
  const only = onlyRoot(doc, kinds)
  if (only) return only
  throw new SynclineError('no_value', `Say with ?pointer= which part: there is not exactly one ${what} in the document`)
}

/**
 * A fragment or an element, which ProseMirror's editors keep.
 *
 * @param tokens where it is; null: the only one that there is
 * @throws SynclineError `no_value`, `wrong_type`
 */
export function richPart(doc: Y.Doc, tokens: readonly string[] | null) {
  const place = partOf(doc, tokens, ['xmlFragment'], 'fragment')
  if (place.at === 'type' && (place.kind === 'xmlFragment' || place.kind === 'xmlElement')) return place.type
  throw new SynclineError('wrong_type', 'This is no rich text that an editor with ProseMirror keeps')
}

/**
 * A part as plain text.
 *
 * @param tokens where it is; null: the only text or fragment that there is
 * @throws SynclineError `no_value`, `wrong_type`
 */
export function plainText(doc: Y.Doc, tokens: readonly string[] | null): string {
  const place = partOf(doc, tokens, ['text', 'xmlFragment'], 'text')
  if (place.at === 'type') {
    const text = textOfType(place.type, place.kind)
    if (text !== null) return text
  } else if (place.at === 'value' && ['string', 'number', 'boolean'].includes(typeof place.value)) {
    return String(place.value)
  }
  throw new SynclineError('wrong_type', 'This is no text')
}
