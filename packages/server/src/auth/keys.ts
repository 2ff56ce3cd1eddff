import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { SynclineError } from '@syncline/protocol'
import {
  type CryptoKey,
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  importJWK,
  type JSONWebKeySet,
  type JWK,
  type JWTVerifyGetKey,
} from 'jose'
import { boundedText } from './body.js'
import { httpUrl } from './httpUrl.js'

const secretBytesMin = 32 // RFC 7518: as long as the hash
const rsaBitsMin = 2048
const setBytesMax = 256 * 1024
const cooldownMsDefault = 10_000
const cacheMsDefault = 10 * 60_000
const timeoutMsDefault = 5_000

/** What tokens are verified with. */
export type JwtKey =
  /** shared with whoever issues them: HS256; at least 32 bytes */
  | { readonly secret: string | Uint8Array }
  /** a public key or certificate in PEM, or a JWK or set of JWKs as JSON: RS256, ES256 or EdDSA, as the key is */
  | { readonly publicKey: string }
  /** where the issuer publishes its keys */
  | {
      readonly jwksUrl: string
      /** ms between two looks for a key that is not there; default 10,000 */
      readonly cooldownMs?: number
      /** ms after which the keys are read again; default 10 minutes */
      readonly cacheMs?: number
      /** ms that the issuer has for its answer; default 5,000 */
      readonly timeoutMs?: number
    }

/** A key, and the only algorithms that it is used with: which that is does not depend on what a token says. */
export interface Verifier {
  readonly key: CryptoKey | Uint8Array | JWTVerifyGetKey
  readonly algorithms: string[]
}

// a secret among published keys is none: HS256 is not in the list
const published = ['RS256', 'ES256', 'EdDSA', 'Ed25519']

/** @throws SynclineError `invalid_option` */
export async function verifierOf(key: JwtKey): Promise<Verifier> {
  if ('secret' in key) return secretVerifier(key.secret)
  if ('publicKey' in key) return publicVerifier(key.publicKey.trim())
  const { jwksUrl, cooldownMs, cacheMs, timeoutMs } = key
  const remote = createRemoteJWKSet(httpUrl('the URL of the keys', jwksUrl), {
    cooldownDuration: cooldownMs ?? cooldownMsDefault,
    cacheMaxAge: cacheMs ?? cacheMsDefault,
    timeoutDuration: timeoutMs ?? timeoutMsDefault,
    [customFetch]: fetchBounded,
  })
  return { key: remote, algorithms: published }
}

async function fetchBounded(url: string, options: RequestInit): Promise<Response> {
  const response = await fetch(url, options)
  const text = await boundedText(response, setBytesMax)
  return new Response(text, { status: response.status })
}

function secretVerifier(secret: string | Uint8Array): Verifier {
  const key = typeof secret === 'string' ? new TextEncoder().encode(secret) : secret
  if (key.length >= secretBytesMin) return { key, algorithms: ['HS256'] }
  throw invalid(`the secret of the tokens has ${key.length} bytes, and needs ${secretBytesMin}`)
}

async function publicVerifier(text: string): Promise<Verifier> {
  if (!text.startsWith('{')) return keyVerifier(readKey(() => createPublicKey(text)))
  const json = parseJson(text)
  if (Array.isArray(json.keys)) {
    const set = readKey(() => createLocalJWKSet(json as unknown as JSONWebKeySet))
    return { key: set, algorithms: published }
  }
  const jwk = json as JWK
  if (jwk.kty === 'oct') return secretVerifier(Buffer.from(jwk.k ?? '', 'base64url'))
  return keyVerifier(readKey(() => createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' })))
}

async function keyVerifier(key: KeyObject): Promise<Verifier> {
  const algorithms = algorithmsOf(key)
  // once, and not with each token: that takes longer than to verify one
  const imported = await importJWK(key.export({ format: 'jwk' }) as JWK, algorithms[0]!)
  return { key: imported, algorithms }
}

function algorithmsOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string[] {
  switch (asymmetricKeyType) {
    case 'rsa': {
      const bits = asymmetricKeyDetails?.modulusLength ?? 0
      if (bits < rsaBitsMin) throw invalid(`the RSA key has ${bits} bits, and needs ${rsaBitsMin}`)
      return ['RS256']
    }
    case 'ec':
      if (asymmetricKeyDetails?.namedCurve === 'prime256v1') return ['ES256']
      throw invalid('a key on an elliptic curve has to be one on P-256')
    case 'ed25519':
      return ['EdDSA', 'Ed25519']
    default:
      throw invalid('the key of the tokens is none for RS256, ES256 or EdDSA')
  }
}

// what Node and jose say of a key may quote it
function readKey<T>(read: () => T): T {
  try {
    return read()
  } catch {
    throw invalid('the key of the tokens is neither PEM nor JWK')
  }
}

function parseJson(text: string): Record<string, unknown> {
  return readKey(() => JSON.parse(text))
}

function invalid(fact: string): SynclineError {
  return new SynclineError('invalid_option', fact)
}
