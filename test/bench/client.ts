import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import { type Codec, type Known, nothing, type Receiver, type Wire } from './wires/index.js'

// what may wait in the generator's own socket while a writer writes as fast as it can
const bufferedBytesMax = 256 * 1024

const socketOptions = {
  perMessageDeflate: false,
  skipUTF8Validation: true,
  maxPayload: 2 ** 30,
  // a mask of zeros changes no byte, and ws then passes over them
  generateMask: (mask: Buffer) => void mask.fill(0),
}

/** A person, as light as can be: one document on one socket, without a Y.Doc. */
export class Client implements Receiver {
  /** resolves when the server has sent all that it had, rejects where the socket ends before */
  readonly joined: Promise<void>
  /** how many of the updates that were written are saved, in the server's words */
  savedCount = 0
  onUpdate: (update: Uint8Array) => void = () => {}
  onAwareness: (update: Uint8Array) => void = () => {}
  /** all that comes, before it is read */
  onFrame: (frame: Buffer) => void = () => {}
  readonly #webSocket: WebSocket
  readonly #codec: Codec
  #settle: { resolve: () => void; reject: (error: Error) => void } | null = null
  #failure: Error | null = null
  #isLeaving = false
  #upgradeBytes = { read: 0, written: 0 }

  /** @param base the server's address for this wire */
  constructor(wire: Wire, base: string, document: string, known: Known = nothing) {
    this.#codec = wire.newCodec(document, known)
    this.#webSocket = new WebSocket(wire.url(base, document), wire.subprotocols, socketOptions)
    this.joined = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    // whoever waits for it is told; a trial that is over waits no more
    this.joined.catch(() => {})
    this.#webSocket.on('open', () => {
      this.#upgradeBytes = this.#socketBytes
      for (const frame of this.#codec.greet()) this.#webSocket.send(frame)
    })
    this.#webSocket.on('message', (frame) => this.#read(frame as Buffer))
    this.#webSocket.on('error', (error) => this.failed(error.message))
    this.#webSocket.on('close', (code) => this.failed(`the server closed a socket (${code})`))
  }

  /** Throws where the server ended the session, or refused something. */
  assertWell(): void {
    if (this.#failure !== null) throw this.#failure
  }

  /** where it left off, for its return */
  get point(): unknown {
    return this.#codec.point
  }

  /** bytes on the socket in both directions since the upgrade */
  get bytes(): number {
    const { read, written } = this.#socketBytes
    return read + written - this.#upgradeBytes.read - this.#upgradeBytes.written
  }

  write(update: Uint8Array): void {
    this.#webSocket.send(this.#codec.update(update))
  }

  /** Writes as fast as the server takes it. */
  async writeAll(updates: readonly Uint8Array[]): Promise<void> {
    for (const update of updates) {
      while (this.#webSocket.bufferedAmount > bufferedBytesMax) await new Promise(setImmediate)
      this.write(update)
    }
  }

  present(awareness: Uint8Array): void {
    this.#webSocket.send(this.#codec.awareness(awareness))
  }

  /** Ends the connection as a lost network does, and resolves when the socket is closed. */
  drop(): Promise<void> {
    this.#isLeaving = true
    return new Promise((resolve) => {
      if (this.#webSocket.readyState === WebSocket.CLOSED) return resolve()
      this.#webSocket.once('close', () => resolve())
      this.#webSocket.terminate()
    })
  }

  reply(frame: Uint8Array): void {
    this.#webSocket.send(frame)
  }

  synced(): void {
    this.#settle?.resolve()
    this.#settle = null
  }

  update(update: Uint8Array): void {
    this.onUpdate(update)
  }

  awareness(update: Uint8Array): void {
    this.onAwareness(update)
  }

  saved(count: number): void {
    this.savedCount = count
  }

  failed(reason: string): void {
    if (this.#isLeaving || this.#failure !== null) return
    this.#failure = new Error(reason)
    this.#settle?.reject(this.#failure)
  }

  #read(frame: Buffer): void {
    try {
      this.onFrame(frame)
      this.#codec.read(frame, this)
    } catch (error) {
      this.failed((error as Error).message)
    }
  }

  get #socketBytes(): { read: number; written: number } {
    const { _socket: socket } = this.#webSocket as unknown as { _socket: Socket | null }
    return { read: socket?.bytesRead ?? 0, written: socket?.bytesWritten ?? 0 }
  }
}
