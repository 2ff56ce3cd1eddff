import { SynclineError } from '@syncline/protocol'
import type { Context } from 'hono'
import { admitted, asOperator } from '../access.js'
import { assertContentType, bytesOf, documentNameOf, jsonOf, parseJson, queryOf } from '../request.js'
import type { Route } from '../route.js'
import {
  awarenessSchema,
  json,
  noQuery,
  presencePutSchema,
  presenceSchema,
  sessionsSchema,
  signalledSchema,
} from '../schemas.js'
import type { ApiServices } from '../services.js'
import { existing } from './reading.js'
import { jsonBytesMax } from './writing.js'

const keyLengthMax = 128

function readAwareness(services: ApiServices, context: Context): Promise<Response> {
  const name = documentNameOf(services, context)
  return admitted(services, context, name, 'read', async (admission) => {
    queryOf(context, noQuery)
    const document = await existing(services, name)
    admission.assertHolds()
    const clients = Array.from(document.awareness.entries, ([client, { state }]) => {
      return { client, state: JSON.parse(state ?? 'null') }
    })
    context.header('Cache-Control', 'no-store')
    return context.json({ clients })
  })
}

function putAwareness(services: ApiServices, context: Context): Promise<Response> {
  const name = documentNameOf(services, context)
  return admitted(services, context, name, 'write', async (admission) => {
    queryOf(context, noQuery)
    assertContentType(context, 'application/json')
    const { state, ttl } = parseJson(await bytesOf(context, jsonBytesMax), presenceSchema)
    const { awarenessStateBytesMax } = services.context.limits
    if (Buffer.byteLength(JSON.stringify(state)) > awarenessStateBytesMax) {
      throw new SynclineError('body_too_large', `A state may have ${awarenessStateBytesMax} bytes`)
    }
    await existing(services, name)
    admission.assertHolds()
    context.header('Cache-Control', 'no-store')
    return context.json(services.presences.put(name, keyOf(context), admission, state, ttl * 1_000))
  })
}

function removeAwareness(services: ApiServices, context: Context): Promise<Response> {
  const name = documentNameOf(services, context)
  return admitted(services, context, name, 'write', async () => {
    queryOf(context, noQuery)
    if (!services.presences.remove(name, keyOf(context))) throw new SynclineError('no_value', 'There is no such entry')
    return context.body(null, 204)
  })
}

function postSignal(services: ApiServices, context: Context): Promise<Response> {
  const name = documentNameOf(services, context)
  return admitted(services, context, name, 'write', async (admission) => {
    queryOf(context, noQuery)
    assertContentType(context, 'application/json')
    const payload = JSON.stringify(jsonOf(await bytesOf(context, services.context.limits.signalBytesMax)))
    await existing(services, name)
    admission.assertHolds()
    context.header('Cache-Control', 'no-store')
    return context.json({ sessions: services.context.rooms.open(name).signal(payload, null) })
  })
}

function keyOf(context: Context): string {
  const key = context.req.param('key') ?? ''
  if (key !== '' && key.length <= keyLengthMax) return key
  throw new SynclineError('invalid_request', `The key of an entry has 1 to ${keyLengthMax} characters`)
}

function listSessions(services: ApiServices, context: Context): Promise<Response> {
  const name = documentNameOf(services, context)
  return asOperator(services, context, async () => {
    queryOf(context, noQuery)
    const sessions = services.context.rooms.sessionsOf(name).map(({ id, client }) => {
      const { subject, access, address, since } = client!
      return { id, subject, access, address, since }
    })
    context.header('Cache-Control', 'no-store')
    return context.json({ sessions })
  })
}

function endSession(services: ApiServices, context: Context): Promise<Response> {
  const name = documentNameOf(services, context)
  return asOperator(services, context, async () => {
    queryOf(context, noQuery)
    const { rooms } = services.context
    const session = rooms.sessionsOf(name).find(({ id }) => String(id) === context.req.param('session'))
    if (session === undefined) throw new SynclineError('no_session')
    session.client!.end(new SynclineError('session_ended'))
    return context.body(null, 204)
  })
}

/** Who is there. */
export const peopleRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/documents/{document}/awareness',
    id: 'readAwareness',
    tag: 'Awareness',
    summary: 'Reads what the clients of a document say of themselves, such as names and cursors',
    query: noQuery,
    answers: { 200: { description: 'Every client', content: { 'application/json': awarenessSchema } } },
    problems: ['no_document', 'document_deleted', 'invalid_name'],
    handle: readAwareness,
  },
  {
    method: 'put',
    path: '/documents/{document}/awareness/{key}',
    id: 'putAwareness',
    tag: 'Awareness',
    summary: 'Puts an entry that the server owns, for some time',
    query: noQuery,
    body: { isRequired: true, content: { 'application/json': presenceSchema } },
    answers: { 200: { description: 'Everybody is told', content: { 'application/json': presencePutSchema } } },
    problems: ['no_document', 'read_only', 'invalid_request', 'malformed_json', 'body_too_large'],
    handle: putAwareness,
  },
  {
    method: 'delete',
    path: '/documents/{document}/awareness/{key}',
    id: 'removeAwareness',
    tag: 'Awareness',
    summary: 'Removes an entry that the server owns',
    query: noQuery,
    answers: { 204: { description: 'Everybody is told' } },
    problems: ['no_value', 'read_only', 'invalid_name'],
    handle: removeAwareness,
  },
  {
    method: 'post',
    path: '/documents/{document}/signal',
    id: 'postSignal',
    tag: 'Awareness',
    summary: 'Says something in passing to everybody who has the document open',
    description:
      'Clients of `@syncline/client` get it as `signal`, Hocuspocus providers as a stateless message, readers of the ' +
      'event stream as the event `signal`. It is kept nowhere: whoever is not there, or does not keep up, misses it.',
    query: noQuery,
    body: { isRequired: true, content: { 'application/json': json } },
    answers: { 200: { description: 'To how many sessions', content: { 'application/json': signalledSchema } } },
    problems: [
      'no_document',
      'read_only',
      'malformed_json',
      'body_too_large',
      'rate_limited',
      'invalid_name',
      'unsupported_media_type',
    ],
    handle: postSignal,
  },
  {
    method: 'get',
    path: '/documents/{document}/sessions',
    id: 'listSessions',
    tag: 'Sessions',
    summary: 'Lists who has a document open',
    query: noQuery,
    answers: { 200: { description: 'Every session', content: { 'application/json': sessionsSchema } } },
    problems: ['forbidden', 'invalid_name'],
    handle: listSessions,
  },
  {
    method: 'delete',
    path: '/documents/{document}/sessions/{session}',
    id: 'endSession',
    tag: 'Sessions',
    summary: 'Ends a session; its client is told, and does not come back by itself',
    query: noQuery,
    answers: { 204: { description: 'It is over' } },
    problems: ['forbidden', 'no_session', 'invalid_name'],
    handle: endSession,
  },
]
