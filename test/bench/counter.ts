import { randomBytes } from 'node:crypto'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { Digests, type Header, Splitter } from './digests.js'
import { type Codec, nothing, type Receiver, type Wire } from './wires/index.js'

// one for all sockets: what is in it is looked at before the next one is read
const readBuffer = Buffer.allocUnsafe(256 * 1024)

const opcodes = { data: 2, close: 8, ping: 9, pong: 10 } as const
const finalFrame = 0x80

/** A message of a size that content has: when it was complete, and what tells it from others. */
export interface Arrival {
  readonly atMs: number
  readonly digest: string
}

/**
 * The lightest newcomer: it keeps nothing of a document, but says how long each message was and what its bytes sum up to.
 * Where somebody beside it reads the same messages in full, that shows whether it was sent everything.
 */
export class Counter {
  readonly arrivals: Arrival[] = []
  readonly #socket: Socket
  readonly #codec: Codec
  readonly #digests: Digests
  readonly #frames: Splitter
  #opcode = 0
  #control: Buffer[] = []
  readonly #receiver: Receiver = {
    reply: (frame) => this.#send(frame),
    failed: (reason) => this.#failed(reason),
    synced: () => {},
    update: () => {},
    awareness: () => {},
    saved: () => {},
  }
  /** what came of the answer to the upgrade; null when that is over */
  #head: Buffer | null = Buffer.alloc(0)
  #failure: Error | null = null
  #isLeaving = false

  constructor(wire: Wire, base: string, document: string) {
    this.#codec = wire.newCodec(document, nothing)
    this.#digests = new Digests(wire.packs, {
      message: (digest) => this.arrivals.push({ atMs: performance.now(), digest }),
      short: (frame) => this.#codec.read(frame, this.#receiver),
    })
    this.#frames = new Splitter((bytes) => this.#readHeader(bytes), {
      part: (bytes) => this.#takePart(bytes),
      end: () => this.#endFrame(),
    })
    const url = new URL(wire.url(base, document))
    const isSecure = url.protocol === 'wss:'
    const address = { host: url.hostname, port: Number(url.port || (isSecure ? 443 : 80)) }
    const take = (bytes: Buffer) => this.#take(bytes)
    const onread = {
      buffer: readBuffer,
      callback: (length: number) => take(readBuffer.subarray(0, length)) === undefined,
    }
    this.#socket = isSecure
      ? connectTls({ ...address, servername: url.hostname }).on('data', take)
      : connectTcp({ ...address, onread })
    this.#socket.on('error', (error) => this.#failed(error.message))
    this.#socket.on('close', () => this.#failed('the server closed a socket'))
    this.#socket.write(upgradeOf(url, wire.subprotocols))
  }

  /** Throws where the server ended the session, or refused something. */
  assertWell(): void {
    if (this.#failure !== null) throw this.#failure
  }

  /** Ends the connection as a lost network does, and resolves when the socket is closed. */
  drop(): Promise<void> {
    this.#isLeaving = true
    return new Promise((resolve) => {
      if (this.#socket.closed) return resolve()
      this.#socket.once('close', () => resolve())
      this.#socket.destroy()
    })
  }

  #take(bytes: Buffer): void {
    try {
      const rest = this.#head === null ? bytes : this.#upgraded(this.#head, bytes)
      if (rest !== null) this.#frames.take(rest)
    } catch (error) {
      this.#failed((error as Error).message)
    }
  }

  /** What follows the answer to the upgrade; null where that is not complete. */
  #upgraded(before: Buffer, bytes: Buffer): Buffer | null {
    const head = Buffer.concat([before, bytes])
    const end = head.indexOf('\r\n\r\n')
    this.#head = end < 0 ? head : null
    if (end < 0) return null
    const [status] = head.toString('latin1', 0, end).split('\r\n')
    if (!status!.startsWith('HTTP/1.1 101')) throw new Error(`the server answered ${status}`)
    for (const frame of this.#codec.greet()) this.#send(frame)
    return head.subarray(end + 4)
  }

  /** RFC 6455, 5.2; servers don't mask */
  #readHeader(bytes: Buffer): Header | null {
    if (bytes.length < 2) return null
    const short = bytes[1]! & 0x7f
    const headerBytes = short < 126 ? 2 : short === 126 ? 4 : 10
    if (bytes.length < headerBytes) return null
    if (!(bytes[0]! & finalFrame)) throw new Error('the server splits messages into frames, which is not counted')
    this.#opcode = bytes[0]! & 0xf
    const bodyBytes =
      headerBytes === 2 ? short : headerBytes === 4 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
    return { headerBytes, bodyBytes }
  }

  #takePart(bytes: Buffer): void {
    if (this.#opcode < opcodes.close) this.#digests.add(bytes)
    else this.#control.push(Buffer.from(bytes))
  }

  #endFrame(): void {
    if (this.#opcode < opcodes.close) return this.#digests.endFrame()
    const payload = Buffer.concat(this.#control.splice(0))
    if (this.#opcode === opcodes.ping) this.#socket.write(maskedFrame(opcodes.pong, payload))
    if (this.#opcode === opcodes.close) this.#failed('the server closed a session')
  }

  #send(frame: Uint8Array): void {
    this.#socket.write(maskedFrame(opcodes.data, frame))
  }

  #failed(reason: string): void {
    if (this.#isLeaving || this.#failure !== null) return
    this.#failure = new Error(reason)
  }
}

function upgradeOf({ host, pathname, search }: URL, subprotocols: readonly string[]): string {
  const lines = [
    `GET ${pathname}${search} HTTP/1.1`,
    `Host: ${host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    ...(subprotocols.length > 0 ? [`Sec-WebSocket-Protocol: ${subprotocols.join(', ')}`] : []),
  ]
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** A client's frame, masked with zeros: what it says of itself must be true, and no byte changes. */
function maskedFrame(opcode: number, payload: Uint8Array): Buffer {
  const { length } = payload
  const extended = length < 126 ? 0 : 2
  if (length > 0xffff) throw new Error('a newcomer that counts sends short frames only')
  const frame = Buffer.alloc(2 + extended + 4 + length)
  frame[0] = finalFrame | opcode
  frame[1] = 0x80 | (extended === 0 ? length : 126)
  if (extended > 0) frame.writeUInt16BE(length, 2)
  frame.set(payload, 2 + extended + 4)
  return frame
}
