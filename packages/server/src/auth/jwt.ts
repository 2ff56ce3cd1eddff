import { SynclineError } from '@syncline/protocol'
import { errors, type JWTPayload, jwtVerify } from 'jose'
import { type Authorize, isSubject } from './authorize.js'
import { claimedAccess } from './claims.js'
import { type JwtKey, type Verifier, verifierOf } from './keys.js'
import { lifetimeMsMax } from './revocations.js'

const clockSkewMsDefault = 5_000
const clockSkewMsMax = 60_000

/** How signed tokens are read. */
export interface JwtOptions {
  readonly key: JwtKey
  /** the claim `iss` has to be this one */
  readonly issuer?: string
  /** the claim `aud` has to be this one, or to have it */
  readonly audience?: string
  /** how far the issuer's clock may be from ours, in ms: 60,000 at most, default 5,000 */
  readonly clockSkewMs?: number
  /** ms since 1970; default: the platform's time */
  readonly now?: () => number
}

/**
 * Grants what signed tokens (JWT) say: `sub` and `exp`, `documents` with what may be read and written (see the README),
 * `admin` for operators, and perhaps `nbf`, `iss`, `aud`. With `iat`, a token that was issued after a revocation counts again. A token may last
 * 30 days.
 *
 * @throws SynclineError `invalid_option`
 */
export async function authorizeByJwt(options: JwtOptions): Promise<Authorize> {
  const verifier = await verifierOf(options.key)
  const { clockSkewMs = clockSkewMsDefault, now = Date.now } = options
  if (!(clockSkewMs >= 0 && clockSkewMs <= clockSkewMsMax)) {
    throw new SynclineError('invalid_option', `clockSkewMs is ${clockSkewMs}, not a number from 0 to ${clockSkewMsMax}`)
  }
  return async ({ token, document }) => {
    if (token === null) throw new SynclineError('unauthorized', 'There is no token')
    const time = now()
    const { sub, exp, iat, ...claims } = await verify(token, verifier, { ...options, clockSkewMs }, time)
    if (!isSubject(sub)) throw new SynclineError('unauthorized', 'The token has no subject')
    const expiresAt = exp! * 1_000 + clockSkewMs
    if (expiresAt - Math.min(time, (iat ?? exp!) * 1_000) > lifetimeMsMax + clockSkewMs) {
      throw new SynclineError('unauthorized', 'The token lasts longer than 30 days')
    }
    const claimed = claimedAccess(claims, document)
    if (claimed === null) throw new SynclineError('forbidden')
    // who does not say when it was issued may have been issued before any revocation
    return { subject: sub, ...claimed, expiresAt, issuedAt: (iat ?? 0) * 1_000 }
  }
}

async function verify(
  token: string,
  { key, algorithms }: Verifier,
  { issuer, audience, clockSkewMs }: Pick<JwtOptions, 'issuer' | 'audience'> & { readonly clockSkewMs: number },
  time: number,
): Promise<JWTPayload> {
  const options = {
    algorithms,
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
    requiredClaims: ['sub', 'exp'],
    clockTolerance: clockSkewMs / 1_000,
    currentDate: new Date(time),
  }
  try {
    // two signatures of one function: a key, and what finds it
    const { payload } =
      typeof key === 'function' ? await jwtVerify(token, key, options) : await jwtVerify(token, key, options)
    return payload
  } catch (error) {
    throw refusal(error)
  }
}

/** What jose says may quote the token: clients and logs get words of ours. */
function refusal(error: unknown): SynclineError {
  if (error instanceof errors.JWTExpired) return new SynclineError('token_expired')
  if (error instanceof errors.JWTClaimValidationFailed) {
    return new SynclineError(
      'unauthorized',
      `The token's claim ${JSON.stringify(error.claim).slice(0, 20)} does not fit`,
    )
  }
  if (error instanceof errors.JOSEError && !ofKeys.has(error.code)) {
    return new SynclineError('unauthorized', 'The token is not signed by a key that the relay trusts')
  }
  return new SynclineError('authorization_unavailable', 'The keys cannot be read')
}

// thrown while the keys are read, whatever the token
const ofKeys: ReadonlySet<string> = new Set(['ERR_JWKS_TIMEOUT', 'ERR_JOSE_GENERIC', 'ERR_JWKS_INVALID'])
