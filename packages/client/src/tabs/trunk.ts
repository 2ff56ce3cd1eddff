import { bodyTypes, type Channel, packFrames, readEnvelopes, writeEnvelope } from '@syncline/protocol'
import type { Backoff } from '../backoff.js'
import { closeCodes, type LinkEnd } from '../link.js'
import { guarded, report } from '../listeners.js'
import { Pulse } from '../pulse.js'
import type { Clock, TransportKind, WebSocketLike } from '../types.js'

/** A tab's end of what the leader carries for it: a socket whose other end is the trunk. */
export interface Member {
  /** @param transport what carries it */
  opened(transport: TransportKind): void
  /** a frame of the relay, with the channels of this member */
  deliver(frame: Uint8Array): void
  /** the last that it hears */
  closed(end: LinkEnd): void
}

/** The channels of one member: its own number → that on the socket. */
type Channels = Map<Channel, Channel>

const connectionChannel = 0

/**
 * The leader's WebSocket, shared by the members, each of which speaks protocol 1 as if it were alone. Sessions are told
 * apart by their channels: a message gets another channel number on its way and is not looked into. About the connection
 * there is one `hello` for all, and each end's `ping` is answered here.
 *
 * Invariants: a channel number is used once on a socket. What is delivered to a member came in that order.
 */
export class Trunk {
  readonly #openSocket: () => WebSocketLike
  readonly #clock: Clock
  readonly #silenceMsMax: number
  readonly #backoff: Backoff
  /** resolves with whether this tab still leads, before what came in is handled */
  readonly #mayRead: () => true | Promise<boolean>
  readonly #opened: () => void
  readonly #members = new Map<Member, Channels>()
  /** channel on the socket → whose it is */
  readonly #owners = new Map<Channel, { readonly member: Member; readonly channel: Channel }>()
  #socket: WebSocketLike | null = null
  #pulse: Pulse | null = null
  #isOpen = false
  #isGreeted = false
  #isEnded = false
  #waits = false
  #welcome: Uint8Array | null = null
  #lastChannel = 0
  /** what is to be done with what came while it was not known whether this tab still leads */
  #held: (() => void)[] | null = null

  constructor(
    openSocket: () => WebSocketLike,
    clock: Clock,
    silenceMsMax: number,
    backoff: Backoff,
    events: { mayRead(): true | Promise<boolean>; opened(): void },
  ) {
    this.#openSocket = openSocket
    this.#clock = clock
    this.#silenceMsMax = silenceMsMax
    this.#backoff = backoff
    this.#mayRead = events.mayRead
    this.#opened = events.opened
  }

