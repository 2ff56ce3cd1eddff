import { type ClientOptions, WebSocket } from 'ws'
import type { Canaries } from '../support/canaries.js'

/** The class of sockets of a client that has one document open. */
export function scannedSockets(
  canaries: Canaries,
  document: string,
  opened: (socket: WebSocket) => void,
): typeof WebSocket {
  const open = new Set([document])
  const scan = (frame: Uint8Array) => canaries.scan(frame, open)
  const Socket = class extends WebSocket {
    constructor(address: string | URL, protocols?: string | string[], options?: ClientOptions) {
      super(address, protocols, options)
      opened(this)
    }

    override emit(event: string | symbol, ...details: unknown[]): boolean {
      if (event === 'message') scan(new Uint8Array(details[0] as ArrayBuffer))
      return super.emit(event, ...details)
    }
  }
  return Socket as unknown as typeof WebSocket
}
