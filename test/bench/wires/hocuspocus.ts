import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import type { Codec, Known, Receiver, Wire } from './wire.js'
import { readSync, syncs } from './yWebsocket.js'

/** What unmodified Hocuspocus providers say, one document to a socket. */
export const hocuspocus: Wire = {
  name: 'hocuspocus',
  acknowledges: true,
  packs: false,
  subprotocols: [],
  url: (base) => base,
  newCodec: (document, known) => new HocuspocusCodec(document, known),
}

const types = { sync: 0, awareness: 1, auth: 2, syncReply: 4, close: 7, syncStatus: 8, ping: 9, pong: 10 } as const
const denied = 1

class HocuspocusCodec implements Codec {
  readonly point = null
  readonly #document: string
  readonly #known: Known
  #applied = 0
  #answers = 0

  constructor(document: string, known: Known) {
    this.#document = document
    this.#known = known
  }

  greet(): Uint8Array[] {
    const token = this.#frame(types.auth, (encoder) => {
      encoding.writeVarUint(encoder, 0)
      encoding.writeVarString(encoder, '')
    })
    return [token, this.#sync(syncs.step1, this.#known.stateVector)]
  }

  update(update: Uint8Array): Uint8Array {
    return this.#sync(syncs.update, update)
  }

  awareness(update: Uint8Array): Uint8Array {
    return this.#frame(types.awareness, (encoder) => encoding.writeVarUint8Array(encoder, update))
  }

  read(frame: Uint8Array, to: Receiver): void {
    if (frame.length === 1) return frame[0] === types.ping ? to.reply(Uint8Array.of(types.pong)) : undefined
    const decoder = decoding.createDecoder(frame)
    decoding.readVarUint8Array(decoder) // the document's name: there is one to a socket
    switch (decoding.readVarUint(decoder)) {
      case types.sync:
      case types.syncReply:
        return readSync(decoder, to, () => this.#answer())
      case types.awareness:
        return to.awareness(decoding.readVarUint8Array(decoder))
      case types.syncStatus:
        return this.#count(decoding.readVarUint(decoder), to)
      case types.auth:
        return decoding.readVarUint(decoder) === denied ? to.failed('denied') : undefined
      case types.close:
        return to.failed('closed')
    }
  }

  #answer(): Uint8Array {
    this.#answers++
    return this.#sync(syncs.step2, this.#known.difference)
  }

  #count(status: number, to: Receiver): void {
    if (status === 1) to.saved(++this.#applied - this.#answers)
    else to.failed('an update was rejected')
  }

  #sync(kind: number, bytes: Uint8Array): Uint8Array {
    return this.#frame(types.sync, (encoder) => {
      encoding.writeVarUint(encoder, kind)
      encoding.writeVarUint8Array(encoder, bytes)
    })
  }

  #frame(type: number, write: (encoder: encoding.Encoder) => void): Uint8Array {
    return encoding.encode((encoder) => {
      encoding.writeVarString(encoder, this.#document)
      encoding.writeVarUint(encoder, type)
      write(encoder)
    })
  }
}
