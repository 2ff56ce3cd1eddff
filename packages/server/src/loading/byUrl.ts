import { randomUUID } from 'node:crypto'
import { SynclineError } from '@syncline/protocol'
import { type PostAnswer, post } from '../outgoing/post.js'
import { signedHeaders, signingKeyOf } from '../outgoing/signature.js'
import type { LoadedContent } from './content.js'
import type { Load } from './loader.js'

const timeoutMsDefault = 10_000
// what is no update is made into one while others wait
const formBytesMax = 8 * 1024 * 1024

/** How the application's backend is asked for documents. */
export interface LoadUrlOptions {
  readonly url: string
  /** what questions are signed with: `whsec_` and 24 to 64 bytes in base64 */
  readonly secret: string
  /** ms that it has for an answer; default 10,000 */
  readonly timeoutMs?: number
}

/**
 * Asks the application's backend: a signed `POST` of `{ document }`, answered by 200 with an update
 * (`application/octet-stream`), with JSON that says what it is (see {@link LoadedContent}) or with `text/plain`; or by 404
 * where it has no such document. Anything else, no answer in time and a redirect keep the document closed.
 *
 * @throws SynclineError `invalid_option`
 */
export function loadByUrl({ url: text, secret, timeoutMs = timeoutMsDefault }: LoadUrlOptions): Load {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new SynclineError('invalid_option', 'The URL that documents are loaded from begins with http:// or https://')
  }
  const key = signingKeyOf(secret)
  return async (document, { bytesMax }) => {
    const body = JSON.stringify({ document })
    const headers = {
      'User-Agent': 'Syncline',
      Accept: 'application/octet-stream, application/json, text/plain',
      ...signedHeaders(key, `load_${randomUUID()}`, Date.now(), body),
    }
    const answer = await post({ url, headers, body, timeoutMs, answerBytesMax: bytesMax, allowPrivate: true })
    return contentIn(answer)
  }
}

function contentIn({ status, headers, body, isCut }: PostAnswer): LoadedContent {
  if (status === 404) return null
  if (status !== 200) throw new Error(`the backend answered with ${status}`)
  if (isCut) throw new Error('the answer has more bytes than a document may have')
  const type = (headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase()
  if (type === 'application/octet-stream') return body
  if (body.length > formBytesMax) throw new Error(`an answer of ${type} may have ${formBytesMax} bytes`)
  const text = new TextDecoder('utf-8', { fatal: true }).decode(body)
  if (type === 'text/plain') return { type: 'text', content: text }
  // it is checked like everything that an application gives
  if (type === 'application/json') return parsed(text)
  throw new Error(`the content type of the answer is ${type.slice(0, 100) || 'none'}`)
}

function parsed(text: string): LoadedContent {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error('the answer is no JSON') // what JSON.parse says has a piece of it
  }
}
