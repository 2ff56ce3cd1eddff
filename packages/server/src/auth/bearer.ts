import type { Visitor } from './authorize.js'

const protocolPrefix = 'syncline.token.'

/**
 * The token in an upgrade, for clients whose wire protocol has no place for one: the header `Authorization: Bearer …`,
 * else a subprotocol `syncline.token.…`, else the parameter `token` of the query.
 */
export function tokenIn({ url, headers }: Visitor): string | null {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
  return bearer ?? protocolToken(headers['sec-websocket-protocol']) ?? queryToken(url)
}

/** The subprotocol to answer with: the first that is no token, since browsers want one of those that they offered. */
export function answeredProtocol(offered: ReadonlySet<string>): string | false {
  const [first] = offered
  for (const protocol of offered) if (!protocol.startsWith(protocolPrefix)) return protocol
  return first ?? false
}

function protocolToken(header: string | undefined): string | null {
  for (const offered of (header ?? '').split(',')) {
    const protocol = offered.trim()
    if (protocol.startsWith(protocolPrefix)) return protocol.slice(protocolPrefix.length)
  }
  return null
}

function queryToken(url: string): string | null {
  const query = url.split('?')[1]
  return query === undefined ? null : new URLSearchParams(query).get('token') || null
}
