import { SynclineError } from '@syncline/protocol'
import { openWebSocket } from '#websocket'
import type { ConnectOptions, WebSocketLike } from '../types.js'

/** How slow a network is. */
export interface Slowness {
  /** ms that each message takes one way, beside its length */
  readonly latencyMs: number
  /** each way; 0 is without a bound */
  readonly bytesPerSecond: number
}

/** A network that slows down nothing. */
export const fullSpeed: Slowness = Object.freeze({ latencyMs: 0, bytesPerSecond: 0 })

type OpenSocket = NonNullable<ConnectOptions['webSocket']>

/**
 * A network that can be made slow, for development: `connect(url, { webSocket: throttle.webSocket })`. It is the one of this
 * tab's own socket: while another tab has it for all, this one changes nothing.
 */
export class Throttle {
  /** makes the sockets that are slowed down */
  readonly webSocket: OpenSocket
  readonly #listeners = new Set<() => void>()
  #slowness: Slowness = fullSpeed

  /** @param open makes the real sockets; default: the platform's WebSocket, and `ws` in Node */
  constructor(open: OpenSocket = openWebSocket) {
    this.webSocket = (url, protocols) => new SlowSocket(open(url, protocols), () => this.#slowness)
  }

  get slowness(): Slowness {
    return this.#slowness
  }

  /**
   * Counts for what is sent or arrives from now on, on sockets that are open too.
   *
   * @throws SynclineError `invalid_option` for what is no number of ms or bytes
   */
  set slowness(slowness: Slowness) {
    for (const [name, value] of Object.entries(slowness)) {
      if (!(value >= 0 && value <= 2 ** 31 - 1)) throw new SynclineError('invalid_option', `${name} is ${value}`)
    }
    this.#slowness = Object.freeze({ ...slowness })
    for (const listener of this.#listeners) listener()
  }

  /** calls back when `slowness` changes; the result stops it */
  on(_event: 'slowness', listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

/** A WebSocket whose messages take their time in both directions, and keep their order. */
class SlowSocket implements WebSocketLike {
  onopen: ((event: never) => void) | null = null
  onmessage: ((event: never) => void) | null = null
  onclose: ((event: never) => void) | null = null
  onerror: ((event: never) => void) | null = null
  readonly #socket: WebSocketLike
  readonly #up: Lane
  readonly #down: Lane
  #isClosing = false
  #bytesWaiting = 0

  constructor(socket: WebSocketLike, slowness: () => Slowness) {
    this.#socket = socket
    this.#up = new Lane(slowness)
    this.#down = new Lane(slowness)
    socket.onopen = (event) => this.#down.pass(0, () => this.onopen?.(event))
    socket.onmessage = (event: { readonly data: unknown }) => {
      const length = event.data instanceof ArrayBuffer ? event.data.byteLength : 0
      this.#down.pass(length, () => this.onmessage?.(event as never))
    }
    socket.onclose = (event) => this.#down.pass(0, () => this.onclose?.(event))
    socket.onerror = (event) => this.onerror?.(event)
  }

  get binaryType(): string {
    return this.#socket.binaryType
  }

  set binaryType(type: string) {
    this.#socket.binaryType = type
  }

  get readyState(): number {
    return this.#isClosing ? 2 : this.#socket.readyState
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount + this.#bytesWaiting
  }

  send(data: Uint8Array<ArrayBuffer>): void {
    this.#bytesWaiting += data.length
    this.#up.pass(data.length, () => {
      this.#bytesWaiting -= data.length
      if (this.#socket.readyState === 1) this.#socket.send(data)
    })
  }

  /** Behind what was sent; nothing more arrives. */
  close(code?: number, reason?: string): void {
    this.#isClosing = true
    this.#up.pass(0, () => this.#socket.close(code, reason))
  }
}

/** One direction: what goes in comes out later, in order. */
class Lane {
  readonly #slowness: () => Slowness
  readonly #waiting: { readonly at: number; readonly act: () => void }[] = []
  #freeAt = 0

  constructor(slowness: () => Slowness) {
    this.#slowness = slowness
  }

  /** @param act happens at once where nothing is slow and nothing waits */
  pass(bytes: number, act: () => void): void {
    const { latencyMs, bytesPerSecond } = this.#slowness()
    const now = performance.now()
    this.#freeAt = Math.max(now, this.#freeAt) + (bytesPerSecond === 0 ? 0 : (bytes * 1_000) / bytesPerSecond)
    const at = this.#freeAt + latencyMs
    if (this.#waiting.length === 0 && at <= now) return act()
    if (this.#waiting.push({ at, act }) === 1) this.#sleep()
  }

  #sleep(): void {
    const next = this.#waiting[0]
    if (next) setTimeout(() => this.#wake(), Math.max(0, next.at - performance.now()))
  }

  /** One at a time, so that what throws holds up nobody. */
  #wake(): void {
    const next = this.#waiting.shift()
    this.#sleep()
    next?.act()
  }
}
