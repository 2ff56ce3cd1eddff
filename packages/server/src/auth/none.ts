import type { Authorize, Visitor } from './authorize.js'

/** Everyone writes, under no name, and whoever is on this machine is an operator: for development. */
export const authorizeEveryone: Authorize = async ({ visitor }) => {
  return { subject: '', access: 'write', expiresAt: null, admin: isLocal(visitor) }
}

const localHost = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i

/**
 * True where a visitor is on this machine: neither a proxy's visitors, nor pages whose own name was made to lead here,
 * which a browser on this machine would take for the relay's.
 */
function isLocal({ address, headers }: Visitor): boolean {
  const isForwarded = headers['x-forwarded-for'] !== undefined || headers.forwarded !== undefined
  const isLoopback = address === '::1' || address.startsWith('127.')
  return isLoopback && !isForwarded && localHost.test(headers.host ?? '')
}
