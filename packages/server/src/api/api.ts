import { SynclineError } from '@syncline/protocol'
import { type Context, Hono } from 'hono'
import { countRefusal } from '../counters.js'
import { asError } from '../logger.js'
import { openApiOf } from './openapi.js'
import { pageOf } from './page.js'
import { problemResponse } from './problems.js'
import type { Route } from './route.js'
import { catalogueRoutes } from './routes/catalogue.js'
import { liveRoutes } from './routes/live.js'
import { operatingRoutes } from './routes/operating.js'
import { peopleRoutes } from './routes/people.js'
import { readingRoutes } from './routes/reading.js'
import { webhookRoutes } from './routes/webhooks.js'
import { writingRoutes } from './routes/writing.js'
import type { ApiServices } from './services.js'

/** Where the HTTP interface is. */
export const apiPath = '/api/v1'

/** Every request that is answered, but for those that describe them. */
export const routes: readonly Route[] = [
  ...catalogueRoutes,
  ...readingRoutes,
  ...writingRoutes,
  ...liveRoutes,
  ...peopleRoutes,
  ...webhookRoutes,
  ...operatingRoutes,
]

const exposedHeaders = [
  'ETag',
  'Location',
  'Syncline-Epoch',
  'Syncline-Position',
  'Idempotency-Replayed',
  'Retry-After',
]

/** The HTTP interface of a relay, below {@link apiPath}. */
export function createApi(services: ApiServices): Hono {
  const app = new Hono()
  app.use(`${apiPath}/*`, async (context, next) => {
    const refusal = crossOrigin(services, context)
    if (refusal) return refusal
    return next()
  })
  const description = openApiOf(routes)
  app.get(`${apiPath}/openapi.json`, (context) => {
    context.header('Cache-Control', 'no-cache')
    return context.json(description)
  })
  app.get(apiPath, (context) => {
    context.header('Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'")
    return context.html(pageOf(routes))
  })
  for (const { method, path, handle } of routes) {
    app.on(method.toUpperCase(), apiPath + path.replaceAll(/\{(\w+)\}/g, ':$1'), (context) => handle(services, context))
  }
  app.all(`${apiPath}/*`, () => {
    throw new SynclineError('not_found')
  })
  app.onError((error, context) => {
    if (error instanceof SynclineError) {
      if (error.code !== 'internal') countRefusal(services.context.counters, error)
      return problemResponse(context, error)
    }
    services.context.exception(asError(error))
    return problemResponse(context, new SynclineError('internal'))
  })
  return app
}

/** Pages of other origins are refused, as on the socket; those that may come in are told so. */
function crossOrigin({ origins }: ApiServices, context: Context): Response | null {
  const origin = context.req.header('Origin')
  if (origin === undefined) return null
  if (!origins.allows(origin, context.req.header('Host'))) {
    throw new SynclineError('forbidden_origin', `The origin is ${origin.slice(0, 200)}`)
  }
  context.header('Access-Control-Allow-Origin', origin)
  context.header('Access-Control-Allow-Credentials', 'true')
  context.header('Access-Control-Expose-Headers', exposedHeaders.join(', '))
  context.header('Vary', 'Origin')
  if (context.req.method !== 'OPTIONS') return null
  context.header('Access-Control-Allow-Methods', 'GET, HEAD, PUT, POST, PATCH, DELETE')
  context.header(
    'Access-Control-Allow-Headers',
    'Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Last-Event-ID',
  )
  context.header('Access-Control-Max-Age', '600')
  return context.body(null, 204)
}
