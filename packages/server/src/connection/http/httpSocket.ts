import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { SynclineError } from '@syncline/protocol'
import type { ByteSource, LinkSocket } from '../socket.js'

// a client has one on its way, and one more where it has given up the first
const waitingMax = 4

const [open, closing, closed] = [1, 2, 3]

/**
 * A socket made of HTTP: frames go down as Server-Sent Events of one response that does not end, and come up as bodies
 * of requests. Bodies are numbered; each is taken once and in its turn, however often it is sent. It is over with its
 * stream.
 *
 * Of a body nothing is read while the socket is paused, so TCP holds the peer back; what it has in memory is bounded by
 * the bodies that wait at once, and by their size.
 */
export class HttpSocket extends EventEmitter implements LinkSocket, ByteSource {
  readonly #response: ServerResponse
  readonly #bodyBytesMax: number
  #readyState = open
  #isPaused = false
  #whenResumed: (() => void)[] = []
  /** the last body that was taken */
  #sequence = 0
  #waiting = 0

  /** @param response whose headers were written */
  constructor(response: ServerResponse, bodyBytesMax: number) {
    super()
    this.#response = response
    this.#bodyBytesMax = bodyBytesMax
    response.on('error', (error) => this.emit('error', error))
    response.on('close', () => this.#closed())
  }

  get readyState(): number {
    return this.#readyState
  }

  /** Tells the client what it needs to send. */
  begin(session: string): void {
    this.#say('open', { session, bodyBytesMax: this.#bodyBytesMax })
  }

  send(data: Uint8Array, { fin }: { readonly fin: boolean }, done: (error?: Error | null) => void): void {
    if (this.#readyState !== open) return done(new Error('It is closed'))
    const { buffer, byteOffset, length } = data
    const line = `data: ${Buffer.from(buffer, byteOffset, length).toString('base64')}\n`
    this.#response.write(fin ? `${line}\n` : line, done)
  }

  /**
   * Takes a body in its turn, and hands it on where that was not done before.
   *
   * @returns the size of one that was sent again; 0 where it is new
   *
   * @throws SynclineError `protocol_violation` where bodies before it are missing, `body_too_large`, `rate_limited` where
   * too many wait, `no_session` where it is over
   */
  async receive(sequence: number, body: Readable): Promise<number> {
    if (this.#waiting >= waitingMax) throw new SynclineError('rate_limited', `${waitingMax} bodies wait`)
    this.#waiting++
    try {
      await this.#readable()
      const frame = await this.#read(body)
      await this.#readable()
      return this.#take(sequence, frame)
    } finally {
      this.#waiting--
    }
  }

  // the protocol's own ping is what a client of this transport answers
  ping(): void {}

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    const calls = this.#whenResumed
    this.#whenResumed = []
    for (const call of calls) call()
  }

  close(status: number, reason: Buffer): void {
    if (this.#readyState !== open) return
    this.#say('close', { code: status, reason: reason.toString() })
    this.#readyState = closing
    this.#response.end()
  }

  terminate(): void {
    this.#response.destroy()
  }

  #closed(): void {
    if (this.#readyState === closed) return
    this.#readyState = closed
    this.resume()
    this.emit('close', 1006)
  }

  /** Waits while nothing is to be read. What waits learns of the end, too. */
  async #readable(): Promise<void> {
    while (this.#isPaused && this.#readyState === open) {
      await new Promise<void>((resolve) => this.#whenResumed.push(resolve))
    }
    if (this.#readyState !== open) throw new SynclineError('no_session')
  }

  async #read(body: Readable): Promise<Buffer> {
    const chunks: Buffer[] = []
    let bytes = 0
    // one that is too large is answered, so its connection must live
    for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > this.#bodyBytesMax) {
        throw new SynclineError('body_too_large', `It may have ${this.#bodyBytesMax} bytes`)
      }
      this.emit('data', chunk)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  }

  #take(sequence: number, frame: Buffer): number {
    if (frame.length === 0) throw new SynclineError('protocol_violation', 'A body without a message')
    // its answer was lost
    if (sequence <= this.#sequence) return frame.length
    if (sequence !== this.#sequence + 1) {
      throw new SynclineError('protocol_violation', `Body ${sequence} follows ${this.#sequence}`)
    }
    this.#sequence = sequence
    this.emit('message', frame, true)
    return 0
  }

  #say(event: string, data: object): void {
    this.#response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
  }
}
