import { serveStatic } from '@hono/node-server/serve-static'
import { protocolVersion } from '@syncline/protocol'
import { type Context, Hono } from 'hono'
import { compress } from 'hono/compress'
import { adminPage } from './admin/page.js'
import type { Condition } from './health.js'
import type { Metrics } from './metrics.js'
import { version } from './version.js'

/** What {@link createHttp} can serve beside the relay's state. */
export interface HttpOptions {
  /** a directory of static files: a built web application */
  readonly staticDirectory?: string
  /** the HTTP interface for documents */
  readonly api?: Hono
}

/** What is asked for the health of a relay; a `Relay` is one. */
interface HealthOf {
  readonly condition: Condition
}

/** What a relay answers to plain HTTP: whether it is well, documents, and the files of a web application. */
export function createHttp(relay: HealthOf, options: HttpOptions = {}): Hono {
  const app = new Hono()
  addHealth(app, relay)
  app.on(['GET', 'HEAD'], ['/sync', '/y/*'], (context) => {
    // nobody takes WebSockets any more, and whoever comes back meanwhile is not told that it should be one
    if (relay.condition === 'draining') {
      return context.json({ error: { code: 'shutting_down', reason: 'The relay is stopping' } }, 503)
    }
    context.header('Upgrade', 'websocket')
    return context.json({ error: { code: 'not_found', reason: 'This path speaks WebSocket' } }, 426)
  })
  if (options.api) app.route('/', options.api).route('/', adminPage())
  if (options.staticDirectory !== undefined) serveFiles(app, options.staticDirectory)
  app.notFound((context) => context.json({ error: { code: 'not_found', reason: 'There is nothing here' } }, 404))
  app.onError((_error, context) => context.json({ error: { code: 'internal', reason: 'A bug' } }, 500))
  return app
}

/**
 * `/livez` is 200 as long as the process answers, `/readyz` (and `/healthz`) while documents can be opened and changed,
 * else 503 with the reason; `/version` tells which one it is.
 */
function addHealth(app: Hono, relay: HealthOf): void {
  for (const path of ['/readyz', '/healthz']) {
    app.get(path, (context) => {
      context.header('Cache-Control', 'no-store')
      return context.json({ status: relay.condition }, relay.condition === 'ready' ? 200 : 503)
    })
  }
  app.get('/livez', (context) => {
    context.header('Cache-Control', 'no-store')
    return context.json({ status: 'alive' })
  })
  app.get('/version', (context) => context.json({ version, protocol: protocolVersion }))
}

/** What is for the operator alone, on a port of its own: `/metrics`, and the health of the relay. */
export function createOperatorHttp(relay: HealthOf, metrics: Pick<Metrics, 'text' | 'type'>): Hono {
  const app = new Hono()
  addHealth(app, relay)
  app.get('/metrics', async (context) => context.body(await metrics.text(), 200, { 'Content-Type': metrics.type }))
  app.notFound((context) => context.json({ error: { code: 'not_found', reason: 'There is nothing here' } }, 404))
  app.onError((_error, context) => context.json({ error: { code: 'internal', reason: 'A bug' } }, 500))
  return app
}

function serveFiles(app: Hono, root: string): void {
  app.use(compress())
  app.get('*', async (context, next) => {
    await next()
    if (!context.res.ok) return
    const caching = isHashed(context.req.path) ? 'public, max-age=31536000, immutable' : 'no-cache'
    context.header('Cache-Control', caching)
    context.header('X-Content-Type-Options', 'nosniff')
  })
  app.get('*', serveStatic({ root }))
  const index = serveStatic({ root, path: 'index.html' })
  // a path within the application, opened in the address bar: the application's router knows it
  app.get('*', (context, next) => (isNavigation(context) ? index(context, next) : next()))
}

// as bundlers write them: assets/index-DiwrgTda.js
function isHashed(path: string): boolean {
  return /^\/assets\/.*-[\w-]{8,}\.\w+$/.test(path)
}

function isNavigation(context: Context): boolean {
  if (isHashed(context.req.path)) return false
  const mode = context.req.header('Sec-Fetch-Mode')
  if (mode !== undefined) return mode === 'navigate'
  return context.req.header('Accept')?.includes('text/html') ?? false
}
