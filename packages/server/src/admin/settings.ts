import { authorizeEveryone } from '../auth/none.js'
import type { RelayLimits } from '../limits/limits.js'
import type { RelayOptions } from '../relayOptions.js'

/** What is in force in a relay, for operators to read: no keys, no tokens, no addresses of backends. */
export function settingsOf(limits: RelayLimits, options: RelayOptions): Readonly<Record<string, string>> {
  const { authorize = authorizeEveryone, allowOrigins = [], keepHistory = [], trustProxy = [] } = options
  const proxies = typeof trustProxy === 'number' ? String(trustProxy) : trustProxy.join(', ')
  const byName = Object.entries(limits).map(([name, value]) => [`limit ${name}`, String(value)])
  return Object.fromEntries([
    ['authorisation', authorize === authorizeEveryone ? 'none: everybody may read and write' : 'grants'],
    ['allowed origins', allowOrigins.join(', ') || 'its own'],
    ['kept histories', keepHistory.join(', ') || 'none'],
    ['trusted proxies', proxies || 'none'],
    ['revocations', options.revocations ? 'kept on disk' : 'end with the process'],
    ...byName,
  ])
}
