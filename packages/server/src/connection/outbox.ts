import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import { framed } from './frame.js'
import { Interleaver } from './interleaver.js'
import type { LinkSocket } from './socket.js'
import { atEndOfTurn, type TurnEnd } from './turn.js'

// a frame goes out in fragments of this size, so that a reader's progress is seen before a large one is through
const fragmentBytes = 64 * 1024
// while more waits, no further document is begun: whoever asks for one after the other has to read them
const fullBytes = 16 * 1024 * 1024
// the same in messages: the smallest have three bytes, and take a hundred of memory
const fullMessages = 20_000

/** How an outbox sends. */
export interface OutboxOptions {
  /** bytes that are given to the socket at once, and that may wait beside them before a channel is congested */
  readonly bytesHigh: number
  /** puts messages into WebSocket messages */
  readonly pack: (messages: Uint8Array[]) => readonly Uint8Array[]
  /** a channel's reader does not keep up, or does again; called between turns */
  readonly onCongested: (channel: number, isCongested: boolean) => void
  /** told of what sending has thrown */
  readonly failed: (error: unknown) => void
}

/** What is below a WebSocket: what is written to it is in order with the frames that `ws` writes itself. */
type Stream = Pick<Socket, 'write' | 'writableLength' | 'bytesWritten'>

// of most sockets nothing waits: what would hold it is not there, and a broadcast touches little of each
const noFrames: Uint8Array[] = []
const noChannels: ReadonlySet<number> = new Set()

/**
 * What is on its way to one socket. All that one turn of the event loop produces goes out together, channels take
 * turns, and the socket is given no more than it can take: what waits here can be counted and shared.
 */
export class Outbox implements TurnEnd {
  readonly #socket: LinkSocket
  readonly #stream: Stream | null
  readonly #options: OutboxOptions
  #messages: Interleaver | null = null
  /** a message that waits alone, outside of `#messages`: what most turns bring to most sockets */
  #lone: Uint8Array | null = null
  #loneChannel = 0
  #congested: Set<number> | null = null
  #frames = noFrames
  #firstFrameSent = 0
  #frameBytes = 0
  /** of those frames, what the socket was given and the kernel has not taken */
  #givenBytes = 0
  /** of all that the socket was given, what has gone */
  #goneBytes = 0
  #whenRoom: (() => void)[] | null = null
  #onGiven: (() => void) | null = null
  #isFlushing = false
  #sentBytes = 0
  #sentMessages = 0

  /** @param stream null where it is none that counts its bytes: then all goes through the WebSocket */
  constructor(socket: LinkSocket, stream: Stream | null, options: OutboxOptions) {
    this.#socket = socket
    this.#stream = stream
    this.#options = options
  }

  /** bytes that the kernel has not taken yet */
  get bytes(): number {
    return this.#waitingBytes + (this.#stream?.writableLength ?? this.#givenBytes)
  }

  /** True where so much waits that its reader is to take some of it before it asks for more. */
  get isFull(): boolean {
    return this.#waitingBytes >= fullBytes || (this.#messages?.count ?? 0) >= fullMessages
  }

  /** bytes that the kernel has taken since the beginning: a reader makes progress where this grows */
  get takenBytes(): number {
    return this.#stream === null ? this.#goneBytes : this.#stream.bytesWritten - this.#stream.writableLength
  }

  /** payload of the WebSocket messages that the socket was given since the beginning */
  get sentBytes(): number {
    return this.#sentBytes
  }

  /** their number; one in fragments counts once */
  get sentMessages(): number {
    return this.#sentMessages
  }

  /** Sends messages at the end of the turn, in order within their channel. */
  push(channel: number, messages: readonly Uint8Array[]): void {
    if (messages.length === 1 && this.#waitingBytes === 0) {
      this.#lone = messages[0]!
      this.#loneChannel = channel
    } else {
      this.#queueLone()
      this.#queue(channel, messages)
    }
    if (this.#isFlushing) return
    this.#isFlushing = true
    atEndOfTurn(this)
  }

  endTurn(): void {
    this.#isFlushing = false
    this.#tryToGive()
  }

  /** Calls back once, when the socket was given all that is waiting. */
  whenGiven(call: () => void): void {
    this.#onGiven = call
    if (this.#waitingBytes === 0) this.#settle()
  }

  /** Calls back once, now or when less is waiting: before something large is sent. */
  whenRoom(call: () => void): void {
    this.#whenRoom ??= []
    this.#whenRoom.push(call)
    this.#goOn()
  }

  /** Drops what waits on a channel; where a message was begun, its reader gets no end of it. */
  drop(channel: number): void {
    this.#messages?.drop(channel)
    this.#congested?.delete(channel)
  }

  /** Drops what the socket was not given yet. */
  clear(): void {
    this.#messages?.clear()
    this.#lone = null
    this.#whenRoom = null
    this.#frames = noFrames
    this.#frameBytes = 0
  }

  get #waitingBytes(): number {
    return (this.#messages?.bytes ?? 0) + this.#frameBytes + (this.#lone?.length ?? 0)
  }

  #queue(channel: number, messages: readonly Uint8Array[]): void {
    this.#messages ??= new Interleaver()
    this.#messages.push(channel, messages)
  }

  #queueLone(): void {
    if (this.#lone !== null) this.#queue(this.#loneChannel, [this.#lone])
    this.#lone = null
  }

  #settle(): void {
    const call = this.#onGiven
    this.#onGiven = null
    call?.()
  }

