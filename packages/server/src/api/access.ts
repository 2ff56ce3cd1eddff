import type { IncomingMessage } from 'node:http'
import type { HttpBindings } from '@hono/node-server'
import { type Access, SynclineError } from '@syncline/protocol'
import type { Context } from 'hono'
import { relayDocument, type Visitor } from '../auth/authorize.js'
import { tokenIn } from '../auth/bearer.js'
import { type Admitted, type FullGrant, type Gate, isOver } from '../auth/gate.js'
import type { Clock } from '../clock.js'
import type { ProxyTrust } from '../limits/address.js'
import type { ApiServices } from './services.js'

// Every decision of the HTTP interface about who may do what is made here, and nowhere else.

/** What somebody who sent a request may do with a document, for as long as the request lasts. */
export interface Admission {
  /** kept in the log with what is written */
  readonly subject: string
  /** may do what concerns the document as a whole, or more than it */
  readonly isOperator: boolean
  /** Throws where the grant has ended meanwhile: before anything is told, and in the turn in which an edit is made. */
  assertHolds(): void
  /** Calls back when the grant ends, for what goes on: then the request does not end the admission, `leave` does. */
  watch(ended: (error: SynclineError) => void): void
  leave(): void
}

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

const timerMsMax = 2 ** 31 - 1

class RequestAdmission implements Admission, Admitted {
  readonly document: string
  readonly #gate: Gate
  readonly #clock: Clock
  readonly #grant: FullGrant
  readonly #wanted: Access
  #error: SynclineError | null = null
  #ended: ((error: SynclineError) => void) | null = null
  #cancelTimer = () => {}

  /** @throws SynclineError `revoked` */
  constructor(gate: Gate, clock: Clock, document: string, grant: FullGrant, wanted: Access) {
    this.document = document
    this.#gate = gate
    this.#clock = clock
    this.#grant = grant
    this.#wanted = wanted
    gate.admit(this, grant)
  }

  get subject(): string {
    return this.#grant.subject
  }

  get isOperator(): boolean {
    return this.#grant.admin
  }

  get isWatched(): boolean {
    return this.#ended !== null
  }

  assertHolds(): void {
    if (this.#error === null && isOver(this.#grant, this.#clock.now())) this.expel(new SynclineError('token_expired'))
    if (this.#error) throw this.#error
  }

  watch(ended: (error: SynclineError) => void): void {
    this.#ended = ended
    if (this.#error) return ended(this.#error)
    this.#endOnTime()
  }

  expel(error: SynclineError): void {
    if (this.#error) return
    this.#error = error
    this.leave()
    this.#ended?.(error)
  }

  readOnly(isReadOnly: boolean): void {
    if (isReadOnly && this.#wanted === 'write') this.expel(new SynclineError('read_only'))
  }

  leave(): void {
    this.#cancelTimer()
    this.#gate.forget(this)
  }

  #endOnTime(): void {
    const { expiresAt } = this.#grant
    if (expiresAt === null) return
    const leftMs = Math.ceil(expiresAt - this.#clock.now())
    if (leftMs <= 0) return this.expel(new SynclineError('token_expired'))
    this.#cancelTimer = this.#clock.after(Math.min(leftMs, timerMsMax), () => this.#endOnTime())
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
