import type { WebSocketLike } from '../types.js'

/** Opens the platform's own WebSocket. */
export function openWebSocket(url: string, protocols: string[]): WebSocketLike {
  return new WebSocket(url, protocols)
}

export { browserTabs as platformTabs } from '../tabs/platform.js'
