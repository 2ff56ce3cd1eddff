import { chmod } from 'node:fs/promises'
import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { assertDocumentName, SynclineError } from '@syncline/protocol'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { z } from 'zod'
import type { Clock } from '../clock.js'
import type { BackupManifest } from '../log/index.js'
import type { Logger } from '../logger.js'
import type { Relay } from '../relay.js'
import { version } from '../version.js'
import { prepareSocket, removeSocket } from './socket.js'

const bodyBytesMax = 64 * 1024

/** What a relay does for the commands of its operator. */
export interface ControlOptions {
  readonly relay: Pick<
    Relay,
    'ready' | 'stats' | 'overview' | 'remove' | 'create' | 'compact' | 'revoke' | 'webhookStatus' | 'replayWebhooks'
  >
  /** writes a backup of the log that is open now */
  readonly backUp: (directory: string, time: number) => Promise<BackupManifest>
  readonly clock: Clock
  readonly logger: Logger
}

const named = z.object({ name: z.string() }).strict()
const revocation = z.object({ subject: z.string().exactOptional(), document: z.string().exactOptional() }).strict()
const replayRequest = z.object({ documents: z.string().min(1) }).strict()
const backupRequest = z.object({ directory: z.string().min(1) }).strict()

/**
 * The HTTP interface of a running relay for the commands of its operator: JSON in, JSON out, an error as
 * `{ error: { code, reason } }`.
 */
export function createControl({ relay, backUp, clock, logger }: ControlOptions): Hono {
  const app = new Hono()
  app.use(
    bodyLimit({
      maxSize: bodyBytesMax,
      onError: (context) => context.json(errorOf(new SynclineError('invalid_option', 'The request is too long')), 413),
    }),
  )
  app.get('/status', (context) => context.json({ version, pid: process.pid, ready: relay.ready, ...relay.stats() }))
  app.get('/overview', async (context) => context.json(await relay.overview()))
  const onDocument = (path: string, run: (name: string) => Promise<object>) => {
    app.post(path, async (context) => {
      const { name } = await bodyOf(context, named)
      assertDocumentName(name)
      const result = await run(name)
      logger.info({ event: 'operator_command', document: name, ...result }, `the operator asked for ${path}`)
      return context.json(result)
    })
  }
  onDocument('/documents/delete', async (name) => ({ deleted: await relay.remove(name) }))
  onDocument('/documents/create', async (name) => ({ created: await relay.create(name) }))
  onDocument('/documents/compact', async (name) => {
    await relay.compact(name)
    return {}
  })
  app.post('/revoke', async (context) =>
    context.json({ sessions: await relay.revoke(await bodyOf(context, revocation)) }),
  )
  app.get('/webhooks', (context) => context.json(relay.webhookStatus()))
  app.post('/webhooks/replay', async (context) => {
    const { documents } = await bodyOf(context, replayRequest)
    return context.json({ replayed: await relay.replayWebhooks(documents) })
  })
  app.post('/backup', async (context) => {
    const { directory } = await bodyOf(context, backupRequest)
    const manifest = await backUp(directory, clock.now())
    logger.info({ event: 'backup_written', directory, documents: manifest.documents }, 'a backup was written')
    return context.json(manifest)
  })
  app.notFound((context) => context.json(errorOf(new SynclineError('not_found')), 404))
  app.onError((error, context) => {
    if (error instanceof SynclineError) return context.json(errorOf(error), 409)
    logger.error({ event: 'bug', error }, 'an exception was caught: a bug')
    return context.json(errorOf(new SynclineError('internal')), 500)
  })
  return app
}

/** A control interface that listens. */
export interface Control {
  /** Takes no further command, and leaves the directory as if it had never been there. */
  close(): Promise<void>
}

/**
 * Listens for the operator's commands in a data directory, which this process has for its own. Whoever may write to the
 * socket may do what these commands do: it is the directory's owner alone.
 *
 * @throws a system error where it cannot listen
 */
export async function listenForControl(data: string, app: Hono): Promise<Control> {
  const path = await prepareSocket(data)
  const server = createAdaptorServer({ fetch: app.fetch }) as Server
  await listen(server, path)
  if (process.platform !== 'win32') await chmod(path, 0o600)
  return {
    async close() {
      server.close() // what is in flight ends with the log
      server.closeIdleConnections()
      await removeSocket(data)
    },
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // it binds in this turn, and nobody else may connect before its mode is set
    const mask = process.umask(0o177)
    try {
      server.listen(path, () => {
        server.off('error', reject)
        resolve()
      })
    } finally {
      process.umask(mask)
    }
  })
}

async function bodyOf<T>(context: Context, schema: z.ZodType<T>): Promise<T> {
  const parsed = schema.safeParse(await context.req.json().catch(() => null))
  if (!parsed.success) throw new SynclineError('invalid_option', 'The request has another form')
  return parsed.data
}

function errorOf({ code, message }: SynclineError) {
  return { error: { code, reason: message } }
}
