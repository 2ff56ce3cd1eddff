import type { IncomingMessage } from 'node:http'
import type { HttpBindings } from '@hono/node-server'
import { type Access, SynclineError } from '@syncline/protocol'
import type { Context } from 'hono'
import type { Visitor } from '../auth/authorize.js'
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
  /** Throws where the grant has ended meanwhile: before anything is told, and in the turn in which an edit is made. */
  assertHolds(): void
  /** Calls back when the grant ends, for what goes on: then the request does not end the admission, `leave` does. */
  watch(ended: (error: SynclineError) => void): void
  leave(): void
}

/**
 * Runs a request on one document with the grant of whoever sent it: as on the socket, and until it ends or is revoked.
 *
 * @throws SynclineError what the authorisation refuses with, `read_only`, `rate_limited`
 */
export async function admitted(
  { context: { gate, clock, limiter, proxies } }: ApiServices,
  context: Context,
  document: string,
  wanted: Access,
  run: (admission: Admission) => Promise<Response>,
): Promise<Response> {
  const visitor = visitorFrom(context, proxies)
  // a request can wait as well where it came from
  limiter.reserve('opens', 1, [limiter.address(visitor.address)], 0)
  const grant = await gate.ask(document, { token: tokenIn(visitor), visitor })
  limiter.reserve('messages', 1, [limiter.subject(grant.subject)], 0)
  if (wanted === 'write' && grant.access !== 'write') throw new SynclineError('read_only')
  const admission = new RequestAdmission(gate, clock, document, grant)
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
  #error: SynclineError | null = null
  #ended: ((error: SynclineError) => void) | null = null
  #cancelTimer = () => {}

  /** @throws SynclineError `revoked` */
  constructor(gate: Gate, clock: Clock, document: string, grant: FullGrant) {
    this.document = document
    this.#gate = gate
    this.#clock = clock
    this.#grant = grant
    gate.admit(this, grant)
  }

  get subject(): string {
    return this.#grant.subject
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

/** Somebody who may do what is for operators. */
export interface Operator {
  readonly subject: string
}

/**
 * Lets an operator pass, and nobody else: for what concerns more than one document, or the document as a whole.
 *
 * @throws SynclineError `forbidden`
 */
export async function requireAdmin({ context: { gate } }: ApiServices, _context: Context): Promise<Operator> {
  // a relay without authorisation lets everybody do everything; there is no other kind of operator yet
  if (gate.isOpen) return { subject: '' }
  throw new SynclineError('forbidden', 'This is for operators')
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
