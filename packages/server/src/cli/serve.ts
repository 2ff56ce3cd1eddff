import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { createHttp } from '../http.js'
import { openLevelLog } from '../log/index.js'
import { createLogger, type Logger } from '../logger.js'
import { Relay } from '../relay.js'
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
  const openLog = () => openLevelLog(options.data)
  const relay = new Relay(await openLog(), { logger, allowOrigins: options.allowOrigins, reopen: openLog })
  try {
    const server = createServer(relay, options)
    relay.attach(server)
    const url = await listen(server, options)
    logger.info({ url, data: options.data }, 'the relay is listening')
    return { url, stop: () => stop(server, relay, logger) }
  } catch (error) {
    await relay.close()
    throw error
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

async function stop(server: Server, relay: Relay, logger: Logger): Promise<void> {
  logger.info({}, 'the relay is stopping')
  const closed = new Promise((resolve) => server.close(resolve))
  await relay.close()
  server.closeAllConnections()
  await closed
  logger.info({}, 'the relay has stopped')
}
