import type { IncomingMessage } from 'node:http'
import type { HttpBindings } from '@hono/node-server'
import { type Access, SynclineError } from '@syncline/protocol'
import type { Context } from 'hono'
import { relayDocument, type Visitor } from '../auth/authorize.js'
import { tokenIn } from '../auth/bearer.js'
import type { ProxyTrust } from '../limits/address.js'
import { type Admission, RequestAdmission } from './admission.js'
import type { ApiServices } from './services.js'

// Every decision of the HTTP interface about who may do what is made here, and nowhere else.

/** What runs with an admission. */
export type Run = (admission: Admission) => Promise<Response>

/**
 * Runs a request on one document with the grant of whoever sent it: as on the socket, and until it ends or is revoked.
 *
 * @throws SynclineError what the authorisation refuses with, `read_only`, `rate_limited`
 */
export async function admitted(
  services: ApiServices,
  context: Context,
  document: string,
  wanted: Access,
  run: Run,
): Promise<Response> {
  return using(await admit(services, context, document, wanted), run)
}

/**
 * Runs a request of an operator, and nobody else's: for what concerns more than one document, or one as a whole.
 *
 * @throws SynclineError what the authorisation refuses with, `rate_limited`
 */
export async function asOperator(services: ApiServices, context: Context, run: Run): Promise<Response> {
  return using(await admit(services, context, relayDocument, 'read'), run)
}

/**
 * Runs a request of somebody who may write a document, or of an operator, whatever he may write.
 *
 * @throws SynclineError what the authorisation refuses with, `read_only`, `rate_limited`
 */
export async function asWriterOrOperator(
  services: ApiServices,
  context: Context,
  document: string,
  run: Run,
): Promise<Response> {
  const writer = await admit(services, context, document, 'write').catch((error: unknown) => {
    if (error instanceof SynclineError && ['forbidden', 'read_only', 'revoked'].includes(error.code)) return error
    throw error
  })
  if (!(writer instanceof SynclineError)) return using(writer, run)
  const operator = await admit(services, context, relayDocument, 'read').catch(() => {
    throw writer
  })
  return using(operator, run)
}

async function admit(
  { context: { gate, clock, limiter, proxies } }: ApiServices,
  context: Context,
  document: string,
  wanted: Access,
): Promise<RequestAdmission> {
  const visitor = visitorFrom(context, proxies)
  // a request can wait as well where it came from
  limiter.reserve('opens', 1, [limiter.address(visitor.address)], 0)
  const grant = await gate.ask(document, { token: tokenIn(visitor), visitor })
  limiter.reserve('messages', 1, [limiter.subject(grant.subject)], 0)
  if (wanted === 'write' && grant.access !== 'write') throw new SynclineError('read_only')
  return new RequestAdmission(gate, clock, document, grant, wanted)
}

async function using(admission: RequestAdmission, run: Run): Promise<Response> {
  try {
    return await run(admission)
  } finally {
    if (!admission.isWatched) admission.leave()
  }
}

/** What is known of who sends a request; of one that came over no socket, such as a test's, what it says itself. */
function visitorFrom(context: Context, proxies: ProxyTrust): Visitor {
  const { incoming } = (context.env ?? {}) as Partial<HttpBindings>
  if (incoming && 'socket' in incoming) {
    const { url = '', headers } = incoming
    return { url, headers, address: proxies.addressOf(incoming as IncomingMessage) }
  }
  const url = new URL(context.req.url)
  return { url: url.pathname + url.search, headers: context.req.header(), address: '' }
}
