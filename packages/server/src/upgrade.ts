import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { assertDocumentName, SynclineError } from '@syncline/protocol'

/** Which wire protocol an upgrade asks for, and for `/y/` the document. */
export type Route =
  | { readonly to: 'native' }
  | { readonly to: 'hocuspocus' }
  | { readonly to: 'y-websocket'; readonly document: string }

const yPrefix = '/y/'

/**
 * Where the path of an upgrade leads; null where it is none of ours. In `/y/<document>` the name may have several
 * segments; browsers percent-encode some of its characters, so that each segment is decoded.
 *
 * @param url the request's target, `/y/notes/today?token=…`
 * @throws SynclineError `invalid_name`
 */
export function routeOf(url: string, nameBytesMax: number): Route | null {
  const path = url.split(/[?#]/, 1)[0]!
  if (path === '/sync') return { to: 'native' }
  if (path === '/hocuspocus' || path === '/hocuspocus/') return { to: 'hocuspocus' }
  if (!path.startsWith(yPrefix)) return null
  const document = path.slice(yPrefix.length).split('/').map(decodeSegment).join('/')
  assertDocumentName(document, nameBytesMax)
  return { to: 'y-websocket', document }
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw new SynclineError('invalid_name', 'The document name has a malformed percent escape')
  }
}

/** True where the client offers `subprotocol`. */
export function offers(header: string | undefined, subprotocol: string): boolean {
  return (header ?? '').split(',').some((offered) => offered.trim() === subprotocol)
}

/** Whose pages may connect, beside those that the relay's own host serves. */
export class OriginPolicy {
  readonly #allowed: ReadonlySet<string>
  readonly #allowsAll: boolean

  /**
   * @param allowed origins such as `https://app.example.com`; `*` is everyone
   * @throws SynclineError `invalid_option`
   */
  constructor(allowed: readonly string[]) {
    this.#allowsAll = allowed.includes('*')
    this.#allowed = new Set(allowed.filter((origin) => origin !== '*').map(normalOrigin))
  }

  /** No origin means no browser: such a client could claim any. */
  allows(origin: string | undefined, host: string | undefined): boolean {
    if (origin === undefined || this.#allowsAll) return true
    const url = parseUrl(origin)
    if (url === null) return false
    if (this.#allowed.has(url.origin)) return true
    // parsed with the origin's scheme: what is its default port may be left out on either side
    return host !== undefined && parseUrl(`${url.protocol}//${host}`)?.host === url.host
  }
}

/** True for `https://app.example.com`: a scheme and a host, perhaps a port, and nothing else. */
export function isOrigin(text: string): boolean {
  const url = parseUrl(text)
  return url !== null && url.origin !== 'null' && url.origin === text.toLowerCase()
}

function normalOrigin(text: string): string {
  if (isOrigin(text)) return new URL(text).origin
  throw new SynclineError('invalid_option', `${JSON.stringify(text)} is no origin such as https://app.example.com`)
}

function parseUrl(text: string): URL | null {
  try {
    return new URL(text)
  } catch {
    return null
  }
}

/**
 * Answers an upgrade with an HTTP error that says why.
 *
 * @param retryMs how long to wait before another one; null: that is not known
 */
export function refuseUpgrade(socket: Duplex, status: number, error: SynclineError, retryMs: number | null): void {
  const body = JSON.stringify({ error: { code: error.code, reason: error.message } })
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    ...(retryMs === null ? [] : [`Retry-After: ${Math.ceil(retryMs / 1_000)}`]),
  ]
  // it is closed either way: a peer that is gone already needs no answer
  socket.on('error', () => socket.destroy())
  socket.once('finish', () => socket.destroy())
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}
