import * as decoding from 'lib0/decoding'
import type { Codec, Receiver, Wire } from './wire.js'

/** A byte, and what it stands for: the least that a wire can say. What is known from before is not told. */
export const plain: Wire = {
  name: 'plain',
  acknowledges: false,
  packs: false,
  subprotocols: [],
  url: (base, document) => `${base}/${document}`,
  newCodec: () => new PlainCodec(),
}

/** What the first byte of a frame says. `stored` is the first that a newcomer gets: updates, each after its length. */
export const kinds = { update: 0, awareness: 1, stored: 2 } as const

class PlainCodec implements Codec {
  readonly point = null

  greet(): Uint8Array[] {
    return []
  }

  update(update: Uint8Array): Uint8Array {
    return tagged(kinds.update, update)
  }

  awareness(update: Uint8Array): Uint8Array {
    return tagged(kinds.awareness, update)
  }

  read(frame: Uint8Array, to: Receiver): void {
    if (frame[0] === kinds.update) return to.update(frame.subarray(1))
    if (frame[0] === kinds.awareness) return to.awareness(frame.subarray(1))
    const decoder = decoding.createDecoder(frame)
    decoder.pos = 1
    while (decoding.hasContent(decoder)) to.update(decoding.readVarUint8Array(decoder))
    to.synced()
  }
}

function tagged(kind: number, bytes: Uint8Array): Uint8Array {
  const frame = new Uint8Array(bytes.length + 1)
  frame[0] = kind
  frame.set(bytes, 1)
  return frame
}
