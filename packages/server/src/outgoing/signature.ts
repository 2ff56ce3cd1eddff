import { createHmac } from 'node:crypto'
import { SynclineError } from '@syncline/protocol'

const prefix = 'whsec_'
const keyBytesMin = 24
const keyBytesMax = 64

/** The key in a secret of the form that Standard Webhooks has. */
export type SigningKey = Buffer

/**
 * Reads a secret: `whsec_` and 24 to 64 bytes in base64.
 *
 * @throws SynclineError `invalid_option`; the secret is not in the message
 */
export function signingKeyOf(secret: string): SigningKey {
  const text = secret.startsWith(prefix) ? secret.slice(prefix.length) : ''
  const key = Buffer.from(text, 'base64')
  const isWhole = key.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '')
  if (isWhole && key.length >= keyBytesMin && key.length <= keyBytesMax) return key
  const expected = `${prefix} and ${keyBytesMin} to ${keyBytesMax} bytes in base64`
  throw new SynclineError('invalid_option', `A secret of webhooks is ${expected}`)
}

/** The headers of a signed request, as Standard Webhooks has them. */
export function signedHeaders(key: SigningKey, id: string, nowMs: number, body: string): Record<string, string> {
  const timestamp = String(Math.floor(nowMs / 1_000))
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
  return {
    'Content-Type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${signature}`,
  }
}
