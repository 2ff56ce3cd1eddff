import { createHash } from 'node:crypto'
import { SynclineError } from '@syncline/protocol'
import { z } from 'zod'
import type { Clock } from '../clock.js'
import { nameMatcher } from '../names.js'
import { post } from '../outgoing/post.js'
import { signedHeaders, signingKeyOf } from '../outgoing/signature.js'
import {
  type ContentForm,
  contentForms,
  type DocumentEvent,
  type StoreHook,
  type WebhookEndpoint,
  type WebhookFilter,
  type WebhookType,
  webhookTypes,
} from './types.js'

const everyMsDefault = 10_000
const everyMsMax = 24 * 60 * 60_000
const timeoutMs = 15_000
// what it says beside its status is read so far, so that it can be written to the end
const answerBytesMax = 64 * 1024

/** Somebody who is told of documents. */
export interface Target {
  /** tells it from the others, also in the next life of the relay */
  readonly id: string
  /** for people: an URL without what may be secret in it */
  readonly label: string
  readonly content: ContentForm | null
  readonly everyMs: number
  wants(type: WebhookType): boolean
  concerns(document: string): boolean
  /**
   * Tells it.
   *
   * @throws Error it was not taken, and is to come again
   */
  tell(id: string, event: DocumentEvent, signal: AbortSignal): Promise<void>
}

/** Somebody who did not take an event. */
export class NotTaken extends Error {
  /** ms that it asks to be left in peace, or null */
  readonly waitMs: number | null

  constructor(message: string, waitMs: number | null = null) {
    super(message)
    this.waitMs = waitMs
  }
}

const filterSchema = z.object({
  events: z.array(z.enum(webhookTypes)).min(1).optional(),
  documents: z.array(z.string().min(1)).min(1).optional(),
  content: z.enum(contentForms).nullable().optional(),
  everyMs: z.number().int().min(0).max(everyMsMax).optional(),
})

/**
 * An URL that is told by signed requests, as Standard Webhooks has them.
 *
 * @throws SynclineError `invalid_option`
 */
export function endpointTarget(endpoint: WebhookEndpoint, clock: Clock): Target {
  const url = urlOf(endpoint.url)
  const key = signingKeyOf(endpoint.secret)
  const allowPrivate = endpoint.allowPrivate ?? false
  return {
    ...filterOf(endpoint, webhookTypes),
    id: createHash('sha256').update(url.href).digest('hex').slice(0, 16),
    label: url.origin + url.pathname,
    async tell(id, event, signal) {
      const body = JSON.stringify(event)
      const headers = { 'User-Agent': 'Syncline', ...signedHeaders(key, id, clock.now(), body) }
      const answer = await post({ url, headers, body, timeoutMs, answerBytesMax, allowPrivate, signal })
      if (answer.status >= 200 && answer.status < 300) return
      throw new NotTaken(`it answered with ${answer.status}`, secondsIn(answer.headers['retry-after']))
    },
  }
}

/**
 * A function of the application that the relay is in.
 *
 * @throws SynclineError `invalid_option`
 */
export function hookTarget(hook: StoreHook): Target {
  return {
    ...filterOf(hook, ['document.changed', 'document.deleted']),
    id: 'store',
    label: 'store',
    tell: async (_id, event) => hook.save(event),
  }
}

function filterOf(filter: WebhookFilter, eventsDefault: readonly WebhookType[]) {
  const parsed = filterSchema.safeParse(filter)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new SynclineError('invalid_option', `webhooks: ${issue!.path.join('.')}: ${issue!.message}`)
  }
  const { events = eventsDefault, documents = ['*'], content = null, everyMs = everyMsDefault } = parsed.data
  return {
    content,
    everyMs,
    wants: (type: WebhookType) => events.includes(type),
    concerns: nameMatcher(documents),
  }
}

function urlOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') return url
  throw new SynclineError('invalid_option', 'The URL of a webhook begins with http:// or https:// and has no password')
}

function secondsIn(header: string | undefined): number | null {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) * 1_000 : null
}
