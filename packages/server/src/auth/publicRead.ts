import { type ErrorCode, SynclineError } from '@syncline/protocol'
import { nameMatcher } from '../names.js'
import type { Authorize, Grant } from './authorize.js'

const everybody: Grant = { subject: '', access: 'read', expiresAt: null }

/** Why somebody is nobody in particular. */
const strangers: ReadonlySet<ErrorCode> = new Set(['unauthorized', 'forbidden'])

/**
 * Lets everybody read some documents: prices, scores, news, that the application's backend writes. Who may do more there is
 * decided as before; whoever shows no token, or may do nothing, reads.
 *
 * @param patterns of names, in which `*` stands for any characters
 */
export function withPublicRead(authorize: Authorize, patterns: readonly string[]): Authorize {
  if (patterns.length === 0) return authorize
  const isPublic = nameMatcher(patterns)
  const decide: Authorize = async (request) => {
    try {
      return await authorize(request)
    } catch (error) {
      if (isPublic(request.document) && error instanceof SynclineError && strangers.has(error.code)) return everybody
      throw error
    }
  }
  return Object.assign(decide, authorize.revoked ? { revoked: authorize.revoked } : {})
}
