import type { Overview } from '../admin/overview.js'
import type { RelayContext } from '../connection/context.js'
import type { Coalescer } from '../documents/coalescer.js'
import type { Documents } from '../documents/documents.js'
import type { OriginPolicy } from '../upgrade.js'
import type { WebhookStatus } from '../webhooks/webhooks.js'
import { Feeds } from './events/feed.js'
import { Idempotency } from './idempotency/idempotency.js'
import { EntryStore } from './idempotency/store.js'
import { Presences } from './presences.js'
import { Renderings } from './renderings.js'

/** Options of the HTTP interface. */
export interface ApiOptions {
  /**
   * `Cache-Control` of what is read, for all documents or by name. Default `private, no-cache`: a cache asks each time,
   * and is answered 304. With `public, max-age=5` a page that a million people read costs one request in five seconds.
   */
  readonly cacheControl?: string | ((document: string) => string)
  /** where Idempotency-Keys are kept, in a file; without it they are forgotten with the process */
  readonly idempotencyFile?: string
}

/** What the routes of the HTTP interface work with. */
export interface ApiServices {
  readonly context: RelayContext
  readonly documents: Documents
  readonly origins: OriginPolicy
  readonly renderings: Renderings
  readonly idempotency: Idempotency
  readonly coalescer: Coalescer
  readonly feeds: Feeds
  readonly presences: Presences
  readonly cacheControlOf: (document: string) => string
  /** deletes a document, and lets a deleted one begin anew: see `Relay` */
  readonly remove: (document: string) => Promise<boolean>
  readonly create: (document: string) => Promise<boolean>
  /** see `Relay.webhookStatus` and `Relay.replayWebhooks` */
  readonly webhooks: {
    readonly status: () => WebhookStatus
    readonly replay: (pattern: string) => Promise<number>
  }
  readonly compact: (document: string) => Promise<void>
  readonly look: () => Promise<Overview>
}

type Given = Pick<
  ApiServices,
  'context' | 'documents' | 'coalescer' | 'origins' | 'remove' | 'create' | 'compact' | 'look' | 'webhooks'
>

/** What the routes work with, and how it is closed. */
export function apiServices(
  { cacheControl = 'private, no-cache', idempotencyFile }: ApiOptions,
  given: Given,
): { readonly services: ApiServices; readonly close: () => Promise<void> } {
  const { clock } = given.context
  const idempotency = new Idempotency(new EntryStore(clock, idempotencyFile ?? null), clock)
  const services = {
    ...given,
    renderings: new Renderings(),
    idempotency,
    feeds: new Feeds(clock),
    presences: new Presences(given.context),
    cacheControlOf: typeof cacheControl === 'string' ? () => cacheControl : cacheControl,
  }
  return { services, close: () => idempotency.close() }
}
