import { subprotocol } from '@syncline/protocol'
import { WebSocket, WebSocketServer } from 'ws'
import { answeredProtocol } from '../auth/bearer.js'
import { hocuspocusHeaderBytesMax } from '../dialects/hocuspocus.js'
import { tooLargeStatus } from '../dialects/yWebsocket.js'
import type { RelayLimits } from '../limits/limits.js'
import type { Route } from '../upgrade.js'

// what y-websocket puts around an update
const yHeaderBytesMax = 16

/** What takes handshakes: one for each wire protocol, with the largest message that it takes. */
export function webSocketServers(limits: RelayLimits): Readonly<Record<Route['to'], WebSocketServer>> {
  // deflate costs 50 µs a message; ws sets TCP_NODELAY itself
  const common = { noServer: true, perMessageDeflate: false, clientTracking: false }
  const handleProtocols = () => subprotocol
  return {
    native: new WebSocketServer({ ...common, maxPayload: limits.frameBytesMax, handleProtocols }),
    'y-websocket': new WebSocketServer({
      ...common,
      maxPayload: limits.updateBytesMax + yHeaderBytesMax,
      handleProtocols: answeredProtocol,
      WebSocket: YWebSocket,
    }),
    // one that is a little too large can still be refused by name, instead of with its connection, again and again
    hocuspocus: new WebSocketServer({
      ...common,
      maxPayload: 2 * limits.updateBytesMax + limits.nameBytesMax + hocuspocusHeaderBytesMax,
      handleProtocols: answeredProtocol,
    }),
  }
}

class YWebSocket extends WebSocket {
  override close(code?: number, data?: string | Buffer): void {
    super.close(code === 1009 ? tooLargeStatus : code, data)
  }
}
