import { createHash } from 'node:crypto'
import { SynclineError } from '@syncline/protocol'
import { z } from 'zod'
import { AnswerCache } from './answers.js'
import { type Authorize, type Grant, type GrantRequest, isSubject } from './authorize.js'
import { boundedText } from './body.js'
import { httpUrl } from './httpUrl.js'
import { lifetimeMsMax } from './revocations.js'

const timeoutMsDefault = 5_000
const entriesMaxDefault = 10_000 // some 300 bytes each
const pendingMaxDefault = 1_000
const answerBytesMax = 64 * 1024
const lifetimeMsDefault = 5 * 60_000
/** an answer is asked for anew before it ends: see `ClientSession` */
const reusedShare = 0.8

/** How the application's backend is asked. */
export interface UrlOptions {
  readonly url: string
  /** ms that it has for an answer; default 5,000 */
  readonly timeoutMs?: number
  /** answers that are remembered; default 10,000 */
  readonly entriesMax?: number
  /** questions that are on their way at once; default 1,000 */
  readonly pendingMax?: number
  /** ms since 1970; default: the platform's time */
  readonly now?: () => number
}

const answerSchema = z.object({
  subject: z.string().refine(isSubject),
  access: z.enum(['read', 'write']),
  admin: z.boolean().optional(),
  expiresIn: z.number().positive().optional(),
})

/**
 * Asks the application's backend: `POST` of `{ document, token?, cookie?, address, origin }`, answered by 200 with
 * `{ subject, access, admin?, expiresIn? }` (seconds, 300 where it does not say), by 401 where another token may help, by 403
 * where none will. Anything else, no answer in time and a redirect keep the session out for now.
 *
 * @throws SynclineError `invalid_option`
 */
export function authorizeByUrl(options: UrlOptions): Authorize {
  const { url, timeoutMs = timeoutMsDefault, now = Date.now } = options
  const target = httpUrl('the URL that decides access', url)
  const answers = new AnswerCache({
    entriesMax: options.entriesMax ?? entriesMaxDefault,
    pendingMax: options.pendingMax ?? pendingMaxDefault,
    now,
  })
  const authorize = (request: GrantRequest) => {
    const body = JSON.stringify(questionOf(request))
    // no secret is kept beside an answer
    const key = createHash('sha256').update(body).digest('base64')
    return answers.get(key, request.document, async () => {
      const askedAt = now()
      const grant = grantOf(await post(target, body, timeoutMs), askedAt)
      return { grant, reusedUntil: askedAt + reusedShare * (grant.expiresAt! - askedAt) }
    })
  }
  return Object.assign(authorize, { revoked: answers.forget.bind(answers) })
}

function questionOf({ document, token, visitor }: GrantRequest) {
  const { cookie, origin } = visitor.headers
  return {
    document,
    ...(token === null ? {} : { token }),
    ...(cookie === undefined ? {} : { cookie }),
    address: visitor.address,
    origin: origin ?? null,
  }
}

/** The bytes of a 200. */
async function post(url: URL, body: string, timeoutMs: number): Promise<string> {
  let status: number
  try {
    const headers = { 'Content-Type': 'application/json', Accept: 'application/json' }
    const signal = AbortSignal.timeout(timeoutMs)
    const response = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'manual' })
    if (response.status === 200) return await boundedText(response, answerBytesMax)
    status = response.status
    await response.body?.cancel()
  } catch {
    // what fetch says has the URL in it, which may have a secret
    throw unavailable('The backend gave no answer')
  }
  if (status === 401) throw new SynclineError('unauthorized')
  if (status === 403) throw new SynclineError('forbidden')
  throw unavailable(`The backend answered with ${status}`)
}

function grantOf(text: string, askedAt: number): Grant {
  let answer: z.infer<typeof answerSchema>
  try {
    answer = answerSchema.parse(JSON.parse(text))
  } catch {
    throw unavailable('The backend answered with something else')
  }
  const { subject, access, admin = false, expiresIn } = answer
  const lifetimeMs = expiresIn === undefined ? lifetimeMsDefault : Math.min(expiresIn * 1_000, lifetimeMsMax)
  return { subject, access, admin, expiresAt: askedAt + lifetimeMs, issuedAt: askedAt }
}

function unavailable(fact: string): SynclineError {
  return new SynclineError('authorization_unavailable', fact)
}
