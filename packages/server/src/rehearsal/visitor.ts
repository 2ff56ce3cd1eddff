import type { Server } from 'node:http'
import { Socket } from 'node:net'
import {
  defaultLimits,
  emptyStateVector,
  encodeClientMessage,
  packFrames,
  type SessionRequest,
  subprotocol,
} from '@syncline/protocol'

const { frameBytesMax } = defaultLimits
const channel = 1
const emptyUpdate = Uint8Array.of(0, 0)
const upgrade = [
  'GET /sync HTTP/1.1',
  'Host: localhost',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  `Sec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}`,
  `Sec-WebSocket-Protocol: ${subprotocol}`,
  '\r\n',
].join('\r\n')
// of RFC 6455, 5.2
const finalBinary = 0x82
const isMasked = 0x80
const lengthMax = 125
const mask = Buffer.of(1, 2, 3, 4)

/**
 * A client that comes to a server of this process on no port: the server's end of a connection whose other end is here.
 * It is a `Socket`, since the relay does more with one than with other streams, but nothing is below it.
 */
export class Visitor extends Socket {
  override readonly remoteAddress = '127.0.0.1'
  readonly #document: string
  #bytesLeft: number
  #isGreeted = false
  #resolve: (isOpened: boolean) => void = () => {}

  /** @param bytes how many the document has at least: what was sent less of is not there yet */
  constructor(document: string, bytes: number) {
    super()
    this.#document = document
    this.#bytesLeft = bytes
  }

  /** Opens the document; resolves with false where the connection is closed before it is there. */
  visit(server: Server): Promise<boolean> {
    return new Promise((resolve) => {
      this.#resolve = resolve
      this.once('close', () => resolve(false))
      server.emit('connection', this)
      this.push(upgrade)
    })
  }

  override _read(): void {}

  override _write(bytes: Buffer | string, _encoding: BufferEncoding, done: () => void): void {
    this.#take(bytes.length)
    done()
  }

  override _writev(chunks: readonly { readonly chunk: Buffer | string }[], done: () => void): void {
    for (const { chunk } of chunks) this.#take(chunk.length)
    done()
  }

  /** What it says comes in another turn, as over a network. */
  #take(bytes: number): void {
    if (!this.#isGreeted) setImmediate(() => this.#greet())
    else if (this.#bytesLeft > 0 && this.#bytesLeft <= bytes) setImmediate(() => this.#answer())
    this.#bytesLeft -= bytes
    this.#isGreeted = true
  }

  #greet(): void {
    const hello = encodeClientMessage({ type: 'hello', versions: [1], agent: '', token: null }, frameBytesMax)
    const open = encoded({ type: 'open', name: this.#document, resume: null, stateVector: emptyStateVector })
    this.#say([...hello, ...open])
  }

  /** It has nothing that the relay lacks. */
  #answer(): void {
    this.#say(encoded({ type: 'update', seq: 1, answer: true, update: emptyUpdate }))
    setImmediate(this.#resolve, true)
  }

  #say(messages: Uint8Array[]): void {
    if (this.destroyed) return
    for (const frame of packFrames(messages, frameBytesMax)) this.push(masked(frame))
  }
}

function encoded(message: SessionRequest): Uint8Array[] {
  return encodeClientMessage({ type: 'session', channel, message }, frameBytesMax)
}

/** A frame of a client. */
function masked(message: Uint8Array): Buffer {
  if (message.length > lengthMax) throw new RangeError('Longer frames have another header')
  const payload = message.map((byte, at) => byte ^ mask[at % mask.length]!)
  return Buffer.concat([Buffer.of(finalBinary, isMasked | message.length), mask, payload])
}
