import { SynclineError, subprotocol } from '@syncline/protocol'
import { openWebSocket, platformTabs } from '#websocket'
import { systemClock } from './clock.js'
import { RelayConnection } from './connection.js'
import type { TabsPlatform } from './tabs/platform.js'
import { Transport } from './transport/transport.js'
import type { Connection, ConnectOptions } from './types.js'
import { version } from './version.js'

const agent = `syncline-client/${version}`

/**
 * Connects to a relay. Returns at once: documents can be opened and written before the relay has answered, and while
 * it cannot be reached.
 *
 * @param url the relay's: `http(s)://` or `ws(s)://`, with or without its path `/sync`
 * @throws SynclineError `invalid_option`
 */
export function connect(url: string, options: ConnectOptions = {}): Connection {
  const relayUrl = syncUrl(url)
  const clock = options.clock ?? systemClock()
  const openSocket = options.webSocket ?? openWebSocket
  const choice = options.transport ?? (options.webSocket ? 'websocket' : 'auto')
  if (!['auto', 'websocket', 'http'].includes(choice)) {
    throw new SynclineError('invalid_option', `transport is ${String(choice)}`)
  }
  // what a page remembers takes it ms to look up: not before the first socket
  let transport: Transport | undefined
  const connection = new RelayConnection(relayUrl, {
    openSocket: () => {
      transport ??= new Transport(relayUrl, choice, () => openSocket(relayUrl, [subprotocol]), clock)
      return transport.open()
    },
    token: options.token ?? null,
    store: options.store ?? null,
    identity: options.identity ?? '',
    clock,
    random: options.random ?? Math.random,
    retryMsMax: milliseconds('retryMsMax', options.retryMsMax ?? 10_000),
    silenceMsMax: milliseconds('silenceMsMax', options.silenceMsMax ?? 10_000),
    agent,
    tabs: tabsPlatform(options.tabs ?? true),
  })
  if (options.online !== false) connection.goOnline()
  return connection
}

function tabsPlatform(tabs: boolean | TabsPlatform): TabsPlatform | null {
  if (typeof tabs === 'object') return tabs
  return tabs ? platformTabs() : null
}

/** The WebSocket URL of the relay's native protocol. */
function syncUrl(text: string): string {
  const url = parseUrl(text)
  if (!url || !/^(http|ws)s?:$/.test(url.protocol)) {
    throw new SynclineError('invalid_option', `"${text}" is no http(s):// or ws(s):// URL of a relay`)
  }
  url.protocol = url.protocol.replace('http', 'ws')
  url.pathname = `${url.pathname.replace(/\/+$/, '').replace(/\/sync$/, '')}/sync`
  url.hash = ''
  return url.href
}

function parseUrl(text: string): URL | null {
  try {
    return new URL(text)
  } catch {
    return null
  }
}

function milliseconds(name: string, value: number): number {
  if (value > 0 && value <= 2 ** 31 - 1) return value
  throw new SynclineError('invalid_option', `${name} is ${value}, not a number of ms`)
}
