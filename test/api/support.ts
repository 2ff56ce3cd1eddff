import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import type { Log } from '@syncline/protocol'
import { type ApiOptions, MemoryLog, Relay, type RelayOptions } from '@syncline/server'
import { onTestFinished } from 'vitest'
import { listen } from '../relay/support.js'

/** A relay in the test's process that serves its HTTP interface over a real socket. */
export interface TestApi {
  readonly relay: Relay
  /** such as `http://127.0.0.1:4321` */
  readonly url: string
  /** the same for WebSockets */
  readonly webSocketUrl: string
  /** sends a request below /api/v1 */
  readonly ask: (path: string, init?: RequestInit) => Promise<Response>
}

export async function startApi(
  options: RelayOptions = {},
  api: ApiOptions = {},
  log: Log = new MemoryLog(),
): Promise<TestApi> {
  const logger = { debug() {}, info() {}, warn() {}, error() {} }
  const relay = new Relay(log, { logger, ...options })
  const app = relay.api(api)
  const server = createAdaptorServer({ fetch: app.fetch }) as Server
  relay.attach(server)
  const webSocketUrl = await listen(server)
  const url = webSocketUrl.replace('ws:', 'http:')
  onTestFinished(async () => {
    await relay.close()
    server.closeAllConnections()
    server.close()
  })
  return { relay, url, webSocketUrl, ask: (path, init) => fetch(`${url}/api/v1${path}`, init) }
}

/** A request with JSON in its body. */
export function json(method: string, body: unknown, headers: Record<string, string> = {}): RequestInit {
  return { method, body: JSON.stringify(body), headers: { 'Content-Type': 'application/json', ...headers } }
}

/** A request with a JSON Patch. */
export function jsonPatch(operations: unknown, headers: Record<string, string> = {}): RequestInit {
  return json('PATCH', operations, { 'Content-Type': 'application/json-patch+json', ...headers })
}

/** A request with a merge patch. */
export function mergePatch(patch: unknown, headers: Record<string, string> = {}): RequestInit {
  return json('PATCH', patch, { 'Content-Type': 'application/merge-patch+json', ...headers })
}
