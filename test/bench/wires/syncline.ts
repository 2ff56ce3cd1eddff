import type { LogPoint, RelayMessage, SessionReply, SessionRequest } from '@syncline/protocol'
import { defaultLimits, encodeClientMessage, packFrames, RelayMessageReader, subprotocol } from '@syncline/protocol'
import type { Codec, Known, Receiver, Wire } from './wire.js'

/** Protocol 1, one document to a socket. */
export const syncline: Wire = {
  name: 'syncline',
  acknowledges: true,
  packs: true,
  subprotocols: [subprotocol],
  url: (base) => (base.endsWith('/sync') ? base : `${base}/sync`),
  newCodec: (document, known) => new SynclineCodec(document, known),
}

const channel = 1
const { frameBytesMax } = defaultLimits

class SynclineCodec implements Codec {
  readonly #reader = new RelayMessageReader(defaultLimits)
  readonly #document: string
  readonly #known: Known
  #epoch = ''
  #seq = 0
  #answers = 0
  point: LogPoint | null = null

  constructor(document: string, known: Known) {
    this.#document = document
    this.#known = known
  }

  greet(): Uint8Array[] {
    const resume = this.#known.point as LogPoint | null
    const { stateVector } = this.#known
    const hello = encodeClientMessage({ type: 'hello', versions: [1], agent: 'bench', token: null }, frameBytesMax)
    return packFrames([...hello, ...encode({ type: 'open', name: this.#document, resume, stateVector })], frameBytesMax)
  }

  update(update: Uint8Array): Uint8Array {
    return single(encode({ type: 'update', seq: ++this.#seq, answer: false, update }))
  }

  awareness(update: Uint8Array): Uint8Array {
    return single(encode({ type: 'awareness', update }))
  }

  read(frame: Uint8Array, to: Receiver): void {
    for (const read of this.#reader.read(frame)) {
      if (!read.ok) to.failed(read.error.message)
      else this.#handle(read.message, to)
    }
  }

  #handle(message: RelayMessage, to: Receiver): void {
    if (message.type === 'session') this.#handleReply(message.message, to)
    else if (message.type === 'ping') to.reply(single(encodeClientMessage({ type: 'pong' }, frameBytesMax)))
    else if (message.type === 'leaving') to.failed('leaving')
  }

  #handleReply(reply: SessionReply, to: Receiver): void {
    switch (reply.type) {
      case 'opened':
        this.#epoch = reply.point.epoch
        if (reply.stateVector !== null && this.#known.point !== null) {
          to.reply(single(encode({ type: 'exchange', stateVector: this.#known.stateVector })))
        }
        if (reply.stateVector !== null) this.#answer(to)
        return
      case 'synced':
        this.#moveTo(reply)
        if (reply.update !== null) to.update(reply.update)
        return to.synced()
      case 'update':
        this.#moveTo(reply)
        return to.update(reply.update)
      case 'ack':
        this.#moveTo(reply)
        return to.saved(reply.seq - this.#answers)
      case 'awareness':
        return to.awareness(reply.update)
      case 'resync':
      case 'rejected':
      case 'refused':
      case 'closed':
        return to.failed(JSON.stringify(reply))
      case 'access':
      case 'digest':
      case 'signal':
        return
    }
  }

  #moveTo({ position, chain }: { readonly position: number; readonly chain: number }): void {
    this.point = { epoch: this.#epoch, position, chain }
  }

  #answer(to: Receiver): void {
    this.#answers++
    to.reply(single(encode({ type: 'update', seq: ++this.#seq, answer: true, update: this.#known.difference })))
  }
}

function encode(message: SessionRequest): Uint8Array[] {
  return encodeClientMessage({ type: 'session', channel, message }, frameBytesMax)
}

function single(messages: Uint8Array[]): Uint8Array {
  if (messages.length !== 1) throw new Error('the bench sends no update that is larger than a frame')
  return messages[0]!
}
