import { SynclineError } from '@syncline/protocol'
import type { Context } from 'hono'
import type { Revocation } from '../../auth/authorize.js'
import { asOperator } from '../access.js'
import type { Admission } from '../admission.js'
import { assertContentType, bytesOf, documentNameOf, parseJson, queryOf } from '../request.js'
import type { Route } from '../route.js'
import {
  changesSchema,
  noQuery,
  overviewSchema,
  readOnlyAnswerSchema,
  readOnlySchema,
  revocationSchema,
  revokedSchema,
} from '../schemas.js'
import type { ApiServices } from '../services.js'

const bodyBytesMax = 64 * 1024
const changesMax = 50

/** Answers an operator with JSON that nobody keeps, or with nothing. */
function operating(run: (services: ApiServices, context: Context, operator: Admission) => Promise<object | null>) {
  return (services: ApiServices, context: Context) =>
    asOperator(services, context, async (operator) => {
      queryOf(context, noQuery)
      const answer = await run(services, context, operator)
      context.header('Cache-Control', 'no-store')
      return answer === null ? context.body(null, 204) : context.json(answer)
    })
}

const look = operating(({ look }) => look())

const revoke = operating(async ({ context: { gate } }, context, operator) => {
  assertContentType(context, 'application/json')
  const revocation = parseJson(await bytesOf(context, bodyBytesMax), revocationSchema) as Revocation
  operator.assertHolds()
  return { sessions: await gate.revoke(revocation) }
})

const compact = operating(async (services, context, operator) => {
  const name = documentNameOf(services, context)
  if ((await services.documents.info(name)) === null) throw new SynclineError('no_document', JSON.stringify(name))
  operator.assertHolds()
  await services.compact(name)
  return null
})

const listChanges = operating(async (services, context, operator) => {
  const name = documentNameOf(services, context)
  const stored = await services.context.rooms.read(name)
  operator.assertHolds()
  if (stored === null) throw new SynclineError('no_document', JSON.stringify(name))
  const changes = stored.records
    .slice(-changesMax)
    .reverse()
    .map(({ position, time, runs }) => ({
      position,
      time,
      bytes: runs.reduce((sum, { update }) => sum + update.length, 0),
      authors: [...new Set(runs.map(({ author }) => author))],
    }))
  return { changes }
})

const setReadOnly = operating(async (services, context, operator) => {
  const name = documentNameOf(services, context)
  assertContentType(context, 'application/json')
  const { seconds } = parseJson(await bytesOf(context, bodyBytesMax), readOnlySchema)
  operator.assertHolds()
  return { until: services.context.gate.setReadOnly(name, seconds * 1_000) }
})

const endReadOnly = operating(async (services, context) => {
  services.context.gate.setReadOnly(documentNameOf(services, context), 0)
  return null
})

const json = (schema: NonNullable<Route['body']>['content'][string]) => ({ 'application/json': schema })

/** What operators do. */
export const operatingRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/relay',
    id: 'readRelay',
    tag: 'Operating',
    summary: 'Tells what the relay is doing, and which documents are in memory',
    query: noQuery,
    answers: { 200: { description: 'As it is now', content: json(overviewSchema) } },
    problems: ['forbidden'],
    handle: look,
  },
  {
    method: 'post',
    path: '/revocations',
    id: 'revoke',
    tag: 'Operating',
    summary: 'Takes access away: what was granted by something that was issued before counts no more',
    query: noQuery,
    body: { isRequired: true, content: json(revocationSchema) },
    answers: { 200: { description: 'Its sessions are ended, and it is on disk', content: json(revokedSchema) } },
    problems: ['forbidden', 'invalid_option', 'invalid_request', 'malformed_json'],
    handle: revoke,
  },
  {
    method: 'post',
    path: '/documents/{document}/compaction',
    id: 'compactDocument',
    tag: 'Operating',
    summary: 'Makes one update of all that a document has, whether that is due or not',
    query: noQuery,
    answers: { 204: { description: 'It is compact' } },
    problems: ['forbidden', 'no_document', 'invalid_name', 'compaction_failed', 'compaction_mismatch'],
    handle: compact,
  },
  {
    method: 'get',
    path: '/documents/{document}/changes',
    id: 'listChanges',
    tag: 'Operating',
    summary: 'Lists the last commits of a document: when, whose and how much, not what',
    query: noQuery,
    answers: { 200: { description: 'The newest first', content: json(changesSchema) } },
    problems: ['forbidden', 'no_document', 'document_deleted', 'invalid_name'],
    handle: listChanges,
  },
  {
    method: 'put',
    path: '/documents/{document}/read-only',
    id: 'setReadOnly',
    tag: 'Operating',
    summary: 'Lets nobody write a document for some time, whatever was granted',
    description: 'Clients are told, as where their access changes. It ends by itself, and with the process.',
    query: noQuery,
    body: { isRequired: true, content: json(readOnlySchema) },
    answers: { 200: { description: 'From now on', content: json(readOnlyAnswerSchema) } },
    problems: ['forbidden', 'invalid_name', 'invalid_request', 'malformed_json'],
    handle: setReadOnly,
  },
  {
    method: 'delete',
    path: '/documents/{document}/read-only',
    id: 'endReadOnly',
    tag: 'Operating',
    summary: 'Lets those write a document again who may',
    query: noQuery,
    answers: { 204: { description: 'What was granted counts again' } },
    problems: ['forbidden', 'invalid_name'],
    handle: endReadOnly,
  },
]
