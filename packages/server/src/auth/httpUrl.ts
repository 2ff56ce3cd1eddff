import { SynclineError } from '@syncline/protocol'

/**
 * @param what begins the error
 * @throws SynclineError `invalid_option`
 */
export function httpUrl(what: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return url
  throw new SynclineError('invalid_option', `${what} is no http(s):// URL`)
}
