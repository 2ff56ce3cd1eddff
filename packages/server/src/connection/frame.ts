// final and binary: RFC 6455, 5.2
const finalBinary = 0x82

let lastMessage: Uint8Array | null = null
let lastFrame: Buffer = Buffer.alloc(0)

/**
 * A WebSocket frame of a server that is a whole message: it is not masked, and so the same for every socket. Whoever is
 * sent the same bytes next gets the same frame.
 */
export function framed(message: Uint8Array): Buffer {
  if (message !== lastMessage) {
    lastMessage = message
    lastFrame = frameOf(message)
  }
  return lastFrame
}

function frameOf(message: Uint8Array): Buffer {
  const { length } = message
  const headerBytes = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(headerBytes + length)
  frame[0] = finalBinary
  frame[1] = headerBytes === 2 ? length : headerBytes === 4 ? 126 : 127
  if (headerBytes === 4) frame.writeUInt16BE(length, 2)
  if (headerBytes === 10) frame.writeBigUInt64BE(BigInt(length), 2)
  frame.set(message, headerBytes)
  return frame
}
