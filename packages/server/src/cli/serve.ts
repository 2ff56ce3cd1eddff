import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { systemClock } from '../clock.js'
import { type Control, createControl, listenForControl } from '../control/server.js'
import { createHttp } from '../http.js'
import { type LevelLog, openLevelLog } from '../log/index.js'
import { copyWriteAhead } from '../log/maintenance.js'
import { createLogger, type Logger } from '../logger.js'
import { Relay } from '../relay.js'
import { spaceOf } from '../rooms/reserve.js'
import type { ServeOptions } from './options.js'

// a request's head may take this long: nobody needs more, and a slow one costs a socket
const headersMs = 5_000

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
export async function serve(options: ServeOptions, logger: Logger = createLogger(options.logLevel)): Promise<Serving> {
  await warnOfDamage(options.data, logger)
  let log: LevelLog
  const openLog = async () => {
    log = await openLevelLog(options.data)
    return log
  }
  const { allowOrigins, keepHistory, diskReserve } = options
  const disk = { space: () => spaceOf(options.data), ...(diskReserve === null ? {} : { reserveBytes: diskReserve }) }
  const relay = new Relay(await openLog(), { logger, allowOrigins, keepHistory, reopen: openLog, disk })
  try {
    const server = createServer(relay, options)
    relay.attach(server)
    const backUp = (directory: string, time: number) => log.backUp(directory, time)
    const app = createControl({ relay, backUp, clock: systemClock, logger })
    const control = await listenForControl(options.data, app)
    const url = await listen(server, options).catch(async (error: unknown) => {
      await control.close()
      throw error
    })
    logger.info({ url, data: options.data }, 'the relay is listening')
    return { url, stop: () => stop({ server, relay, control, logger }) }
  } catch (error) {
    await relay.close()
    throw error
  }
}

/** LevelDB drops what does not match its checksum, and says nothing. */
async function warnOfDamage(data: string, logger: Logger): Promise<void> {
  for (const copy of await copyWriteAhead(data, systemClock.now())) {
    logger.error({ copy }, 'a write-ahead file is damaged: writes may be missing; a copy was made')
  }
}

function createServer(relay: Relay, options: ServeOptions): Server {
  const app = createHttp(relay, options.static === null ? {} : { staticDirectory: options.static })
  const serverOptions = { headersTimeout: headersMs }
  // it makes a plain HTTP server where it is not told otherwise
  return createAdaptorServer({ fetch: app.fetch, serverOptions }) as Server
}

function listen(server: Server, { host, port }: ServeOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve(urlOf(server.address() as AddressInfo))
    })
  })
}

function urlOf({ address, family, port }: AddressInfo): string {
  const isWildcard = address === '0.0.0.0' || address === '::'
  const host = family === 'IPv6' ? `[${address}]` : address
  return `http://${isWildcard ? 'localhost' : host}:${port}`
}

interface Stopping {
  readonly server: Server
  readonly relay: Relay
  readonly control: Control
  readonly logger: Logger
}

async function stop({ server, relay, control, logger }: Stopping): Promise<void> {
  logger.info({}, 'the relay is stopping')
  await control.close() // before another process may have the directory
  const closed = new Promise((resolve) => server.close(resolve))
  await relay.close()
  server.closeAllConnections()
  await closed
  logger.info({}, 'the relay has stopped')
}
