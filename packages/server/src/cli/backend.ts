import { SynclineError } from '@syncline/protocol'
import type { Option } from 'commander'
import { z } from 'zod'
import { loadByUrl } from '../loading/byUrl.js'
import type { Load } from '../loading/loader.js'
import { signingKeyOf } from '../outgoing/signature.js'
import {
  contentForms,
  type WebhookEndpoint,
  type WebhookRetry,
  type WebhookType,
  webhookTypes,
} from '../webhooks/types.js'
import { collectList, setting, switchValue } from './setting.js'

/** How `syncline serve` and the application's own backend talk to each other. */
export interface BackendOptions {
  readonly webhooks: readonly WebhookEndpoint[]
  readonly webhookRetry: WebhookRetry
  /** absent where documents begin empty */
  readonly load?: Load
}

const httpUrl = z
  .url({ protocol: /^https?$/, error: 'expected an http(s):// URL' })
  .refine((url) => !URL.canParse(url) || new URL(url).password === '', 'expected an URL without a password')

const secondsMax = 30 * 24 * 60 * 60
const seconds = z
  .string()
  .regex(/^\d{1,7}(\.\d{1,3})?$/, 'expected seconds, such as 30 or 0.5')
  .transform((text) => Math.round(Number(text) * 1_000))
  .refine((ms) => ms <= secondsMax * 1_000, 'expected at most 30 days')

/** The part of what commander collected that is about the application's backend. */
export const backendShape = {
  loadUrl: httpUrl.optional(),
  webhookUrl: z.array(httpUrl).default([]),
  webhookSecret: z.string().refine(isSecret, 'expected whsec_ and 24 to 64 bytes in base64').optional(),
  webhookEvents: z.array(z.string().transform(typeOf)).optional(),
  webhookDocuments: z.array(z.string().min(1, 'expected a pattern of names such as articles/*')).optional(),
  webhookContent: z.enum(contentForms, `expected one of ${contentForms.join(', ')}`).optional(),
  webhookEvery: seconds.optional(),
  webhookRetryFor: seconds.optional(),
  webhookAllowPrivate: switchValue,
}

type Given = z.infer<z.ZodObject<typeof backendShape>>

/** The flags of `syncline serve`. */
export function backendSettings(): Option[] {
  const types = webhookTypes.map((type) => type.slice('document.'.length)).join(', ')
  return [
    setting('load-url', '<url>', 'ask the backend for documents that are opened for the first time'),
    setting('webhook-url', '<url>', 'tell this URL of documents; repeatable').argParser(collectList),
    setting('webhook-secret', '<secret>', 'what requests to the backend are signed with: whsec_ and base64'),
    setting('webhook-events', '<types>', `tell of these only: ${types}; repeatable`).argParser(collectList),
    setting('webhook-documents', '<pattern>', 'tell of these documents only; repeatable').argParser(collectList),
    setting('webhook-content', '<form>', `bring the content of what has changed: ${contentForms.join(', ')}`),
    setting('webhook-every', '<seconds>', 'tell of changes of a document this often at most (default: 10)'),
    setting('webhook-retry-for', '<seconds>', 'try again for so long, then set it aside (default: 86400)'),
    setting('webhook-allow-private', '[yes]', 'webhooks may be on this machine and in private networks').preset('yes'),
  ]
}

/** What is wrong with what was given, or null. */
export function backendFault(given: Given): { readonly path: string; readonly message: string } | null {
  const { webhookUrl, webhookSecret, loadUrl } = given
  if ((webhookUrl.length > 0 || loadUrl !== undefined) && webhookSecret === undefined) {
    return {
      path: loadUrl === undefined ? 'webhookUrl' : 'loadUrl',
      message: 'requests are signed: --webhook-secret, or SYNCLINE_WEBHOOK_SECRET',
    }
  }
  const isTwice = new Set(webhookUrl.map((url) => new URL(url).href)).size < webhookUrl.length
  return isTwice ? { path: 'webhookUrl', message: 'the same URL is there twice' } : null
}

/** What was given, once nothing is wrong with it. */
export function backendOf(given: Given): BackendOptions {
  const { webhookUrl, webhookSecret: secret = '', webhookEvents, webhookDocuments, webhookContent } = given
  const { loadUrl, webhookEvery, webhookRetryFor, webhookAllowPrivate: allowPrivate } = given
  const filter = {
    ...(webhookEvents && { events: webhookEvents }),
    ...(webhookDocuments && { documents: webhookDocuments }),
    ...(webhookContent && { content: webhookContent }),
    ...(webhookEvery !== undefined && { everyMs: webhookEvery }),
  }
  return {
    webhooks: webhookUrl.map((url) => ({ url, secret, allowPrivate, ...filter })),
    webhookRetry: webhookRetryFor === undefined ? {} : { giveUpMs: webhookRetryFor },
    ...(loadUrl !== undefined && { load: loadByUrl({ url: loadUrl, secret }) }),
  }
}

function isSecret(secret: string): boolean {
  try {
    signingKeyOf(secret)
    return true
  } catch (error) {
    if (error instanceof SynclineError) return false
    throw error
  }
}

/** `changed` is short for `document.changed`. */
function typeOf(text: string, context: z.RefinementCtx): WebhookType {
  const type = webhookTypes.find((known) => known === text || known === `document.${text}`)
  if (type !== undefined) return type
  context.addIssue({ code: 'custom', message: `expected one of ${webhookTypes.join(', ')}` })
  return z.NEVER
}
