/** The protocol version that this package speaks. */
export const protocolVersion = 1

/** The WebSocket subprotocol of {@link protocolVersion}. */
export const subprotocol = 'syncline.1'
