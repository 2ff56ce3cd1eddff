import { closeCodes } from '../link.js'
import type { Clock, TransportKind, WebSocketLike } from '../types.js'
import { type Carrier, LazySocket } from './lazySocket.js'

/** So many WebSockets in a row that came to nothing, where HTTP works, are no accident. */
const failuresMax = 2

/** A network that swallows the handshake says nothing at all. */
const wordMsMax = 5_000

/** How long to stay with HTTP, and at most, where WebSockets fail again and again. */
const httpMsMin = 600_000
const httpMsMax = 3_600_000

/** What a relay answers to a GET of its stream. */
const noContent = 204

/**
 * Makes the sockets of a connection: WebSockets, and what stands in for them over HTTP where the network lets none
 * through. It finds that out by itself, remembers it for as long as the page lives, and looks now and then whether
 * WebSockets work again.
 */
export class Transport {
  readonly #url: string
  readonly #choice: 'auto' | TransportKind
  readonly #openWebSocket: () => WebSocketLike
  readonly #clock: Clock
  #failures = 0
  #httpMs = httpMsMin
  #httpUntil = 0
  #isAsking = false

  constructor(url: string, choice: 'auto' | TransportKind, openWebSocket: () => WebSocketLike, clock: Clock) {
    this.#url = url
    this.#choice = choice
    this.#openWebSocket = openWebSocket
    this.#clock = clock
    if (choice === 'auto' && remembers(url)) this.#preferHttp()
  }

  /** Makes the next socket. */
  open(): WebSocketLike {
    if (this.#choice === 'http' || this.#clock.now() < this.#httpUntil) return this.#openHttp()
    const socket = this.#openWebSocket()
    if (this.#choice === 'auto') this.#watch(socket)
    return socket
  }

  /** Only a word of the relay shows that a WebSocket works: there are proxies that open it, and then let nothing through. */
  #watch(socket: WebSocketLike): void {
    if (!socket.addEventListener) return
    let works = false
    const cancel = this.#clock.after(wordMsMax, () => this.#askForHttp(() => socket.close()))
    const heard = () => {
      works = true
      cancel()
      this.#failures = 0
      remember(this.#url, false)
    }
    socket.addEventListener('message', heard, { once: true })
    socket.addEventListener('close', () => {
      cancel()
      if (!works && ++this.#failures >= failuresMax) this.#askForHttp(() => undefined)
    })
  }

  /** The relay may be down, or the network: then HTTP is no better. */
  #askForHttp(found: () => void): void {
    if (this.#isAsking) return
    this.#isAsking = true
    const ask = async () => {
      const signal = AbortSignal.timeout(wordMsMax)
      const { status } = await fetch(this.#urlOf('events'), { cache: 'no-store', signal })
      if (status !== noContent) return
      await loadCarrier()
      this.#preferHttp()
      found()
    }
    ask()
      .catch(() => undefined)
      .finally(() => {
        this.#isAsking = false
      })
  }

  #preferHttp(): void {
    this.#failures = 0
    this.#httpUntil = this.#clock.now() + this.#httpMs
    this.#httpMs = Math.min(2 * this.#httpMs, httpMsMax)
    remember(this.#url, true)
  }

  #openHttp(): WebSocketLike {
    const url = (path: string) => this.#urlOf(path)
    const open = loadCarrier().then(({ HttpCarrier }) => (socket: LazySocket): Carrier => {
      return new HttpCarrier(url, socket, this.#clock)
    })
    let stopTrying = () => {}
    const socket: LazySocket = new LazySocket(open, (wasOpen) => {
      stopTrying()
      if (!wasOpen) this.#httpUntil = 0
    })
    if (this.#choice === 'auto') stopTrying = this.#tryWebSocketLater(() => socket.close(closeCodes.moved))
    return socket
  }

  /** @returns stops it */
  #tryWebSocketLater(works: () => void): () => void {
    let stop = this.#clock.after(this.#httpUntil - this.#clock.now(), () => {
      const trial = this.#openWebSocket()
      let opened = false
      trial.onopen = () => {
        opened = true
        trial.close()
        this.#httpUntil = 0
        works()
      }
      trial.onerror = () => undefined
      trial.onclose = () => {
        if (opened) return
        this.#preferHttp()
        stop = this.#tryWebSocketLater(works)
      }
      stop = () => {
        trial.onclose = null
        trial.close()
      }
    })
    return () => stop()
  }

  #urlOf(path: string): string {
    const url = new URL(this.#url)
    url.protocol = url.protocol.replace('ws', 'http')
    url.pathname += `/${path}`
    return url.href
  }
}

function loadCarrier() {
  return import('./http.js')
}

// What a page knows when it is reloaded. A worker, Node and pages in some frames have no such memory.

function remembers(url: string): boolean {
  try {
    return sessionStorage.getItem(keyOf(url)) !== null
  } catch {
    return false
  }
}

function remember(url: string, usesHttp: boolean): void {
  try {
    if (usesHttp) sessionStorage.setItem(keyOf(url), '')
    else sessionStorage.removeItem(keyOf(url))
  } catch {}
}

function keyOf(url: string): string {
  return `syncline-http:${url}`
}
