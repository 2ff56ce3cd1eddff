import { randomBytes } from 'node:crypto'
import { type AwarenessEntry, encodeAwareness, type SessionId, unknownPoint } from '@syncline/protocol'
import { relayDocument } from '../auth/authorize.js'
import type { RelayContext } from '../connection/context.js'
import type { LiveRoom } from '../rooms/liveRoom.js'
import type { Session, SharedReply } from '../rooms/session.js'
import type { Overseer } from './overview.js'

const tickMs = 1_000
// a session may have 64 clients, each with a state of some bytes: see `Limits`
const envelopeBytes = 100

/**
 * Tells operators what the relay does, once a second, for as long as one of them has the relay's own document open. It is
 * told as awareness, which is stored nowhere: the JSON of an overview in pieces, each the state of a client.
 */
export class Broadcast {
  readonly #context: RelayContext
  readonly #overseer: Overseer
  #room: LiveRoom | null = null
  #session: Session | null = null
  #clients: number[] = []
  #clock = 0
  #cancel = () => {}

  constructor(context: RelayContext, overseer: Overseer) {
    this.#context = context
    this.#overseer = overseer
  }

  /** Somebody is about to open the relay's document. */
  begin(): void {
    if (this.#session !== null) return
    const session = new Speaker(this.#context.nextSession(), () => this.#stopped())
    this.#session = session
    const { awarenessClientsMax } = this.#context.limits
    this.#clients = Array.from({ length: awarenessClientsMax }, () => randomBytes(4).readUInt32LE())
    queueMicrotask(() => this.#join(session))
  }

  close(): void {
    this.#cancel()
    if (this.#session) this.#room?.leave(this.#session)
  }

  #join(session: Session): void {
    try {
      this.#room = this.#context.rooms.open(relayDocument)
      const opening = {
        type: 'open',
        name: relayDocument,
        resume: unknownPoint,
        stateVector: Uint8Array.of(0),
      } as const
      this.#room.join(session, { author: '', access: 'read', echo: false }, opening)
      this.#tick()
    } catch {
      this.#stopped() // whoever wanted to hear it is refused for the same reason
    }
  }

  #tick(): void {
    this.#cancel = this.#context.clock.after(tickMs, () => this.#tick())
    void this.#say().catch((error: unknown) => this.#context.exception(error))
  }

  async #say(): Promise<void> {
    const overview = await this.#overseer.look()
    if (this.#session === null || this.#room === null) return
    if (this.#room.clients.length === 0) return this.close()
    const { awarenessStateBytesMax } = this.#context.limits
    const length = awarenessStateBytesMax - envelopeBytes
    const pieces = piecesOf(overview, length, this.#clients.length)
    const clock = ++this.#clock
    const entries = this.#clients.map((client, piece): [number, AwarenessEntry] => {
      const text = pieces[piece]
      const state = text === undefined ? null : JSON.stringify({ clock, piece, pieces: pieces.length, text })
      return [client, { clock, state }]
    })
    this.#room.receive(this.#session, { type: 'awareness', update: encodeAwareness(new Map(entries)) })
  }

  #stopped(): void {
    this.#cancel()
    this.#session = null
    this.#room = null
  }
}

/** As many documents as fit into the pieces that there may be. */
function piecesOf(
  overview: { readonly documents: readonly unknown[] },
  length: number,
  piecesMax: number,
): readonly string[] {
  for (let documents = overview.documents; ; documents = documents.slice(0, documents.length / 2)) {
    // in base64 a character is a byte, also within JSON
    const text = Buffer.from(JSON.stringify({ ...overview, documents })).toString('base64')
    const pieces = text.match(new RegExp(`.{1,${Math.max(1, length)}}`, 'g')) ?? []
    if (pieces.length <= piecesMax || documents.length === 0) return pieces.slice(0, piecesMax)
  }
}

class Speaker implements Session {
  readonly id: SessionId
  readonly #stopped: () => void

  constructor(id: SessionId, stopped: () => void) {
    this.id = id
    this.#stopped = stopped
  }

  deliver(_reply: SharedReply): void {}

  ended(): void {
    this.#stopped()
  }
}
