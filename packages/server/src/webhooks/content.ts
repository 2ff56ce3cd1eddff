import { SynclineError, unreachable } from '@syncline/protocol'
import * as Y from 'yjs'
import type { Documents } from '../documents/documents.js'
import { htmlOf } from '../documents/html.js'
import { plainText, richPart } from '../documents/parts.js'
import { plainOf } from '../documents/plain.js'
import { proseMirrorOf } from '../documents/prosemirror.js'
import type { ContentForm, DocumentEvent } from './types.js'

type Data = DocumentEvent['data']

// more than this is better asked for over HTTP, where caches help
const contentBytesMax = 16 * 1024 * 1024

/**
 * What is on disk of a document now, for whoever is told of it; null where there is none of this name.
 *
 * @throws SynclineError why it cannot be told now
 */
export async function dataOf(documents: Documents, document: string, form: ContentForm | null): Promise<Data | null> {
  const info = await documents.info(document)
  if (info === null) return null
  if (form === null) return { document, epoch: info.epoch, position: info.position }
  return documents.open(document).read((doc, point) => ({ document, ...point, ...contentOf(doc, form) }))
}

/** A document may be none that has this form: that is told instead of it, for it stays so. */
function contentOf(doc: Y.Doc, form: ContentForm): Pick<Data, 'content' | 'problem'> {
  try {
    const content = rendered(doc, form)
    const bytes = typeof content === 'string' ? content.length : JSON.stringify(content).length
    if (bytes <= contentBytesMax) return { content }
    throw new SynclineError('body_too_large', `The content has ${bytes} bytes`)
  } catch (error) {
    if (!(error instanceof SynclineError)) throw error
    return { content: null, problem: { code: error.code, reason: error.message } }
  }
}

function rendered(doc: Y.Doc, form: ContentForm): unknown {
  switch (form) {
    case 'json':
      return plainOf(doc)
    case 'html':
      return htmlOf(proseMirrorOf(richPart(doc, null)))
    case 'text':
      return plainText(doc, null)
    case 'update':
      return Buffer.from(Y.encodeStateAsUpdate(doc)).toString('base64')
    default:
      return unreachable(form)
  }
}
