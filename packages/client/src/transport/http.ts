import type { LinkEnd } from '../link.js'
import type { Clock } from '../types.js'
import { dataOf, readEvents } from './events.js'
import type { Carrier, LazySocket } from './lazySocket.js'

/** What waits while a request is on its way goes with the next one, up to so much. */
const bodyBytesMax = 256 * 1024

/** How often a request is sent whose answer does not come. */
const attemptsMax = 5
const retryMsMin = 250

/** A relay that reads slowly, since we send too much, answers within this. */
const answerMsMax = 30_000

/** How long what is queued has to get away once the socket is closed. */
const closeMsMax = 3_000

/** A page that is left keeps no more than that of requests alive. */
const keepaliveBytesMax = 32 * 1024

/**
 * The frames of a socket over HTTP: they come as Server-Sent Events, and go as numbered requests, one at a time. One
 * whose answer was lost is sent again, and the relay takes it once. See PROTOCOL.md.
 */
export class HttpCarrier implements Carrier {
  readonly #url: (path: 'events' | 'send') => string
  readonly #socket: LazySocket
  readonly #clock: Clock
  readonly #stream = new AbortController()
  #request: AbortController | null = null
  #queue: Uint8Array<ArrayBuffer>[] = []
  #session = ''
  #sequence = 0
  #isSending = false
  #closing: LinkEnd | null = null
  #isOver = false
  #cancelClose: () => void = () => undefined

  constructor(url: (path: 'events' | 'send') => string, socket: LazySocket, clock: Clock) {
    this.#url = url
    this.#socket = socket
    this.#clock = clock
    void this.#listen()
  }

  send(data: Uint8Array<ArrayBuffer>): void {
    if (this.#closing || this.#isOver) return
    this.#queue.push(data)
    void this.#sendQueued()
  }

  close(end: LinkEnd): void {
    if (this.#closing || this.#isOver) return
    this.#closing = end
    if (!this.#isSending) return this.#end(end)
    this.#cancelClose = this.#clock.after(closeMsMax, () => this.#end(end))
  }

  async #listen(): Promise<void> {
    let reason = 'The stream ended'
    try {
      const response = await fetch(this.#url('events'), { ...common, signal: this.#stream.signal })
      if (!response.ok || !response.body) throw new Error(`HTTP ${response.status}`)
      await readEvents(response.body, (event, lines) => this.#heard(event, lines))
    } catch (error) {
      reason = String(error)
    }
    this.#end({ code: 1006, reason })
  }

  #heard(event: string, lines: readonly string[]): void {
    if (this.#isOver) return
    if (event === '') return this.#socket.received(dataOf(lines))
    const said = JSON.parse(lines.join('\n'))
    if (event === 'close') return this.#end({ code: Number(said.code), reason: String(said.reason) })
    if (event !== 'open') return
    this.#session = String(said.session)
    this.#socket.opened()
  }

  async #sendQueued(): Promise<void> {
    if (this.#isSending) return
    this.#isSending = true
    // what this turn brings goes together
    await null
    while (this.#queue.length > 0 && !this.#isOver) {
      const failure = await this.#post(++this.#sequence, this.#nextBody())
      if (failure !== null) this.#end({ code: 1006, reason: failure })
    }
    this.#isSending = false
    if (this.#closing) this.#end(this.#closing)
  }

  #nextBody(): Uint8Array<ArrayBuffer> {
    let count = 1
    let bytes = this.#queue[0]!.length
    while (count < this.#queue.length && bytes + this.#queue[count]!.length <= bodyBytesMax) {
      bytes += this.#queue[count++]!.length
    }
    const frames = this.#queue.splice(0, count)
    if (count === 1) return frames[0]!
    const body = new Uint8Array(bytes)
    let at = 0
    for (const frame of frames) {
      body.set(frame, at)
      at += frame.length
    }
    return body
  }

  /** Null where the relay has it; else why it never will. */
  async #post(sequence: number, body: Uint8Array<ArrayBuffer>): Promise<string | null> {
    let failure = ''
    for (let attempt = 0; attempt < attemptsMax && !this.#isOver; attempt++) {
      if (attempt > 0) await new Promise<void>((go) => this.#clock.after(retryMsMin * 2 ** attempt, go))
      try {
        const { ok, status } = await this.#attempt(sequence, body)
        if (ok) return null
        failure = `HTTP ${status}`
        if (status < 500 && status !== 429) break
      } catch (error) {
        failure = String(error)
      }
    }
    return failure
  }

  async #attempt(sequence: number, body: Uint8Array<ArrayBuffer>): Promise<Response> {
    const request = new AbortController()
    this.#request = request
    const cancel = this.#clock.after(answerMsMax, () => request.abort())
    try {
      return await fetch(this.#url('send'), {
        ...common,
        body,
        headers: {
          'Content-Type': 'application/octet-stream',
          'Syncline-Session': this.#session,
          'Syncline-Sequence': String(sequence),
        },
        signal: request.signal,
        keepalive: this.#closing !== null && body.length <= keepaliveBytesMax,
      })
    } finally {
      cancel()
    }
  }

  #end(end: LinkEnd): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#cancelClose()
    this.#stream.abort()
    this.#request?.abort()
    this.#queue = []
    this.#socket.ended(end)
  }
}

// cookies go along, as with a WebSocket
const common = { method: 'POST', cache: 'no-store', credentials: 'include' } as const
