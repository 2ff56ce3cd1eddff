import { Socket } from 'node:net'
import { SynclineError } from '@syncline/protocol'
import type { RawData } from 'ws'
import type { Held } from '../backlog.js'
import { nothing } from '../clock.js'
import { countRefusal, type Traffic } from '../counters.js'
import { type Account, type Measure, waitMsMax } from '../limits/account.js'
import { beatMs } from './beats.js'
import type { RelayContext } from './context.js'
import { Inbox } from './inbox.js'
import { Outbox } from './outbox.js'
import { readInPieces } from './pieces.js'
import type { ByteSource, LinkSocket } from './socket.js'

// counted in beats, not by the clock: a machine that slept has missed beats, its peers have not gone
const silentBeatsAsk = 1
const silentBeatsMax = 3 // after the beat that saw the last sign of life: gone within 20 s
const quietBeatsMax = 3 // y-websocket gives up after 30 s in which it was told nothing
const stalledBeatsMax = 6 // 30 s
const closingBeatsMax = 1

// what is a little over its rate is held for so long at least: not a timer for each message
const throttleMsMin = 20

/** What a wire protocol does with its socket. */
export interface LinkHandler {
  /** closes a reader that took nothing for too long */
  readonly slowReaderStatus: number
  /** puts messages into WebSocket messages */
  pack(messages: Uint8Array[]): readonly Uint8Array[]
  /**
   * one binary message; the bytes are the handler's to keep
   *
   * @returns null, or what goes on with it, message by message
   */
  received(frame: Uint8Array): Iterator<void> | null
  /** the reader of a channel does not keep up, or does again */
  congested(channel: number, isCongested: boolean): void
  /** nothing was heard for a while: ask for a sign of life */
  ask(): void
  /** nothing was sent for a while */
  quiet(): void
  /** the peer is held back: tells it that somebody is here, though nobody hears it */
  reassure(): void
  /** the relay is stopping: come back in `retryMs` */
  leaving(retryMs: number): void
  /** it is over, whoever ended it; called once, and nothing else comes after it */
  ended(): void
}

/** How a connection ended: `closed` by its peer, `cut` below it, `silent` for too long, or what the relay closed it for. */
interface Ending {
  readonly status: number
  readonly code: string
}

/** Where a link comes from. */
export interface LinkSource {
  /** the stream below the socket */
  readonly stream: ByteSource
  readonly address: string
  /** what the address may take of the relay */
  readonly account: Account
}

/**
 * One socket, made safe: no exception leaves its callbacks, a half-open one is found, and so is one that does not
 * take what it is sent.
 */
export class Link implements Held {
  /** what the address may take of the relay */
  readonly account: Account
  readonly #socket: LinkSocket
  readonly #address: string
  /** null where the stream below is none that counts its bytes */
  readonly #stream: Socket | null
  readonly #context: RelayContext
  readonly #outbox: Outbox
  readonly #inbox: Inbox
  #handler: LinkHandler | null = null
  #isOpen = true
  #isReceiving = true
  /** it was told that it is over */
  #isShut = false
  #isPaused = false
  #isHeld = false
  /** it has brought more than fits its slice of the process' time */
  #isBusy = false
  /** it asks for more than it takes */
  #isOverfed = false
  /** ms since 1970: it is not read before; null where it is */
  #throttledUntil: number | null = null
  #cancelThrottle = nothing
  #receivedBytes = 0
  #receivedMessages = 0
  readonly #beganAt: number
  #ending: Ending = { status: 1006, code: 'silent' }
  #cancelClosing = nothing
  /** what it has brought, where its stream counts nothing */
  #heardBytes = 0
  #silentBeats = 0
  #quietBeats = 0
  #stalledBeats = 0
  #closingBeats = 0
  #seen = { readBytes: 0, takenBytes: 0, wasBacklogged: false }

