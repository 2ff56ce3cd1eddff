import { type ErrorCode, SynclineError } from '@syncline/protocol'
import type { Context } from 'hono'
import type * as Y from 'yjs'
import { appendTo } from '../../documents/append.js'
import type { LiveDocument } from '../../documents/liveDocument.js'
import { applyMergePatch, applyPatch } from '../../documents/patch.js'
import { parsePointer } from '../../documents/pointer.js'
import type { Author, DocumentPoint, Edit } from '../../documents/types.js'
import type { JsonObject, Storing } from '../../documents/values.js'
import { admitted } from '../access.js'
import type { Admission } from '../admission.js'
import { etagOf, preconditionOf } from '../etag.js'
import { keyedRequestOf } from '../idempotency/idempotency.js'
import { assertContentType, bytesOf, contentTypeOf, documentNameOf, parseJson, queryOf } from '../request.js'
import type { Route } from '../route.js'
import { appendQuery, appendSchema, noQuery, objectSchema, patchQuery, patchSchema, pointSchema } from '../schemas.js'
import type { ApiServices } from '../services.js'
import { existing } from './reading.js'

/** Bytes of JSON in one request: an edit, not a document. */
export const jsonBytesMax = 1024 * 1024

const jsonPatch = 'application/json-patch+json'
const mergePatch = 'application/merge-patch+json'

const writingProblems: readonly ErrorCode[] = [
  'no_document',
  'document_deleted',
  'invalid_name',
  'invalid_request',
  'read_only',
  'precondition_failed',
  'idempotency_conflict',
  'unsupported_media_type',
  'body_too_large',
  'document_too_large',
  'disk_full',
  'storage_failed',
]
const jsonProblems: readonly ErrorCode[] = [...writingProblems, 'malformed_json', 'unstorable_value', 'wrong_type']

const written = {
  200: {
    description: 'It is on disk: the version that has the edit',
    content: { 'application/json': pointSchema },
    hasEtag: true,
  },
} as const

interface Request {
  readonly document: LiveDocument
  readonly author: Author
  readonly body: Uint8Array
  readonly admission: Admission
}

/** What a request needs before it is looked at: the grant, then the body, then the document. */
function editing(
  services: ApiServices,
  context: Context,
  { bytesMax, types }: { readonly bytesMax: number; readonly types: readonly string[] },
  run: (request: Request) => Promise<Response>,
): Promise<Response> {
  const name = documentNameOf(services, context)
  return admitted(services, context, name, 'write', async (admission) => {
    assertContentType(context, ...types)
    const body = await bytesOf(context, bytesMax)
    admission.assertHolds()
    return run({ document: await existing(services, name), author: { subject: admission.subject }, body, admission })
  })
}

async function write(
  services: ApiServices,
  context: Context,
  { document, author, body, admission }: Request,
  make: Edit['make'],
): Promise<Response> {
  const precondition = preconditionOf(context)
  const check = (point: DocumentPoint) => {
    admission.assertHolds()
    precondition?.(point)
  }
  const edit: Edit = { author, make, check }
  const keyed = keyedRequestOf(context, author.subject, body)
  if (keyed === null) return writtenResponse(context, await document.write(edit))
  const { point, isRepeated } = await services.idempotency.write(document, keyed, edit)
  if (isRepeated) context.header('Idempotency-Replayed', 'true')
  return writtenResponse(context, point)
}

/** The answer to an edit that is on disk. */
export function writtenResponse(context: Context, point: DocumentPoint): Response {
  context.header('ETag', etagOf(point))
  context.header('Cache-Control', 'no-store')
  return context.json({ epoch: point.epoch, position: point.position })
}

function patch(services: ApiServices, context: Context): Promise<Response> {
  return editing(services, context, { bytesMax: jsonBytesMax, types: [jsonPatch, mergePatch] }, async (request) => {
    const { window, storing } = queryOf(context, patchQuery)
    if (contentTypeOf(context) === mergePatch) return merge(services, context, request, { windowMs: window, storing })
    if (window > 0) throw new SynclineError('invalid_request', 'Only merge patches can be gathered in a window')
    const operations = parseJson(request.body, patchSchema)
    return write(services, context, request, { run: (doc) => applyPatch(doc, operations, storing) })
  })
}

async function merge(
  services: ApiServices,
  context: Context,
  request: Request,
  gathering: { readonly windowMs: number; readonly storing: Storing },
): Promise<Response> {
  const patch = parseJson(request.body, objectSchema) as JsonObject
  const { windowMs, storing } = gathering
  if (windowMs === 0) return write(services, context, request, { run: (doc) => applyMergePatch(doc, patch, storing) })
  if (context.req.header('If-Match') !== undefined || context.req.header('Idempotency-Key') !== undefined) {
    throw new SynclineError('invalid_request', 'With a window there is neither If-Match nor Idempotency-Key')
  }
  const { document, author, admission } = request
  const check = () => admission.assertHolds()
  return writtenResponse(context, await services.coalescer.merge(document, author, patch, { ...gathering, check }))
}

function append(services: ApiServices, context: Context): Promise<Response> {
  return editing(services, context, { bytesMax: jsonBytesMax, types: ['application/json'] }, async (request) => {
    const { pointer, storing } = queryOf(context, appendQuery)
    const tokens = parsePointer(pointer)
    const addition = parseJson(request.body, appendSchema)
    return write(services, context, request, { run: (doc: Y.Doc) => appendTo(doc, tokens, addition, storing) })
  })
}

function update(services: ApiServices, context: Context): Promise<Response> {
  const { updateBytesMax: bytesMax } = services.context.limits
  return editing(services, context, { bytesMax, types: ['application/octet-stream'] }, async (request) => {
    queryOf(context, noQuery)
    return write(services, context, request, { update: Uint8Array.from(request.body) })
  })
}

/** Edits of documents: small ones, whatever is asked for, and on disk when they are answered. */
export const writingRoutes: readonly Route[] = [
  {
    method: 'patch',
    path: '/documents/{document}',
    id: 'patchDocument',
    tag: 'Writing',
    summary: 'Edits a document by a JSON Patch or a merge patch of its plain form',
    description:
      'What the patch does not change stays as it is: texts are edited where they differ, items of lists that stay are ' +
      'the same items, told by their `id` or `key` where they have one. A new object becomes a map, a new array an array, ' +
      'and a string at the top of the document a text.',
    query: patchQuery,
    headers: ['If-Match', 'Idempotency-Key'],
    body: { isRequired: true, content: { [jsonPatch]: patchSchema, [mergePatch]: objectSchema } },
    answers: written,
    problems: [...jsonProblems, 'patch_failed', 'invalid_pointer'],
    handle: patch,
  },
  {
    method: 'post',
    path: '/documents/{document}/append',
    id: 'appendToDocument',
    tag: 'Writing',
    summary: 'Appends to a text or a list',
    query: appendQuery,
    headers: ['If-Match', 'Idempotency-Key'],
    body: { isRequired: true, content: { 'application/json': appendSchema } },
    answers: written,
    problems: [...jsonProblems, 'invalid_pointer', 'no_value'],
    handle: append,
  },
  {
    method: 'post',
    path: '/documents/{document}/update',
    id: 'mergeUpdate',
    tag: 'Writing',
    summary: 'Merges a Yjs update',
    query: noQuery,
    headers: ['If-Match', 'Idempotency-Key'],
    body: { isRequired: true, content: { 'application/octet-stream': null } },
    answers: written,
    problems: [...writingProblems, 'malformed_update', 'incomplete_update', 'update_too_large'],
    handle: update,
  },
]
