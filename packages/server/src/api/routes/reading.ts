import { SynclineError } from '@syncline/protocol'
import type { Context } from 'hono'
import * as Y from 'yjs'
import { htmlOf } from '../../documents/html.js'
import { plainText, richPart } from '../../documents/parts.js'
import { parsePointer, plainPlace, resolvePointer } from '../../documents/pointer.js'
import { proseMirrorOf } from '../../documents/prosemirror.js'
import type { DocumentPoint } from '../../documents/types.js'
import { documentToJson, placeToJson } from '../../import/json/toJson.js'
import { admitted } from '../access.js'
import { etagOf, isKnown } from '../etag.js'
import { documentNameOf, queryOf } from '../request.js'
import type { Bodies, Route } from '../route.js'
import { jsonQuery, jsonSchema, noQuery, partQuery, proseMirrorSchema } from '../schemas.js'
import type { ApiServices } from '../services.js'

const readingProblems = ['no_document', 'document_deleted', 'invalid_name', 'invalid_request'] as const

/** Reads something of a document: answered from what is known, from what was made before, or made. */
interface Reading {
  readonly type: string
  /** tells the representation from all others of the document */
  readonly name: string
  readonly render: (doc: Y.Doc) => string | Uint8Array
}

function reading(content: Bodies, route: Pick<Route, 'path' | 'id' | 'summary' | 'query'> & Partial<Route>): Route {
  const description = 'What is on disk'
  return {
    method: 'get',
    tag: 'Reading',
    headers: ['If-None-Match'],
    answers: {
      200: { description, content, hasEtag: true },
      304: { description: 'Nothing has changed', hasEtag: true },
    },
    problems: readingProblems,
    handle: async () => {
      throw new Error('A reading says how')
    },
    ...route,
  }
}

async function answer(services: ApiServices, context: Context, readingOf: () => Reading): Promise<Response> {
  const name = documentNameOf(services, context)
  return admitted(services, context, name, 'read', async (admission) => {
    const reading = readingOf()
    const document = await existing(services, name)
    admission.assertHolds()
    const etag = etagOf(document.point, reading.name)
    const headers = headersOf(services, name, document.point, etag)
    if (isKnown(context, etag)) return context.body(null, 304, headers)
    headers['Content-Type'] = reading.type
    headers['X-Content-Type-Options'] = 'nosniff'
    if (context.req.method === 'HEAD') return context.body(null, 200, headers)
    const known = services.renderings.find(name, document.point, reading.name)
    if (known) return context.body(known, 200, headers)
    return document.read((doc, point) => {
      admission.assertHolds()
      const body = rendered(services, reading, name, doc, point)
      // an edit may have come meanwhile
      const now = headersOf(services, name, point, etagOf(point, reading.name))
      return context.body(body, 200, { ...headers, ...now })
    })
  })
}

function rendered({ renderings }: ApiServices, reading: Reading, name: string, doc: Y.Doc, point: DocumentPoint) {
  const content = reading.render(doc)
  const body = typeof content === 'string' ? new TextEncoder().encode(content) : Uint8Array.from(content)
  renderings.keep(name, point, reading.name, body)
  return body
}

/** A document that is there; one that nobody has written is not. */
export async function existing({ documents }: ApiServices, name: string) {
  const document = documents.open(name)
  await document.opened()
  if (document.point.position > 0 || (await documents.info(name)) !== null) return document
  if (!document.isBusy) document.leave()
  throw new SynclineError('no_document', JSON.stringify(name))
}

function headersOf(
  services: ApiServices,
  name: string,
  { epoch, position }: DocumentPoint,
  etag: string,
): Record<string, string> {
  return {
    ETag: etag,
    'Cache-Control': services.cacheControlOf(name),
    Vary: 'Authorization, Cookie, Origin',
    'Syncline-Epoch': epoch,
    'Syncline-Position': String(position),
  }
}

/** Routes that read one part and tell it by `pointer`. */
function partReading(
  name: string,
  type: string,
  content: Bodies,
  summary: string,
  render: (doc: Y.Doc, tokens: readonly string[] | null) => string,
): Route {
  return reading(content, {
    path: `/documents/{document}/${name}`,
    id: `read${name[0]!.toUpperCase()}${name.slice(1)}`,
    summary,
    query: partQuery,
    problems: [...readingProblems, 'invalid_pointer', 'no_value', 'wrong_type'],
    handle: (services, context) =>
      answer(services, context, () => {
        const { pointer } = queryOf(context, partQuery)
        const tokens = pointer === undefined ? null : parsePointer(pointer)
        return { type, name: `${name} ${pointer ?? '-'}`, render: (doc) => render(doc, tokens) }
      }),
  })
}

/** What documents say, in the forms in which somebody may want it. */
export const readingRoutes: readonly Route[] = [
  reading(
    { 'application/json': jsonSchema },
    {
      path: '/documents/{document}',
      id: 'readDocument',
      summary: 'Reads a document, or a part of it, as JSON',
      query: jsonQuery,
      problems: [...readingProblems, 'invalid_pointer', 'no_value'],
      handle: (services, context) =>
        answer(services, context, () => {
          const { pointer, form } = queryOf(context, jsonQuery)
          const tokens = parsePointer(pointer)
          const typed = (doc: Y.Doc) => {
            const place = resolvePointer(doc, tokens)
            return place.at === 'document' ? documentToJson(doc) : placeToJson(place)
          }
          const render = (doc: Y.Doc) =>
            JSON.stringify(form === 'typed' ? typed(doc) : plainPlace(resolvePointer(doc, tokens)))
          return {
            type: 'application/json',
            name: form === 'plain' && pointer === '' ? '' : `${form} ${pointer}`,
            render,
          }
        }),
    },
  ),
  partReading('text', 'text/plain; charset=utf-8', { 'text/plain': null }, 'Reads plain text', plainText),
  partReading(
    'html',
    'text/html; charset=utf-8',
    { 'text/html': null },
    'Reads rich text of ProseMirror or Tiptap as HTML, without a page around it',
    (doc, tokens) => htmlOf(proseMirrorOf(richPart(doc, tokens))),
  ),
  partReading(
    'prosemirror',
    'application/json',
    { 'application/json': proseMirrorSchema },
    'Reads rich text of ProseMirror or Tiptap as the JSON of its document',
    (doc, tokens) => JSON.stringify(proseMirrorOf(richPart(doc, tokens))),
  ),
  reading(
    { 'application/octet-stream': null },
    {
      path: '/documents/{document}/update',
      id: 'readUpdate',
      summary: 'Reads all of a document as one Yjs update',
      query: noQuery,
      handle: (services, context) =>
        answer(services, context, () => {
          queryOf(context, noQuery)
          return { type: 'application/octet-stream', name: 'update', render: Y.encodeStateAsUpdate }
        }),
    },
  ),
]
