import { type DocumentInfo, SynclineError } from '@syncline/protocol'
import type { Context } from 'hono'
import * as Y from 'yjs'
import { blankUpdate } from '../../documents/blank.js'
import { applyPatch } from '../../documents/patch.js'
import type { Edit } from '../../documents/types.js'
import type { JsonObject, Storing } from '../../documents/values.js'
import { admitted, asOperator, asWriterOrOperator } from '../access.js'
import type { Admission } from '../admission.js'
import { etagOf } from '../etag.js'
import { assertContentType, bytesOf, contentTypeOf, documentNameOf, parseJson, queryOf } from '../request.js'
import type { Route } from '../route.js'
import { createdSchema, createQuery, documentSchema, listQuery, listSchema, noQuery, objectSchema } from '../schemas.js'
import type { ApiServices } from '../services.js'

function list(services: ApiServices, context: Context): Promise<Response> {
  return asOperator(services, context, (operator) => listed(services, context, operator))
}

async function listed(services: ApiServices, context: Context, operator: Admission): Promise<Response> {
  const { prefix, cursor, limit } = queryOf(context, listQuery)
  const after = cursor === undefined ? '' : nameOfCursor(cursor)
  const found = await services.context.rooms.list({ prefix, after, limit: limit + 1 })
  operator.assertHolds()
  const documents = found.slice(0, limit).map(described)
  const last = documents.at(-1)
  context.header('Cache-Control', 'no-store')
  if (found.length <= limit || !last) return context.json({ documents })
  return context.json({ documents, next: Buffer.from(last.name).toString('base64url') })
}

function described({ name, epoch, position, storedBytes: bytes, createdAt, changedAt }: DocumentInfo) {
  return { name, epoch, position, bytes, createdAt, changedAt }
}

function describe(services: ApiServices, context: Context): Promise<Response> {
  const name = documentNameOf(services, context)
  return admitted(services, context, name, 'read', async (admission) => {
    queryOf(context, noQuery)
    const info = await services.documents.info(name)
    admission.assertHolds()
    if (info === null) throw new SynclineError('no_document', JSON.stringify(name))
    context.header('Cache-Control', 'no-store')
    return context.json(described(info))
  })
}

function nameOfCursor(cursor: string): string {
  const name = Buffer.from(cursor, 'base64url').toString()
  if (Buffer.from(name).toString('base64url') === cursor) return name
  throw new SynclineError('invalid_request', 'The cursor is none that a page gave')
}

function create(services: ApiServices, context: Context): Promise<Response> {
  const name = documentNameOf(services, context)
  return asWriterOrOperator(services, context, name, (admission) => created(services, context, name, admission))
}

async function created(services: ApiServices, context: Context, name: string, admission: Admission): Promise<Response> {
  const { storing } = queryOf(context, createQuery)
  const make = await contentOf(services, context, storing)
  if ((await services.documents.info(name)) !== null) throw new SynclineError('document_exists', JSON.stringify(name))
  admission.assertHolds()
  // whoever may write does not bring back what an operator has deleted
  if (admission.isOperator) await services.create(name)
  const check: Edit['check'] = ({ position }) => {
    admission.assertHolds()
    if (position > 0) throw new SynclineError('document_exists', JSON.stringify(name))
  }
  const point = await services.documents.open(name).write({ author: { subject: admission.subject }, check, make })
  context.header('ETag', etagOf(point))
  context.header('Location', new URL(context.req.url).pathname)
  return context.json({ name, ...point }, 201)
}

/** What a new document begins with: nothing, plain values, or a Yjs update. */
async function contentOf(services: ApiServices, context: Context, storing: Storing): Promise<Edit['make']> {
  const body = await bytesOf(context, services.context.limits.updateBytesMax)
  if (body.length === 0) return { update: blankUpdate() }
  assertContentType(context, 'application/json', 'application/octet-stream')
  if (contentTypeOf(context) === 'application/octet-stream') return { update: Uint8Array.from(body) }
  const value = parseJson(body, objectSchema) as JsonObject
  // made apart, so that one that cannot be made leaves no document behind
  const doc = new Y.Doc()
  doc.transact(() => applyPatch(doc, [{ op: 'replace', path: '', value }], storing))
  const update = Y.encodeStateAsUpdate(doc)
  return { update: update.length <= 2 ? blankUpdate() : update }
}

function remove(services: ApiServices, context: Context): Promise<Response> {
  const name = documentNameOf(services, context)
  return asOperator(services, context, async () => {
    queryOf(context, noQuery)
    if (!(await services.remove(name))) throw new SynclineError('no_document', JSON.stringify(name))
    return context.body(null, 204)
  })
}

/** Which documents there are. */
export const catalogueRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/documents',
    id: 'listDocuments',
    tag: 'Documents',
    summary: 'Lists documents, in order of their names',
    query: listQuery,
    answers: { 200: { description: 'A page of them', content: { 'application/json': listSchema } } },
    problems: ['forbidden', 'invalid_request'],
    handle: list,
  },
  {
    method: 'get',
    path: '/documents/{document}/info',
    id: 'describeDocument',
    tag: 'Documents',
    summary: 'Tells how large a document is, and when it was created and changed',
    query: noQuery,
    answers: { 200: { description: 'What a list tells of it', content: { 'application/json': documentSchema } } },
    problems: ['no_document', 'invalid_name'],
    handle: describe,
  },
  {
    method: 'put',
    path: '/documents/{document}',
    id: 'createDocument',
    tag: 'Documents',
    summary: 'Creates a document, empty or with content',
    description: 'For those who may write it, and for operators. A deleted one begins anew, where an operator asks.',
    query: createQuery,
    body: { isRequired: false, content: { 'application/json': objectSchema, 'application/octet-stream': null } },
    answers: {
      201: { description: 'It is on disk', content: { 'application/json': createdSchema }, hasEtag: true },
    },
    problems: [
      'read_only',
      'document_exists',
      'document_deleted',
      'invalid_name',
      'malformed_json',
      'malformed_update',
      'wrong_type',
    ],
    handle: create,
  },
  {
    method: 'delete',
    path: '/documents/{document}',
    id: 'deleteDocument',
    tag: 'Documents',
    summary: 'Deletes a document for good, with its history',
    query: noQuery,
    answers: { 204: { description: 'It is deleted, on disk; whoever has it open is told' } },
    problems: ['forbidden', 'no_document', 'invalid_name'],
    handle: remove,
  },
]
