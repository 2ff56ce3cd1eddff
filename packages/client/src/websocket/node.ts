import { WebSocket } from 'ws'
import type { TabsPlatform } from '../tabs/platform.js'
import type { WebSocketLike } from '../types.js'

/** Opens a WebSocket of `ws`: Node 20 has none of its own. */
export function openWebSocket(url: string, protocols: string[]): WebSocketLike {
  // closeTimeout: a process that is done shall not wait half a minute for a relay that no longer answers
  return new WebSocket(url, protocols, { perMessageDeflate: false, closeTimeout: 1_000 })
}

/** A process is alone. */
export function platformTabs(): TabsPlatform | null {
  return null
}