  /**
   * @param forget called when the socket is closed
   */
  constructor(socket: LinkSocket, { stream, address, account }: LinkSource, context: RelayContext, forget: () => void) {
    this.account = account
    this.#socket = socket
    this.#address = address
    this.#stream = stream instanceof Socket ? stream : null
    this.#context = context
    this.#beganAt = context.clock.now()
    if (this.#stream === null) {
      stream.on('data', (bytes: Uint8Array) => {
        this.#heardBytes += bytes.length
      })
    }
    this.#outbox = new Outbox(socket, this.#stream, {
      bytesHigh: context.limits.socketBytesHigh,
      pack: (messages) => this.#handler?.pack(messages) ?? messages,
      onCongested: (channel, isCongested) => {
        if (this.#isOpen) this.#handler?.congested(channel, isCongested)
      },
      failed: (error) => this.fail(1011, error),
    })
    this.#inbox = new Inbox(context.slices, {
      take: (frame) => this.#take(frame),
      onBusy: (isBusy) => {
        this.#isBusy = isBusy
        this.#readOrWait()
      },
      guarded: (run) => this.guarded(run),
    })
    if (this.#stream !== null) readInPieces(this.#stream, (handOn) => this.#inbox.find(handOn))
    socket.on('message', (data, isBinary) => this.guarded(() => this.#receive(data, isBinary)))
    socket.on('error', (error) => {
      // too large, or no WebSocket frame: ws closes it with a status that says so
      if ('code' in error && String(error.code).startsWith('WS_ERR_')) countRefusal(context.counters, 'malformed_frame')
      context.logger.debug({ event: 'socket_failed', error }, 'a socket failed')
    })
    // after all that it has brought
    socket.on('close', (status) => {
      this.#inbox.whenDone(() => {
        if (this.#isOpen && status !== 1006) this.#ending = { status, code: 'closed' }
        if (this.#isOpen && status === 1006 && this.#silentBeats < silentBeatsMax)
          this.#ending = { status, code: 'cut' }
        this.#end()
        this.#cancelClosing()
        forget()
        this.#tell()
      })
    })
  }

  /** Hands what happens on the socket to `handler`, from now on. */
  start(handler: LinkHandler): void {
    this.#handler = handler
  }

  /** What it has brought and was sent since it began: the payload of WebSocket messages. */
  get traffic(): Traffic {
    const { sentBytes, sentMessages } = this.#outbox
    return { receivedBytes: this.#receivedBytes, receivedMessages: this.#receivedMessages, sentBytes, sentMessages }
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Sends messages at the end of the turn, in order within their channel. */
  send(channel: number, messages: readonly Uint8Array[]): void {
    if (!this.#isOpen) return
    this.#quietBeats = 0
    this.#outbox.push(channel, messages)
  }

  /** Drops what waits on a channel. */
  drop(channel: number): void {
    this.#outbox.drop(channel)
  }

  /** Asks the peer's platform for a sign of life. */
  ping(): void {
    if (this.#isOpen) this.#socket.ping()
  }

  /** Calls back once, now or when less is waiting for the socket: before something large is sent. */
  whenRoom(call: () => void): void {
    if (this.#isOpen) this.#outbox.whenRoom(() => this.guarded(call))
  }

  /** Stops reading until {@link resume}: TCP holds the peer back. */
  pause(): void {
    this.#isPaused = true
    this.#readOrWait()
  }

  resume(): void {
    this.#isPaused = false
    this.#readOrWait()
  }

  /** Stops reading until less waits for the disk. What one read of the socket has brought already is still handled. */
  hold(): void {
    if (!this.#isOpen || this.#isHeld) return
    this.#isHeld = true
    this.#context.counters.holds++
    this.#context.backlog.hold(this)
    this.#readOrWait()
  }

  /** The address has used so much: where that was too much, nothing more is read for a while. */
  charge(measure: Measure, amount: number): void {
    this.holdFor(this.#context.limiter.take(measure, amount, [this.account]))
  }

  /** Stops reading for a while, since the peer sends more than it may: it is held back, and not closed. */
  holdFor(ms: number): void {
    if (!this.#isOpen || ms <= 0) return
    const until = this.#context.clock.now() + Math.max(ms, throttleMsMin)
    const isThrottled = this.#throttledUntil !== null
    this.#throttledUntil = Math.max(this.#throttledUntil ?? 0, until)
    if (isThrottled) return
    this.#context.counters.throttles++
    this.#throttle(Math.max(ms, throttleMsMin))
    this.#readOrWait()
  }

  reassure(): void {
    this.guarded(() => this.#handler?.reassure())
  }

  release(): void {
    this.#isHeld = false
    this.#readOrWait()
  }

  /** The relay is stopping: says so, and drops what still comes in, so that nothing new has to be committed. */
  leave(retryMs: number): void {
    this.guarded(() => this.#handler?.leaving(retryMs))
    this.#isReceiving = false
    this.#inbox.clear()
  }

  /** Closes the connection after all that is on its way was given to the socket. */
  finish(status: number, reason: string): void {
    this.#outbox.whenGiven(() => this.close(status, reason))
  }

  /** Closes the connection for what the peer sent, or for a bug of ours. */
  fail(status: number, error: unknown): void {
    if (!(error instanceof SynclineError)) {
      this.#context.exception(error)
      return this.#close({ status: 1011, code: 'internal' }, 'internal')
    }
    if (!this.#isOpen) return
    countRefusal(this.#context.counters, error)
    this.#context.logger.info(
      { event: 'connection_refused', error, status, address: this.#address },
      'a connection was refused',
    )
    this.#close({ status, code: error.code }, `${error.code}: ${error.message}`)
  }

  /**
   * Closes the connection; what the socket was not given yet is dropped. Where an address was refused too often, it is
   * told later: its clients come back whatever they are told.
   */
  close(status: number, reason: string): void {
    this.#close({ status, code: reason }, reason)
  }

  terminate(): void {
    this.#socket.terminate()
  }

  /** {@link beatMs} have passed. */
  beat(): void {
    this.guarded(() => this.#beat())
  }

  /** Runs what an event of this connection brings; an exception closes the connection, and harms nobody else. */
  guarded(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.fail(1011, error)
    }
  }

  #close(ending: Ending, reason: string): void {
    if (!this.#isOpen) return
    this.#ending = ending
    this.#end()
    const { status } = ending
    const ms = isFinal(status) ? this.#context.limiter.take('refusals', 1, [this.account]) : 0
    if (ms === 0) return this.#shut(status, reason)
    this.#socket.pause()
    this.#closingBeats = -Math.ceil(ms / beatMs)
    this.#cancelClosing = this.#context.clock.after(Math.ceil(ms), () => this.#shut(status, reason))
  }

  /** One line for each connection, with all that it came to. */
  #tell(): void {
    const { clock, logger } = this.#context
    const ms = clock.now() - this.#beganAt
    const fields = { event: 'connection_ended', address: this.#address, ms, ...this.traffic, ...this.#ending }
    logger.info(fields, 'a connection has ended')
  }

  #beat(): void {
    if (!this.#isOpen) {
      if (++this.#closingBeats > closingBeatsMax) this.#socket.terminate()
      return
    }
    this.#look()
    if (this.#silentBeats >= silentBeatsMax) return this.#socket.terminate()
    if (this.#silentBeats >= silentBeatsAsk) this.#handler?.ask()
    if (++this.#quietBeats >= quietBeatsMax) this.#handler?.quiet()
    if (this.#stalledBeats >= stalledBeatsMax) this.#closeSlowReader()
  }

  /** Compares with the last beat. Bytes count, not messages: a large one takes long on a thin line. */
  #look(): void {
    const { bytes, takenBytes } = this.#outbox
    const readBytes = this.#stream?.bytesRead ?? this.#heardBytes
    const takes = takenBytes !== this.#seen.takenBytes
    // where the kernel was full, it takes more only when the peer has acknowledged some
    const isHeard = readBytes !== this.#seen.readBytes || (takes && this.#seen.wasBacklogged)
    // one that is not read says nothing, and could not answer
    const isAlive = isHeard || this.#isUnread
    this.#silentBeats = isAlive ? 0 : this.#silentBeats + 1
    this.#stalledBeats = this.#seen.wasBacklogged && !takes ? this.#stalledBeats + 1 : 0
    this.#seen = { readBytes, takenBytes, wasBacklogged: bytes > 0 }
  }

  get #isUnread(): boolean {
    return this.#isPaused || this.#isHeld || this.#isOverfed || this.#isBusy || this.#throttledUntil !== null
  }

  #readOrWait(): void {
    if (!this.#isOpen) return this.#readEnd()
    if (this.#isHeld || this.#throttledUntil !== null) this.#context.reassurance.add(this)
    else this.#context.reassurance.remove(this)
    if (this.#isUnread) this.#socket.pause()
    else this.#socket.resume()
  }

  /** Its end is read, whatever it was held for, and what comes before that in slices. */
  #readEnd(): void {
    if (this.#isBusy || !this.#isShut) this.#socket.pause()
    else this.#socket.resume()
  }

  #throttle(ms: number): void {
    this.#cancelThrottle = this.#context.clock.after(Math.ceil(ms), () => {
      const leftMs = (this.#throttledUntil ?? 0) - this.#context.clock.now()
      // a clock that was set back does not keep it for longer than one that was not
      if (leftMs > 0 && leftMs <= waitMsMax) return this.#throttle(leftMs)
      this.#throttledUntil = null
      this.#readOrWait()
    })
  }

  #closeSlowReader(): void {
    this.#context.counters.slowReaders++
    this.fail(this.#handler?.slowReaderStatus ?? 1011, new SynclineError('slow_reader'))
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (!this.#isOpen || !this.#isReceiving) return
    if (!isBinary) return this.fail(4400, new SynclineError('malformed_frame', 'A text frame'))
    const frame = data as Buffer
    this.#receivedBytes += frame.length
    this.#receivedMessages++
    this.charge('bytes', frame.length)
    this.#inbox.push(owned(frame))
  }

  #take(frame: Uint8Array): Iterator<void> | null {
    if (!this.#isReceiving) return null
    const rest = this.#handler?.received(frame) ?? null
    if (this.#outbox.isFull) this.#waitUntilItTakesSome()
    return rest
  }

  /** Answers to what it says shall not pile up where it does not read them. */
  #waitUntilItTakesSome(): void {
    if (this.#isOverfed || !this.#isOpen) return
    this.#isOverfed = true
    this.#readOrWait()
    this.#outbox.whenRoom(() => {
      this.#isOverfed = false
      this.#readOrWait()
    })
  }

  #shut(status: number, reason: string): void {
    this.#isShut = true
    this.#socket.resume() // or the peer's own closing frame is never read
    this.#socket.close(status, closeReason(reason))
  }

  #end(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#context.backlog.forget(this)
    this.#context.reassurance.remove(this)
    this.#cancelThrottle()
    this.#inbox.clear()
    this.#outbox.clear()
    this.guarded(() => this.#handler?.ended())
  }
}

/**
 * Bytes that keep nothing else alive: a small frame may be a view into all that one read of the socket brought. They
 * are no Buffer, whose `slice` would not copy.
 */
function owned(frame: Buffer): Uint8Array {
  const { buffer, byteOffset, length } = frame
  return buffer.byteLength > 2 * length ? new Uint8Array(frame) : new Uint8Array(buffer, byteOffset, length)
}

/** Those that say that coming back is of no use. */
function isFinal(status: number): boolean {
  return status >= 4400 && status < 4500
}

const closeReasonBytesMax = 123 // RFC 6455

function closeReason(reason: string): Buffer {
  const bytes = Buffer.from(reason)
  if (bytes.length <= closeReasonBytesMax) return bytes
  let end = closeReasonBytesMax
  // not in the middle of a character
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.subarray(0, end)
}
