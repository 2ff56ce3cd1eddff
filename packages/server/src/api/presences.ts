import { randomBytes } from 'node:crypto'
import { encodeAwareness, type SessionId, SynclineError, unknownPoint } from '@syncline/protocol'
import type { RelayContext } from '../connection/context.js'
import type { Session, SharedReply } from '../rooms/session.js'
import type { Admission } from './admission.js'

// clients of y-protocols forget whom they have not heard of for 30 s
const renewMs = 15_000
const presencesMax = 10_000

/** A server-owned entry of awareness, as it is answered. */
export interface Presence {
  readonly client: number
  /** in ms since 1970 */
  readonly expiresAt: number
}

/** Entries of awareness that are owned by the server, each for some time: that a robot is at work, say. */
export class Presences {
  readonly #context: RelayContext
  readonly #entries = new Map<string, OwnedPresence>()

  constructor(context: RelayContext) {
    this.#context = context
  }

  /**
   * Puts an entry, or another state in its place.
   *
   * @throws SynclineError `document_busy` where there are too many
   */
  put(document: string, key: string, admission: Admission, state: object, ttlMs: number): Presence {
    const { subject } = admission
    const id = JSON.stringify([document, key])
    let presence = this.#entries.get(id)
    if (!presence || presence.isOver || presence.subject !== subject) {
      presence?.leave()
      if (this.#entries.size >= presencesMax) throw new SynclineError('document_busy', 'There are too many entries')
      presence = new OwnedPresence(this.#context, document, subject, (own) => {
        if (this.#entries.get(id) === own) this.#entries.delete(id)
      })
      if (!presence.isOver) this.#entries.set(id, presence)
    }
    return presence.say(admission, state, ttlMs)
  }

  /** @returns false where there is none */
  remove(document: string, key: string): boolean {
    const presence = this.#entries.get(JSON.stringify([document, key]))
    presence?.leave()
    return presence !== undefined
  }
}

/** One entry: a session of its own, which says it again and again. */
class OwnedPresence implements Session {
  readonly id: SessionId
  readonly subject: string
  readonly #context: RelayContext
  readonly #room: ReturnType<RelayContext['rooms']['open']>
  readonly #ended: (own: OwnedPresence) => void
  readonly #client = randomBytes(4).readUInt32LE()
  #admission: Admission | null = null
  #clock = 0
  #state: object = {}
  #expiresAt = 0
  #cancel = () => {}
  isOver = false

  constructor(context: RelayContext, document: string, subject: string, ended: (own: OwnedPresence) => void) {
    this.#context = context
    this.subject = subject
    this.#ended = ended
    this.id = context.nextSession()
    this.#room = context.rooms.open(document)
    const request = { type: 'open', name: document, resume: unknownPoint, stateVector: Uint8Array.of(0) } as const
    this.#room.join(this, { author: subject, access: 'read', echo: false }, request)
  }

  /** @param admission by which it is said; the entry goes where it ends */
  say(admission: Admission, state: object, ttlMs: number): Presence {
    this.#admission?.leave()
    this.#admission = admission
    admission.watch(() => this.leave())
    this.#state = state
    this.#expiresAt = this.#context.clock.now() + ttlMs
    this.#sayAgain()
    return { client: this.#client, expiresAt: this.#expiresAt }
  }

  leave(): void {
    this.#room.leave(this)
  }

  deliver(_reply: SharedReply): void {}

  ended(): void {
    if (this.isOver) return
    this.isOver = true
    this.#cancel()
    this.#admission?.leave()
    this.#ended(this)
  }

  #sayAgain(): void {
    this.#cancel()
    const entry = { clock: ++this.#clock, state: JSON.stringify(this.#state) }
    this.#room.receive(this, { type: 'awareness', update: encodeAwareness(new Map([[this.#client, entry]])) })
    const leftMs = this.#expiresAt - this.#context.clock.now()
    this.#cancel = this.#context.clock.after(Math.min(renewMs, Math.max(0, leftMs)), () => {
      if (this.#context.clock.now() >= this.#expiresAt) this.leave()
      else this.#sayAgain()
    })
  }
}
