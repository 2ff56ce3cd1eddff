import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import type { Codec, Known, Receiver, Wire } from './wire.js'

/** What unmodified clients of y-websocket say. */
export const yWebsocket: Wire = {
  name: 'y-websocket',
  acknowledges: false,
  packs: false,
  subprotocols: [],
  url: (base, document) => `${base}/${document}`,
  newCodec: (_, known) => new YCodec(known),
}

/** Message types of y-protocols. */
export const messages = { sync: 0, awareness: 1 } as const
/** What a sync message is. */
export const syncs = { step1: 0, step2: 1, update: 2 } as const

class YCodec implements Codec {
  readonly point = null
  readonly #known: Known

  constructor(known: Known) {
    this.#known = known
  }

  greet(): Uint8Array[] {
    return [sync(syncs.step1, this.#known.stateVector)]
  }

  update(update: Uint8Array): Uint8Array {
    return sync(syncs.update, update)
  }

  awareness(update: Uint8Array): Uint8Array {
    return encoding.encode((encoder) => {
      encoding.writeVarUint(encoder, messages.awareness)
      encoding.writeVarUint8Array(encoder, update)
    })
  }

  read(frame: Uint8Array, to: Receiver): void {
    const decoder = decoding.createDecoder(frame)
    const type = decoding.readVarUint(decoder)
    if (type === messages.awareness) to.awareness(decoding.readVarUint8Array(decoder))
    if (type === messages.sync) readSync(decoder, to, () => sync(syncs.step2, this.#known.difference))
  }
}

/** Reads a sync message; `answer` makes the frame that answers the server's step 1. */
export function readSync(decoder: decoding.Decoder, to: Receiver, answer: () => Uint8Array): void {
  const kind = decoding.readVarUint(decoder)
  const bytes = decoding.readVarUint8Array(decoder)
  if (kind === syncs.step1) return to.reply(answer())
  to.update(bytes)
  if (kind === syncs.step2) to.synced()
}

function sync(kind: number, bytes: Uint8Array): Uint8Array {
  return encoding.encode((encoder) => {
    encoding.writeVarUint(encoder, messages.sync)
    encoding.writeVarUint(encoder, kind)
    encoding.writeVarUint8Array(encoder, bytes)
  })
}
