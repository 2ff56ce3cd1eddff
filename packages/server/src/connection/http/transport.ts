import { createHash, randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type ErrorCode, SynclineError } from '@syncline/protocol'
import type { Visitor } from '../../auth/authorize.js'
import type { Account } from '../../limits/account.js'
import { Overload } from '../../limits/limiter.js'
import type { RelayContext } from '../context.js'
import type { LinkSource } from '../link.js'
import { HttpSocket } from './httpSocket.js'

/** Where a client listens. */
export const eventsPath = '/sync/events'
/** Where it says something. */
export const sendPath = '/sync/send'

const sessionHeader = 'syncline-session'
const sequenceHeader = 'syncline-sequence'
const secretBytes = 24
// whoever takes longer for a body of a megabyte has lost its network
const bodyMsMax = 60_000

interface Connected {
  readonly socket: HttpSocket
  readonly account: Account
}

/** What the transport needs of its relay. */
export interface HttpTransportHost {
  /** throws where nobody, or nobody of this origin, may connect */
  assertWelcome(request: IncomingMessage): void
  /** what becomes of something thrown: counted and logged */
  refusal(request: IncomingMessage, thrown: unknown): SynclineError
  connect(socket: HttpSocket, source: LinkSource, visitor: Visitor): void
}

/**
 * Protocol 1 for clients whose network lets no WebSocket through: `POST /sync/events` is answered with a stream of
 * frames, `POST /sync/send` takes one. Who sends is known by a secret that the stream begins with.
 */
export class HttpTransport {
  readonly #context: RelayContext
  readonly #host: HttpTransportHost
  readonly #connected = new Map<string, Connected>()

  constructor(context: RelayContext, host: HttpTransportHost) {
    this.#context = context
    this.#host = host
  }

  /** @returns false where the path is none of this; then nothing was touched */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    const path = (request.url ?? '').split(/[?#]/, 1)[0]
    if (path !== eventsPath && path !== sendPath) return false
    void this.#answer(path, request, response).catch((error: unknown) => this.#refuse(request, response, error))
    return true
  }

  async #answer(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#host.assertWelcome(request)
    allowOrigin(request, response)
    if (request.method === 'OPTIONS') return void response.writeHead(204, preflightHeaders).end()
    if (request.method !== 'POST') {
      // how a client finds out that it may come this way: with a status that browsers do not report as an error
      const status = request.method === 'GET' && path === eventsPath ? 204 : 405
      return void response.writeHead(status, { Allow: 'POST, OPTIONS', 'Cache-Control': 'no-store' }).end()
    }
    if (path === eventsPath) this.#open(request, response)
    else await this.#send(request, response)
  }

  #open(request: IncomingMessage, response: ServerResponse): void {
    const { url = '', headers } = request
    const address = this.#context.proxies.addressOf(request)
    const account = this.#context.limiter.connect(address)
    response.writeHead(200, streamHeaders)
    const socket = new HttpSocket(response, this.#context.limits.frameBytesMax)
    const secret = randomBytes(secretBytes).toString('base64url')
    const digest = digestOf(secret)
    this.#connected.set(digest, { socket, account })
    socket.on('close', () => this.#connected.delete(digest))
    socket.begin(secret)
    this.#host.connect(socket, { stream: socket, address, account }, { url, headers, address })
  }

  async #send(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket, account } = this.#senderOf(request)
    const sequence = Number(request.headers[sequenceHeader])
    if (!Number.isSafeInteger(sequence) || sequence < 1) {
      throw new SynclineError('invalid_request', 'Syncline-Sequence is 1, 2, 3, …')
    }
    const cancel = this.#context.clock.after(bodyMsMax, () => request.destroy())
    try {
      const repeatedBytes = await socket.receive(sequence, request)
      if (repeatedBytes > 0) this.#chargeRepeated(repeatedBytes, account)
    } catch (error) {
      const status = error instanceof SynclineError ? fatal[error.code] : undefined
      if (status !== undefined) socket.close(status, Buffer.from((error as SynclineError).code))
      throw error
    } finally {
      cancel()
    }
    response.writeHead(204).end()
  }

  /** What is new its connection charges for. */
  #chargeRepeated(bytes: number, account: Account): void {
    this.#context.limiter.reserve('messages', 1, [account])
    this.#context.limiter.reserve('bytes', bytes, [account])
  }

  /** Whoever guesses pays for it as for opening a document. */
  #senderOf(request: IncomingMessage): Connected {
    const secret = request.headers[sessionHeader]
    const connected = typeof secret === 'string' ? this.#connected.get(digestOf(secret)) : undefined
    if (connected) return connected
    const { limiter, proxies } = this.#context
    limiter.reserve('opens', 1, [limiter.address(proxies.addressOf(request))], 0)
    throw new SynclineError('no_session')
  }

  #refuse(request: IncomingMessage, response: ServerResponse, thrown: unknown): void {
    // it has gone, in the middle of its body
    if (request.destroyed && !request.complete) return void response.destroy()
    const error = this.#host.refusal(request, thrown)
    if (response.headersSent) return void response.destroy()
    const body = JSON.stringify({ error: { code: error.code, reason: error.message } })
    const wait = error instanceof Overload ? { 'Retry-After': Math.ceil(error.retryMs / 1_000) } : {}
    // what is left of its body is not read
    const headers = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', Connection: 'close', ...wait }
    response.writeHead(statuses[error.code] ?? 500, headers).end(body)
  }
}

// how long it takes to look it up says nothing of the secret itself
function digestOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64')
}

const statuses: { readonly [code in ErrorCode]?: number } = {
  invalid_request: 400,
  protocol_violation: 400,
  forbidden_origin: 403,
  no_session: 404,
  body_too_large: 413,
  rate_limited: 429,
  too_many_connections: 429,
  shutting_down: 503,
}

/** What ends the connection as well, with this close code. */
const fatal: { readonly [code in ErrorCode]?: number } = { protocol_violation: 4400, body_too_large: 1009 }

// proxies shall neither keep, nor gather, nor compress what is sent
const streamHeaders = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
  Connection: 'close',
}

const preflightHeaders = {
  'Access-Control-Allow-Methods': 'POST',
  'Access-Control-Allow-Headers': 'Content-Type, Syncline-Session, Syncline-Sequence',
  'Access-Control-Max-Age': '600',
}

function allowOrigin({ headers: { origin } }: IncomingMessage, response: ServerResponse): void {
  if (origin === undefined) return
  response.setHeader('Access-Control-Allow-Origin', origin)
  response.setHeader('Access-Control-Allow-Credentials', 'true')
  response.setHeader('Vary', 'Origin')
}
