// All that this package knows of `ws`. The types of `ws` itself would bring in those of Node, and code that runs in
// browsers must not compile against them.
import type { WebSocketLike } from '../types.js'

export declare const WebSocket: new (
  url: string,
  protocols: string[],
  options: { perMessageDeflate: boolean; closeTimeout: number },
) => WebSocketLike
