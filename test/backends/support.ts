import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { MemoryLog, Relay, type RelayOptions, type WebhookEndpoint } from '@syncline/server'
import { onTestFinished } from 'vitest'
import { TestClock } from '../relay/support.js'
import { serveLocally } from '../support/issuer.js'
import { until } from '../support/until.js'

/** A secret of the form that Standard Webhooks has. */
export const webhookSecret = `whsec_${randomBytes(32).toString('base64')}`

/** What an endpoint was told. */
export interface Told {
  readonly id: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly type: string
  readonly data: {
    readonly document: string
    readonly epoch: string | null
    readonly position: number
    readonly content?: unknown
    readonly problem?: { readonly code: string }
  }
}

/** An endpoint of the application. */
export interface Endpoint {
  readonly url: string
  /** everything, also what it did not take */
  readonly told: Told[]
  /** how it answers; default 204 */
  answer: (response: ServerResponse, told: Told) => void
}

export async function startEndpoint(): Promise<Endpoint> {
  const told: Told[] = []
  const endpoint: Endpoint = {
    url: await serveLocally(({ headers }, body, response) => {
      const { type, data } = JSON.parse(body)
      told.push({ id: String(headers['webhook-id']), headers, body, type, data })
      endpoint.answer(response, told.at(-1)!)
    }),
    told,
    answer: (response) => void response.writeHead(204).end(),
  }
  return endpoint
}

/** Verifies a request as somebody who has only read the standard does. */
export function isSigned({ headers, body }: Told, secret: string, nowSeconds = Date.now() / 1_000): boolean {
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
  const expected = Buffer.from(createHmac('sha256', key).update(signed).digest('base64'))
  const isRecent = Math.abs(nowSeconds - Number(headers['webhook-timestamp'])) < 300
  return String(headers['webhook-signature'])
    .split(' ')
    .some((entry) => {
      const [scheme, signature = ''] = entry.split(',')
      const given = Buffer.from(signature)
      return isRecent && scheme === 'v1' && given.length === expected.length && timingSafeEqual(given, expected)
    })
}

/** A relay in the test's process whose time passes when the test says so. */
export function startRelay(
  options: RelayOptions = {},
  log = new MemoryLog() as ConstructorParameters<typeof Relay>[0],
) {
  const clock = new TestClock()
  const lines: string[] = []
  const write = (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`)
  const logger = { debug: write, info: write, warn: write, error: write }
  const relay = new Relay(log, { clock, logger, ...options })
  onTestFinished(() => relay.close())
  return { relay, clock, lines }
}

/** An endpoint on this machine, with the secret of the tests. */
export function local(endpoint: Endpoint, options: Partial<WebhookEndpoint> = {}): WebhookEndpoint {
  return { url: endpoint.url, secret: webhookSecret, allowPrivate: true, ...options }
}

/** Lets time pass until something has come of it. */
export async function pass(clock: TestClock, ms: number, story: string, condition: () => boolean): Promise<void> {
  clock.pass(ms)
  await until(story, () => {
    clock.pass(1) // timers of what is left of a second
    return condition()
  })
}
