import { SynclineError } from '@syncline/protocol'
import * as Y from 'yjs'
import { depthMax } from '../import/json/form.js'
import { listItems, mapEntries, type SharedType } from '../import/json/roots.js'

/** A node of ProseMirror, as JSON. */
export interface ProseMirrorNode {
  readonly type: string
  readonly attrs?: Readonly<Record<string, unknown>>
  readonly content?: readonly ProseMirrorNode[]
  readonly text?: string
  readonly marks?: readonly ProseMirrorMark[]
}

/** A mark of ProseMirror, as JSON. */
export interface ProseMirrorMark {
  readonly type: string
  readonly attrs?: Readonly<Record<string, unknown>>
}

/**
 * A fragment as y-prosemirror and Tiptap keep one, as the JSON of ProseMirror's document.
 *
 * @throws SynclineError `document_too_large` where it is nested deeper than `depthMax`
 */
export function proseMirrorOf(fragment: SharedType): ProseMirrorNode {
  return { type: 'doc', content: nodesOf(fragment, 1) }
}

function nodesOf(parent: SharedType, depth: number): ProseMirrorNode[] {
  if (depth > depthMax) throw new SynclineError('document_too_large', `Nodes are nested deeper than ${depthMax}`)
  const nodes: ProseMirrorNode[] = []
  for (const { content } of listItems(parent)) {
    if (!(content instanceof Y.ContentType)) continue
    const { type } = content
    if (type instanceof Y.XmlText) nodes.push(...textsOf(type))
    else if (type instanceof Y.XmlElement) nodes.push(nodeOf(type, depth))
  }
  return nodes
}

function nodeOf(element: Y.XmlElement, depth: number): ProseMirrorNode {
  const attrs = Object.fromEntries(mapEntries(element))
  const content = nodesOf(element, depth + 1)
  return {
    type: element.nodeName,
    ...(Object.keys(attrs).length > 0 && { attrs }),
    ...(content.length > 0 && { content }),
  }
}

function textsOf(text: Y.XmlText): ProseMirrorNode[] {
  const nodes: ProseMirrorNode[] = []
  for (const { insert, attributes = {} } of text.toDelta()) {
    if (typeof insert !== 'string') continue
    const marks = Object.entries(attributes).map(markOf)
    nodes.push({ type: 'text', text: insert, ...(marks.length > 0 && { marks }) })
  }
  return nodes
}

function markOf([key, value]: [string, unknown]): ProseMirrorMark {
  // of marks that may overlap, the name is followed by a hash
  const type = /^(.*)(--[a-zA-Z0-9+/=]{8})$/.exec(key)?.[1] ?? key
  const isAttributes = typeof value === 'object' && value !== null && Object.keys(value).length > 0
  return isAttributes ? { type, attrs: value as Record<string, unknown> } : { type }
}
