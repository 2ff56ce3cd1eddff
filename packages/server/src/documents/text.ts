import * as Y from 'yjs'
import { byKey, listItems, rootKind, type SharedType } from '../import/json/roots.js'
import { kindOf, type PlainKind, stringOf } from './plain.js'

/** The plain text of a document whose only root is a text or a fragment; null for any other. */
export function textOf(doc: Y.Doc): string | null {
  const roots = byKey(doc.share)
    .map(([, root]) => ({ root, kind: rootKind(root) }))
    .filter(({ kind }) => kind === 'text' || kind === 'xmlFragment')
  const [only, second] = roots
  return only === undefined || second !== undefined ? null : textOfType(only.root, only.kind)
}

/** The text of a text, or of a fragment or an element with a line for each of its blocks; null for any other type. */
export function textOfType(type: SharedType, kind: PlainKind): string | null {
  if (kind === 'text') return stringOf(type)
  if (kind !== 'xmlFragment' && kind !== 'xmlElement') return null
  const lines: string[] = []
  let line: string[] | null = null
  const end = () => {
    if (line) lines.push(line.join(''))
    line = null
  }
  // no recursion: a document may be nested deeper than the stack goes
  const stack: ({ readonly type: SharedType } | 'end')[] = [{ type }]
  while (stack.length > 0) {
    const next = stack.pop()!
    if (next === 'end') {
      end()
      continue
    }
    const element = next.type
    if (element instanceof Y.Text) {
      line ??= []
      line.push(stringOf(element))
      continue
    }
    if (element instanceof Y.XmlElement && element.nodeName === 'hardBreak') {
      line ??= []
      line.push('\n')
      continue
    }
    const children = [...childrenOf(element)]
    if (element !== type || kind === 'xmlElement') {
      if (children.length === 0) line ??= []
      stack.push('end')
    }
    for (const child of children.reverse()) stack.push({ type: child })
  }
  end()
  return lines.join('\n')
}

function* childrenOf(type: SharedType): Generator<SharedType> {
  for (const { content } of listItems(type)) {
    if (content instanceof Y.ContentType && kindOf(content.type) !== 'map') yield content.type
  }
}
