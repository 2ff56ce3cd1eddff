import { serveStatic } from '@hono/node-server/serve-static'
import { type Context, Hono } from 'hono'
import { compress } from 'hono/compress'
import type { Relay } from './relay.js'

/** What {@link createHttp} can serve beside the relay's state. */
export interface HttpOptions {
  /** a directory of static files: a built web application */
  readonly staticDirectory?: string
  /** the HTTP interface for documents */
  readonly api?: Hono
}

/**
 * What a relay answers to plain HTTP: `/healthz` (200 while documents can be opened and changed, else 503), and the
 * files of a web application.
 */
export function createHttp(
  relay: Pick<Relay, 'ready'> & Partial<Pick<Relay, 'isReadOnly'>>,
  options: HttpOptions = {},
): Hono {
  const app = new Hono()
  app.get('/healthz', (context) => {
    context.header('Cache-Control', 'no-store')
    if (relay.ready) return context.json({ status: 'ready' })
    return context.json({ status: relay.isReadOnly ? 'read_only' : 'not_ready' }, 503)
  })
  app.on(['GET', 'HEAD'], ['/sync', '/y/*'], (context) => {
    context.header('Upgrade', 'websocket')
    return context.json({ error: { code: 'not_found', reason: 'This path speaks WebSocket' } }, 426)
  })
  if (options.api) app.route('/', options.api)
  if (options.staticDirectory !== undefined) serveFiles(app, options.staticDirectory)
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
