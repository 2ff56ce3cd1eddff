import { readFile } from 'node:fs/promises'
import { SynclineError } from '@syncline/protocol'
import { Hono } from 'hono'

const files: Readonly<Record<string, readonly [file: string, type: string]>> = {
  '/admin': ['index.html', 'text/html; charset=utf-8'],
  '/admin/': ['index.html', 'text/html; charset=utf-8'],
  '/admin/page.js': ['page.js', 'text/javascript; charset=utf-8'],
  '/admin/style.css': ['style.css', 'text/css; charset=utf-8'],
}

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/**
 * The operator's page at `/admin`: an application of Hono, to serve beside `relay.api()` and on the same origin as the
 * relay's sockets. The page itself is for everybody; all that it shows and does asks for the grant of an operator.
 */
export function adminPage(): Hono {
  const app = new Hono()
  for (const [path, [file, type]] of Object.entries(files)) {
    app.get(path, async (context) => {
      const body = await readFile(new URL(`../../admin/dist/${file}`, import.meta.url)).catch(() => {
        throw new SynclineError('not_found', 'The page was not built: npm run build:packages')
      })
      return context.body(Uint8Array.from(body), 200, {
        'Content-Type': type,
        'Content-Security-Policy': policy,
        'X-Content-Type-Options': 'nosniff',
        'Referrer-Policy': 'no-referrer',
        'Cache-Control': 'no-cache',
      })
    })
  }
  app.onError((error, context) => context.json({ error: { code: 'not_found', reason: error.message } }, 404))
  return app
}
