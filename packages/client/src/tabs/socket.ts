import type { LinkEnd } from '../link.js'
import type { TransportKind, WebSocketLike } from '../types.js'
import type { Line } from './pipe.js'
import type { Member } from './trunk.js'

/** What a tab has for a WebSocket: its frames go to the leader, and the leader's socket. */
export class TabSocket implements WebSocketLike, Member {
  binaryType = ''
  readyState = 0
  readonly bufferedAmount = 0
  transport: TransportKind = 'websocket'
  onopen: ((event: never) => void) | null = null
  onmessage: ((event: never) => void) | null = null
  onclose: ((event: never) => void) | null = null
  onerror: ((event: never) => void) | null = null
  /** asked for by a person, or the first attempt: it does not wait until the next one is due */
  readonly urgent: boolean
  readonly #over: () => void
  #line: Line | null = null

  /** @param over the socket is closed, from this end or the other */
  constructor(urgent: boolean, over: () => void) {
    this.urgent = urgent
    this.#over = over
  }

  get isAttached(): boolean {
    return this.#line !== null
  }

  get isOpen(): boolean {
    return this.readyState === 1
  }

  /** Takes a line in place of the one that it may have. */
  attach(line: Line): void {
    this.#line?.close()
    this.#line = line
  }

  send(data: Uint8Array<ArrayBuffer>): void {
    if (this.isOpen) this.#line?.send(data)
  }

  close(): void {
    if (this.readyState === 3) return
    this.readyState = 3
    this.#line?.close()
    this.#line = null
    this.#over()
  }

  opened(transport: TransportKind): void {
    if (this.readyState !== 0) return
    this.transport = transport
    this.readyState = 1
    this.onopen?.({} as never)
  }

  deliver(frame: Uint8Array): void {
    if (this.isOpen) this.onmessage?.({ data: frame.buffer } as never)
  }

  closed(end: LinkEnd): void {
    if (this.readyState === 3) return
    this.close()
    this.onclose?.(end as never)
  }
}
