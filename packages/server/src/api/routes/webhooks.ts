import type { Context } from 'hono'
import { asOperator } from '../access.js'
import { queryOf } from '../request.js'
import type { Route } from '../route.js'
import { noQuery, replayedSchema, replayQuery, webhooksSchema } from '../schemas.js'
import type { ApiServices } from '../services.js'

function status(services: ApiServices, context: Context): Promise<Response> {
  return asOperator(services, context, async () => {
    queryOf(context, noQuery)
    context.header('Cache-Control', 'no-store')
    return context.json(services.webhooks.status())
  })
}

function replay(services: ApiServices, context: Context): Promise<Response> {
  return asOperator(services, context, async () => {
    const { documents } = queryOf(context, replayQuery)
    return context.json({ replayed: await services.webhooks.replay(documents) })
  })
}

/** What webhooks are still to be told. */
export const webhookRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/webhooks',
    id: 'readWebhooks',
    tag: 'Webhooks',
    summary: 'Counts what webhooks are still to be told, and lists what was given up',
    query: noQuery,
    answers: { 200: { description: 'As it is now', content: { 'application/json': webhooksSchema } } },
    problems: ['forbidden', 'invalid_request'],
    handle: status,
  },
  {
    method: 'post',
    path: '/webhooks/replay',
    id: 'replayWebhooks',
    tag: 'Webhooks',
    summary: 'Tells webhooks once more what was given up, and at once what waits for its next attempt',
    query: replayQuery,
    answers: { 200: { description: 'It is on its way', content: { 'application/json': replayedSchema } } },
    problems: ['forbidden', 'invalid_request', 'document_busy'],
    handle: replay,
  },
]
