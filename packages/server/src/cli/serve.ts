import { readFile, stat } from 'node:fs/promises'
import type { Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import { createAdaptorServer } from '@hono/node-server'
import { trace } from '@opentelemetry/api'
import { SynclineError } from '@syncline/protocol'
import { withPublicRead } from '../auth/publicRead.js'
import { systemClock } from '../clock.js'
import { type Control, createControl, listenForControl } from '../control/server.js'
import { type Condition, conditionOf, EventLoopWatch } from '../health.js'
import { createHttp, createOperatorHttp } from '../http.js'
import { type LevelLog, openLevelLog } from '../log/index.js'
import { copyWriteAhead } from '../log/maintenance.js'
import { asError, type Logger } from '../logger.js'
import { Metrics } from '../metrics.js'
import { boundPipelining } from '../pipelining.js'
import { rehearse } from '../rehearsal/rehearse.js'
import { Relay } from '../relay.js'
import { spaceOf } from '../rooms/reserve.js'
import { tracedLog } from '../tracing.js'
import { version } from '../version.js'
import { authorizerOf } from './auth.js'
import { loggerOf } from './logs/logger.js'
import type { ServeOptions } from './options.js'
import { revocationsIn } from './revoke.js'

// a request's head may take this long: nobody needs more, and a slow one costs a socket
const headersMs = 5_000
const requestMs = 30_000
const tlsHandshakeMs = 10_000
// how often Node looks for those that take longer
const checkMs = 1_000

/** A relay that serves, and how it is stopped. */
export interface Serving {
  readonly url: string
  /** commits what is in flight, and closes everything */
  stop(): Promise<void>
}

/**
 * Opens the log, and serves it.
 *
 * @throws SynclineError `data_in_use`, `unknown_format`, `invalid_option`; a system error where it cannot listen
 */
export async function serve(options: ServeOptions): Promise<Serving> {
  // before anything is opened: an option that makes no sense ends it
  const authorize = withPublicRead(await authorizerOf(options.auth), options.publicRead)
  const tls = await tlsOf(options)
  const logger = await loggerOf(options)
  await warnOfDamage(options.data, logger)
  let log: LevelLog
  const openLog = async () => {
    log = await openLevelLog(options.data)
    return options.traces ? tracedLog(log, trace.getTracer('syncline', version)) : log
  }
  const { allowOrigins, keepHistory, diskReserve, limits, trustProxy, subdocumentAccess } = options
  const disk = { space: () => spaceOf(options.data), ...(diskReserve === null ? {} : { reserveBytes: diskReserve }) }
  const revocations = revocationsIn(options.data)
  const loop = new EventLoopWatch()
  const metrics = new Metrics({ space: disk.space, process: true })
  const relay = new Relay(await openLog(), {
    ...{ logger, authorize, revocations, allowOrigins, keepHistory, disk, limits, trustProxy, commitObserver: metrics },
    ...{ subdocumentAccess, deleteAfter: options.deleteAfter, quietHours: options.quietHours },
    ...options.backend,
    reopen: openLog,
  })
  try {
    await revocations.read() // rather now than when somebody comes
    await warnOfOthers(options.data, logger)
    const health = {
      get condition() {
        return conditionOf(relay, loop)
      },
    }
    const server = createServer(relay, health, options, tls)
    relay.attach(server)
    boundPipelining(server)
    const backUp = (directory: string, time: number) => log.backUp(directory, time)
    const app = createControl({ relay, backUp, clock: systemClock, logger })
    const control = await listenForControl(options.data, app)
    await rehearse().catch((error: unknown) => {
      logger.info({ event: 'not_rehearsed', error: asError(error) }, 'the first documents may take 20 ms longer')
    })
    const url = await listen(server, options).catch(async (error: unknown) => {
      await control.close()
      throw error
    })
    metrics.watch(relay)
    const operatorServer = await serveOperator(health, metrics, options.metricsPort).catch(async (error: unknown) => {
      await control.close()
      server.close()
      throw error
    })
    logger.info({ event: 'listening', url, data: options.data }, 'the relay is listening')
    return { url, stop: () => stop({ server, operatorServer, relay, control, loop, logger }) }
  } catch (error) {
    await relay.close()
    throw error
  }
}

/** LevelDB drops what does not match its checksum, and says nothing. */
async function warnOfDamage(data: string, logger: Logger): Promise<void> {
  for (const copy of await copyWriteAhead(data, systemClock.now())) {
    logger.error(
      { event: 'write_ahead_damaged', copy },
      'a write-ahead file is damaged: writes may be missing; a copy was made',
    )
  }
}

/** What people write is theirs: a directory that was made by hand may be open to everybody on the machine. */
async function warnOfOthers(data: string, logger: Logger): Promise<void> {
  if (process.platform === 'win32') return
  const { mode } = await stat(data)
  if ((mode & 0o077) === 0) return
  logger.warn(
    { event: 'data_reachable', data, mode: (mode & 0o777).toString(8) },
    'others on this machine can reach the documents: chmod 700',
  )
}

interface TlsFiles {
  readonly cert: Buffer
  readonly key: Buffer
}

async function tlsOf({ tls }: ServeOptions): Promise<TlsFiles | null> {
  if (tls === null) return null
  try {
    const files = { cert: await readFile(tls.cert), key: await readFile(tls.key) }
    createSecureContext(files)
    return files
  } catch (error) {
    // what OpenSSL says has no byte of a key in it
    throw new SynclineError('invalid_option', `--tls-cert, --tls-key: ${(error as Error).message}`)
  }
}

function createServer(
  relay: Relay,
  health: { readonly condition: Condition },
  options: ServeOptions,
  tls: TlsFiles | null,
): Server {
  const idempotencyFile = join(options.data, 'idempotency.jsonl')
  const cacheControl = options.cacheControl === null ? {} : { cacheControl: options.cacheControl }
  const api = relay.api({ idempotencyFile, ...cacheControl })
  const app = createHttp(health, { api, ...(options.static === null ? {} : { staticDirectory: options.static }) })
  const timeouts = { headersTimeout: headersMs, requestTimeout: requestMs, connectionsCheckingInterval: checkMs }
  const serverOptions = { ...timeouts, ...tls }
  if (tls !== null) {
    Object.assign(serverOptions, { handshakeTimeout: tlsHandshakeMs })
    return createAdaptorServer({ fetch: app.fetch, createServer: createTlsServer, serverOptions }) as unknown as Server
  }
  // it makes a plain HTTP server where it is not told otherwise
  return createAdaptorServer({ fetch: app.fetch, serverOptions }) as Server
}

async function listen(server: Server, { host, port, tls }: ServeOptions): Promise<string> {
  await listenOn(server, host, port)
  return urlOf(server.address() as AddressInfo, tls === null ? 'http' : 'https')
}

function listenOn(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function urlOf({ address, family, port }: AddressInfo, scheme: 'http' | 'https'): string {
  const isWildcard = address === '0.0.0.0' || address === '::'
  const host = family === 'IPv6' ? `[${address}]` : address
  return `${scheme}://${isWildcard ? 'localhost' : host}:${port}`
}

/** On this machine alone: what it tells is for the operator. */
async function serveOperator(
  health: { readonly condition: Condition },
  metrics: Metrics,
  port: number | null,
): Promise<Server | null> {
  if (port === null) return null
  const { fetch } = createOperatorHttp(health, metrics)
  const server = createAdaptorServer({ fetch, serverOptions: { headersTimeout: headersMs } }) as Server
  await listenOn(server, '127.0.0.1', port)
  return server
}

interface Stopping {
  readonly server: Server
  readonly operatorServer: Server | null
  readonly relay: Relay
  readonly control: Control
  readonly loop: EventLoopWatch
  readonly logger: Logger
}

async function stop({ server, operatorServer, relay, control, loop, logger }: Stopping): Promise<void> {
  logger.info({ event: 'stopping' }, 'the relay is stopping')
  await control.close() // before another process may have the directory
  await relay.close() // it is asked for its health until then
  loop.close()
  const closed = new Promise((resolve) => server.close(resolve))
  server.closeAllConnections()
  operatorServer?.close()
  operatorServer?.closeAllConnections()
  await closed
  logger.info({ event: 'stopped' }, 'the relay has stopped')
}
