import type { SessionId, SessionRequest } from '@syncline/protocol'
import type { SessionWire } from '../../packages/server/src/connection/clientSession.js'
import type { DialectSession } from '../../packages/server/src/dialects/dialectSession.js'
import { HocuspocusDocument } from '../../packages/server/src/dialects/hocuspocusDocument.js'
import { decodeHocuspocus } from '../../packages/server/src/dialects/hocuspocusMessages.js'
import { YWebsocketConnection } from '../../packages/server/src/dialects/yWebsocket.js'
import { Account } from '../../packages/server/src/limits/account.js'
import { SharedReply } from '../../packages/server/src/rooms/session.js'
import type { Link } from './link.js'
import type { RelayEnd, SimRelay } from './relay.js'

type Open = Extract<SessionRequest, { type: 'open' }>

const visitor = { url: '', headers: {}, address: '' }
const account = new Account({})
// nothing of it ends
const clock = { now: () => 0, after: () => () => {} }

/** A session that everybody gets, in place of the one with grants and rates that a relay has. */
class SimDialectSession implements DialectSession {
  readonly access = 'write'
  readonly expiresAt = null
  readonly #relay: SimRelay
  readonly #end: RelayEnd
  readonly #wire: SessionWire
  #session: SessionId | null = null
  #isOver = false

  constructor(relay: SimRelay, end: RelayEnd, wire: SessionWire) {
    this.#relay = relay
    this.#end = end
    this.#wire = wire
  }

  /** Later, as where somebody is asked who may open it. */
  async open(request: Open): Promise<void> {
    this.#relay.later(0, () => {
      if (!this.#isOver) this.#join(request)
    })
  }

  #join(request: Open): void {
    const session = this.#relay.openSession(this.#end, request.name, {
      deliver: (reply) => this.#wire.deliver(new SharedReply(reply)),
      ended: () => {
        this.#session = null
        this.#wire.ended()
      },
    })
    this.#session = session
    const profile = { author: '', access: this.access, echo: this.#wire.echo } as const
    this.#relay.input(request.name, { type: 'joined', session, profile, request })
  }

  receive(request: SessionRequest): void {
    if (this.#session === null || request.type === 'open' || request.type === 'signal') return
    this.#relay.ask(this.#session, request)
  }

  fail(error: unknown): void {
    throw error
  }

  async reauthorize(): Promise<void> {}

  setCongested(): void {}

  leave(): void {
    this.#isOver = true
  }
}

/** The relay's end of a link with a y-websocket client: the production translator, on this link. */
export class YEnd implements RelayEnd {
  link!: Link
  readonly #relay: SimRelay
  readonly #connection: YWebsocketConnection
  #isPaused = false
  #unread: Uint8Array[] = []

  constructor(relay: SimRelay, document: string) {
    this.#relay = relay
    const open = new Set([document])
    const link = {
      account,
      ...unlimited,
      send: (_: number, frames: readonly Uint8Array[]) => {
        for (const frame of frames) {
          relay.scan(frame, open)
          this.link.sendTo('client', frame)
        }
      },
      pause: () => {
        this.#isPaused = true
      },
      resume: () => relay.later(0, () => this.#resume()),
      close: (_: number, reason: string) => {
        throw new Error(`a y-websocket client was closed: ${reason}`)
      },
      fail: (_: number, error: unknown) => {
        throw error
      },
      ping: () => {},
    }
    this.#connection = new YWebsocketConnection(
      link,
      (wire) => new SimDialectSession(relay, this, wire),
      document,
      visitor,
    )
  }

  received(frame: Uint8Array): void {
    if (this.#isPaused) this.#unread.push(frame)
    else this.#connection.received(frame)
  }

  lost(): void {
    this.#connection.ended()
    this.#relay.disconnected(this)
  }

  #resume(): void {
    this.#isPaused = false
    for (const frame of this.#unread.splice(0)) this.#connection.received(frame)
  }
}

/** The relay's end of a link with Hocuspocus providers: the production translator for each of their documents. */
export class HocuspocusEnd implements RelayEnd {
  link!: Link
  readonly #relay: SimRelay
  readonly #documents = new Map<string, HocuspocusDocument>()

  constructor(relay: SimRelay) {
    this.#relay = relay
  }

  received(bytes: Uint8Array): void {
    const frame = decodeHocuspocus(bytes)
    if (frame.type !== 'document' || frame.request === null) return
    const { key, request } = frame
    const open = this.#documents.get(key)
    if (open) return open.receive(request)
    if (request.type === 'token') this.#open(key, request.token)
  }

  lost(): void {
    for (const document of this.#documents.values()) document.leave()
    this.#relay.disconnected(this)
  }

  #open(key: string, token: string): void {
    const open = new Set([key])
    const wire = {
      key,
      name: key,
      account,
      clock,
      ...unlimited,
      credentials: () => ({ token, visitor }),
      send: (frames: readonly Uint8Array[]) => {
        for (const frame of frames) {
          this.#relay.scan(frame, open)
          this.link.sendTo('client', frame)
        }
      },
      reauthorizing: () => {},
      opened: () => {},
      drop: () => {},
      later: (call: () => void) => this.#relay.later(0, call),
      lost: (reason: string) => {
        throw new Error(`a provider lost its document: ${reason}`)
      },
      ended: () => this.#documents.delete(key),
    }
    const newSession = (sessionWire: SessionWire) => new SimDialectSession(this.#relay, this, sessionWire)
    const document = new HocuspocusDocument(wire, Number.POSITIVE_INFINITY, newSession)
    this.#documents.set(key, document)
    document.open(token, 0)
  }
}

const unlimited = {
  charge: () => {},
  hold: () => {},
  holdFor: () => {},
  whenRoom: (call: () => void) => call(),
}