  /** @param urgent not to wait for the time at which the next attempt is due */
  attach(member: Member, urgent: boolean): void {
    this.#members.set(member, new Map())
    if (this.#isOpen) member.opened(this.#transport)
    else if (this.#socket === null && (urgent || !this.#waits)) this.#connect()
  }

  /** The member is gone, and with it its sessions; with the last one the socket. */
  detach(member: Member): void {
    const channels = this.#members.get(member)
    if (!channels) return
    this.#members.delete(member)
    for (const channel of channels.values()) {
      this.#owners.delete(channel)
      this.#send([writeEnvelope({ channel, body: Uint8Array.of(bodyTypes.close) })])
    }
    if (this.#members.size === 0) this.#hangUp({ code: closeCodes.done, reason: '' })
  }

  /** A frame of a member. */
  received(member: Member, frame: Uint8Array): void {
    const channels = this.#members.get(member)
    if (!channels || !this.#isOpen) return
    const messages: Uint8Array[] = []
    for (const { channel, body } of readEnvelopes(frame)) {
      if (channel === connectionChannel) this.#aboutConnection(member, body, messages)
      else messages.push(writeEnvelope({ channel: this.#channelOf(member, channels, channel, body), body }))
    }
    this.#send(messages, frame.length)
  }

  /** Every member is told, and the socket is closed. */
  end(end: LinkEnd): void {
    this.#isEnded = true
    this.#backoff.cancel()
    this.#hangUp(end)
    this.#closeMembers(end)
  }

  #channelOf(member: Member, channels: Channels, channel: Channel, body: Uint8Array): Channel {
    const known = channels.get(channel)
    const number = known ?? ++this.#lastChannel
    if (body[0] === bodyTypes.close) {
      channels.delete(channel)
      this.#owners.delete(number)
    } else if (known === undefined) {
      channels.set(channel, number)
      this.#owners.set(number, { member, channel })
    }
    return number
  }

  #aboutConnection(member: Member, body: Uint8Array, messages: Uint8Array[]): void {
    switch (body[0]) {
      case bodyTypes.hello:
        if (this.#welcome) member.deliver(this.#welcome)
        if (this.#isGreeted) return
        this.#isGreeted = true
        break
      case bodyTypes.ping:
        // whoever asks wants to know of the relay, not of this tab
        this.#pulse?.probe()
        return member.deliver(aboutConnection(bodyTypes.pong))
      case bodyTypes.pong:
        return
    }
    messages.push(writeEnvelope({ channel: connectionChannel, body }))
  }

  // The socket

  get #transport(): TransportKind {
    return this.#socket?.transport ?? 'websocket'
  }

  #connect(): void {
    this.#waits = false
    this.#backoff.cancel()
    try {
      const socket = this.#openSocket()
      this.#socket = socket
      socket.binaryType = 'arraybuffer'
      socket.onopen = () => this.#socketOpened()
      socket.onmessage = (event: { readonly data: unknown }) => this.#socketReceived(event.data)
      socket.onclose = ({ code, reason }: LinkEnd) => {
        this.#isOpen = false
        const lost = () => this.#socket === socket && this.#lost({ code, reason })
        if (this.#held) this.#held.push(lost)
        else lost()
      }
      socket.onerror = () => undefined
      const ask = () => this.#send([aboutConnection(bodyTypes.ping)])
      this.#pulse = new Pulse(this.#clock, this.#silenceMsMax, ask, () => this.#fail(closeCodes.silent, 'No answer'))
    } catch (error) {
      if (this.#backoff.failures === 0) report(error)
      // not before whoever attaches has returned
      queueMicrotask(() => this.#socket === null && !this.#isEnded && this.#lost({ code: 1006, reason: String(error) }))
    }
  }

  #socketOpened(): void {
    this.#isOpen = true
    this.#pulse?.heard()
    for (const member of [...this.#members.keys()]) member.opened(this.#transport)
    this.#opened()
  }

  #socketReceived(data: unknown): void {
    this.#pulse?.heard()
    if (!(data instanceof ArrayBuffer)) return this.#fail(closeCodes.malformed, 'A text frame')
    const act = () => this.#distribute(new Uint8Array(data))
    if (this.#held) return void this.#held.push(act)
    const may = this.#mayRead()
    if (may === true) return act()
    const held = [act]
    this.#held = held
    void may.then((still) => {
      // the socket may be another one
      if (this.#held !== held) return
      this.#held = null
      if (still) for (const act of held) act()
    })
  }

  #distribute(frame: Uint8Array): void {
    try {
      const parcels = new Map<Member, Uint8Array[]>()
      for (const { channel, body } of readEnvelopes(frame)) {
        if (channel === connectionChannel) this.#fromConnection(body, parcels)
        else this.#fromSession(channel, body, parcels)
      }
      for (const [member, messages] of parcels) {
        for (const joined of packFrames(messages, Number.POSITIVE_INFINITY)) member.deliver(joined)
      }
    } catch (error) {
      this.#fail(closeCodes.malformed, String(error))
    }
  }

  #fromConnection(body: Uint8Array, parcels: Map<Member, Uint8Array[]>): void {
    if (body[0] === bodyTypes.ping) return this.#send([aboutConnection(bodyTypes.pong)])
    if (body[0] === bodyTypes.pong) return
    const message = writeEnvelope({ channel: connectionChannel, body })
    if (body[0] === bodyTypes.welcome) {
      this.#welcome = message
      this.#backoff.succeeded()
    }
    for (const member of this.#members.keys()) put(parcels, member, message)
  }

  #fromSession(number: Channel, body: Uint8Array, parcels: Map<Member, Uint8Array[]>): void {
    const owner = this.#owners.get(number)
    // the last of a session that its member has closed
    if (!owner) return
    put(parcels, owner.member, writeEnvelope({ channel: owner.channel, body }))
    if (body[0] !== bodyTypes.refused && body[0] !== bodyTypes.closed) return
    this.#owners.delete(number)
    this.#members.get(owner.member)?.delete(owner.channel)
  }

  /** @param frameBytes a frame of these messages was no larger */
  #send(messages: readonly Uint8Array[], frameBytes = 0): void {
    if (!this.#isOpen) return
    for (const frame of packFrames(messages, frameBytes)) {
      this.#pulse?.sent(frame.length)
      this.#socket?.send(frame as Uint8Array<ArrayBuffer>)
    }
  }

  #fail(code: number, reason: string): void {
    this.#hangUp({ code, reason })
    this.#lost({ code, reason })
  }

  #lost(end: LinkEnd): void {
    this.#forgetSocket()
    this.#waits = true
    this.#backoff.retry(() => {
      this.#waits = false
      if (this.#members.size > 0) this.#connect()
    })
    this.#closeMembers(end)
  }

  #closeMembers(end: LinkEnd): void {
    const members = [...this.#members.keys()]
    this.#members.clear()
    for (const member of members) guarded(() => member.closed(end))
  }

  #hangUp({ code, reason }: LinkEnd): void {
    const socket = this.#socket
    if (socket === null) return
    this.#forgetSocket()
    socket.onopen = null
    socket.onmessage = null
    socket.onclose = null
    socket.close(code, reason.slice(0, 100))
  }

  #forgetSocket(): void {
    this.#pulse?.stop()
    this.#pulse = null
    this.#socket = null
    this.#isOpen = false
    this.#isGreeted = false
    this.#welcome = null
    this.#held = null
    this.#lastChannel = 0
    this.#owners.clear()
    for (const channels of this.#members.values()) channels.clear()
  }
}

function aboutConnection(type: number): Uint8Array {
  return writeEnvelope({ channel: connectionChannel, body: Uint8Array.of(type) })
}

function put(parcels: Map<Member, Uint8Array[]>, member: Member, message: Uint8Array): void {
  const messages = parcels.get(member)
  if (messages) messages.push(message)
  else parcels.set(member, [message])
}
