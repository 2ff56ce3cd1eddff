import type { LinkEnd } from '../link.js'
import type { WebSocketLike } from '../types.js'

/** What carries the frames of a {@link LazySocket} once it is loaded. */
export interface Carrier {
  send(data: Uint8Array<ArrayBuffer>): void
  /** sends what is queued, and ends like this */
  close(end: LinkEnd): void
}

/** A WebSocket whose inside comes later: what carries its frames is loaded where it is needed, and not before. */
export class LazySocket implements WebSocketLike {
  readonly transport = 'http'
  binaryType = ''
  readyState = 0
  readonly bufferedAmount = 0
  onopen: ((event: never) => void) | null = null
  onmessage: ((event: never) => void) | null = null
  onclose: ((event: never) => void) | null = null
  onerror: ((event: never) => void) | null = null
  readonly #over: (wasOpen: boolean) => void
  #carrier: Carrier | null = null

  /** @param over it was closed, from this end or the other; called once */
  constructor(load: Promise<(socket: LazySocket) => Carrier>, over: (wasOpen: boolean) => void) {
    this.#over = over
    load.then(
      (open) => {
        if (this.readyState === 0) this.#carrier = open(this)
      },
      (error: unknown) => this.ended({ code: 1006, reason: String(error) }),
    )
  }

  send(data: Uint8Array<ArrayBuffer>): void {
    this.#carrier?.send(data)
  }

  close(code = 1000, reason = ''): void {
    if (this.#carrier) this.#carrier.close({ code, reason })
    else this.ended({ code, reason })
  }

  opened(): void {
    this.readyState = 1
    this.onopen?.({} as never)
  }

  received(data: ArrayBuffer): void {
    this.onmessage?.({ data } as never)
  }

  ended(end: LinkEnd): void {
    if (this.readyState === 3) return
    const wasOpen = this.readyState === 1
    this.readyState = 3
    this.#over(wasOpen)
    this.onclose?.(end as never)
  }
}