  #tryToGive(): void {
    try {
      this.#give()
    } catch (error) {
      this.#options.failed(error)
    }
  }

  #give(): void {
    const swift = this.#isSwift ? this.#stream : null
    if (swift !== null) this.#giveSwiftly(swift)
    else this.#queueLone()
    while (this.#givenBytes < this.#options.bytesHigh && this.#fillFrames()) this.#giveFragment(this.#frames[0]!)
    // a broadcast to many is here for each: what nobody asked for is not even looked at
    if (this.#messages !== null) this.#watchCongestion(this.#messages)
    if (this.#whenRoom !== null) this.#goOn()
    if (this.#onGiven !== null && this.#waitingBytes === 0) this.#settle()
  }

  /** True where the kernel has taken all before, and takes what waits in one write: nobody has to learn when it has. */
  get #isSwift(): boolean {
    return (
      this.#stream?.writableLength === 0 &&
      this.#waitingBytes <= fragmentBytes &&
      this.#frames.length === 0 &&
      // after a closing frame there must be no other
      this.#socket.readyState === WebSocket.OPEN
    )
  }

  #giveSwiftly(stream: Stream): void {
    const frames = this.#lone === null ? this.#takeFrames() : [this.#lone]
    this.#lone = null
    // a write for each would cost ten times as much
    if (frames.length === 1) stream.write(framed(frames[0]!))
    else if (frames.length > 1) stream.write(Buffer.concat(frames.map(framed)))
    for (const { length } of frames) this.#sentBytes += length
    this.#sentMessages += frames.length
  }

  #takeFrames(): readonly Uint8Array[] {
    if (this.#messages === null || this.#messages.bytes === 0) return noFrames
    return this.#options.pack(this.#messages.take(fragmentBytes))
  }

  /** True where there is a frame to send. */
  #fillFrames(): boolean {
    if (this.#frames.length === 0) {
      this.#frames = [...this.#takeFrames()]
      for (const { length } of this.#frames) this.#frameBytes += length
    }
    return this.#frames.length > 0
  }

  #giveFragment(frame: Uint8Array): void {
    const from = this.#firstFrameSent
    const to = Math.min(from + fragmentBytes, frame.length)
    const isLast = to === frame.length
    if (isLast) this.#frames.shift()
    this.#firstFrameSent = isLast ? 0 : to
    const bytes = to - from
    this.#frameBytes -= bytes
    this.#givenBytes += bytes
    this.#sentBytes += bytes
    if (isLast) this.#sentMessages++
    this.#socket.send(frame.subarray(from, to), { binary: true, fin: isLast }, (error) => {
      this.#givenBytes -= bytes
      this.#goneBytes += bytes
      if (!error) this.#tryToGive()
    })
  }

  /**
   * A channel is congested where it has more than its share waiting: a large document that is being sent does not hold
   * back the small ones beside it, and all of them together are bounded.
   */
  #watchCongestion(messages: Interleaver): void {
    if (messages.bytes === 0 && this.#congested === null) return
    const congested = this.#congested ?? noChannels
    const share = this.#options.bytesHigh / Math.max(1, messages.channels)
    for (const channel of congested) {
      // not the mark at which it began: a channel that hovers there would change its mind every time
      if (messages.bytesOf(channel) <= share / 2) this.#setCongested(channel, false)
    }
    for (const [channel, bytes] of messages.waiting()) {
      if (bytes > share && !congested.has(channel)) this.#setCongested(channel, true)
    }
  }

  #goOn(): void {
    while (this.#whenRoom !== null && !this.isFull) {
      const call = this.#whenRoom.shift()
      if (call === undefined) this.#whenRoom = null
      else call()
    }
  }

  #setCongested(channel: number, isCongested: boolean): void {
    this.#congested ??= new Set()
    if (isCongested) this.#congested.add(channel)
    else this.#congested.delete(channel)
    if (this.#congested.size === 0) this.#congested = null
    this.#options.onCongested(channel, isCongested)
  }
}
