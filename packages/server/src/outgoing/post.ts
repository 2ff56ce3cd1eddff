import { type IncomingHttpHeaders, type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP } from 'node:net'
import { isPrivateAddress, lookupPublic, PrivateAddress } from './addresses.js'

/** A request to somebody else's server. */
export interface Post {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** from the beginning to the last byte of the answer */
  readonly timeoutMs: number
  /** bytes of the answer that are read */
  readonly answerBytesMax: number
  /** whether its address may be one of this machine or of a private network */
  readonly allowPrivate: boolean
  readonly signal?: AbortSignal
}

/** What it was answered with. */
export interface PostAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** the answer had more bytes than are read */
  readonly isCut: boolean
}

/**
 * Posts, on a connection of its own, and follows no redirect.
 *
 * @throws Error where there is no answer: its message names neither the URL nor the address
 */
export function post({ url, headers, body, allowPrivate, ...bounds }: Post): Promise<PostAnswer> {
  return new Promise((resolve, reject) => {
    const host = url.hostname.replace(/^\[|\]$/g, '')
    // a literal address is looked up by nobody
    if (!allowPrivate && isIP(host) !== 0 && isPrivateAddress(host)) return reject(new PrivateAddress())
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
      method: 'POST',
      agent: false,
      headers: { ...headers, 'Content-Length': Buffer.byteLength(body), Connection: 'close' },
      ...(allowPrivate ? {} : { lookup: lookupPublic }),
    })
    const abort = () => request.destroy(new Error('it was given up'))
    const timer = setTimeout(() => request.destroy(new Error('there was no answer in time')), bounds.timeoutMs)
    bounds.signal?.addEventListener('abort', abort, { once: true })
    const settled = () => {
      clearTimeout(timer)
      bounds.signal?.removeEventListener('abort', abort)
    }
    request.on('error', (error) => {
      settled()
      reject(unnamed(error))
    })
    request.on('response', (response) => {
      read(response, bounds.answerBytesMax).then(
        (answer) => {
          settled()
          request.destroy()
          resolve(answer)
        },
        (error: Error) => {
          settled()
          reject(unnamed(error))
        },
      )
    })
    if (bounds.signal?.aborted) abort()
    request.end(body)
  })
}

async function read(response: IncomingMessage, bytesMax: number): Promise<PostAnswer> {
  const chunks: Buffer[] = []
  let bytes = 0
  let isCut = false
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length
    isCut = bytes > bytesMax
    if (isCut) break
    chunks.push(chunk as Buffer)
  }
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks), isCut }
}

/** What the platform says has names and addresses in it. */
function unnamed(error: NodeJS.ErrnoException): Error {
  return new Error(error.code === undefined ? error.message : `the connection failed: ${error.code}`)
}
