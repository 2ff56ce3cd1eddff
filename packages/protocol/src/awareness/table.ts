import type { Limits } from '../limits.js'
import type { SessionId } from '../room/types.js'
import type { AwarenessEntries, AwarenessEntry } from './codec.js'

// clients that have gone lately: an echo comes within a round trip, so that a few would do
const departedMax = 1_024

interface Identity {
  entry: AwarenessEntry
  owner: SessionId
  author: string
  /** what another session said that is newer than the entry: it takes over when the owner leaves */
  heir: { readonly session: SessionId; readonly entry: AwarenessEntry } | null
}

interface Speaker {
  /** the client that the session speaks for, null where it never said which */
  readonly self: number | null
  readonly owned: Set<number>
}

interface Departure {
  readonly clock: number
  /** the session that said its own goodbye and is still here: nobody else brings that client back */
  readonly by: SessionId | null
}

/**
 * The awareness of one room: who is where. A client id belongs to the session that first claimed it, or to the same
 * subject coming back; what others say of it is ignored, since tabs of y-websocket forward each other's states. For
 * the same reason an id that was claimed for a sibling goes to the session that speaks for it.
 */
export class AwarenessTable {
  readonly #identities = new Map<number, Identity>()
  readonly #sessions = new Map<SessionId, Speaker>()
  /** clients that have gone: an echo of what they said does not bring them back */
  readonly #departed = new Map<number, Departure>()
  readonly #clientsMax: number
  readonly #roomClientsMax: number

  constructor(limits: Pick<Limits, 'awarenessClientsMax' | 'roomAwarenessClientsMax'>) {
    this.#clientsMax = limits.awarenessClientsMax
    this.#roomClientsMax = limits.roomAwarenessClientsMax
  }

  /** Everyone's entry, for a session that joins. */
  get entries(): AwarenessEntries {
    return new Map(Array.from(this.#identities, ([client, { entry }]) => [client, entry]))
  }

  /** Takes what a session says; the result is what is news to others. */
  apply(session: SessionId, author: string, entries: AwarenessEntries): Map<number, AwarenessEntry> {
    const news = new Map<number, AwarenessEntry>()
    if (!this.#sessions.has(session)) this.#introduce(session, entries)
    for (const [client, entry] of entries) {
      const identity = this.#identities.get(client)
      const taken = identity
        ? this.#renew(identity, client, session, author, entry)
        : this.#claim(client, session, author, entry)
      if (taken) news.set(client, entry)
    }
    return news
  }

  /** Forgets a session; the result is what its peers have to be told. */
  drop(session: SessionId): Map<number, AwarenessEntry> {
    const news = new Map<number, AwarenessEntry>()
    const speaker = this.#sessions.get(session)
    if (speaker === undefined) return news
    this.#sessions.delete(session)
    for (const client of speaker.owned) {
      const { entry, author, heir } = this.#identities.get(client) as Identity
      this.#identities.delete(client)
      // y-protocols takes null at an equal clock: the owner finds its own clock unchanged when it comes back
      const isNewer = heir !== null && heir.session !== session && heir.entry.clock > entry.clock
      const inherited = isNewer && this.#claim(client, heir.session, author, heir.entry)
      if (!inherited) this.#depart(client, { clock: entry.clock, by: null })
      news.set(client, inherited ? heir.entry : { clock: entry.clock, state: null })
    }
    const farewell = this.#departed.get(speaker.self ?? -1)
    if (farewell?.by === session) this.#depart(speaker.self as number, { clock: farewell.clock, by: null })
    for (const identity of this.#identities.values()) if (identity.heir?.session === session) identity.heir = null
    return news
  }

  // the first word of each client that is known tells of itself alone, before it has heard of anyone
  #introduce(session: SessionId, entries: AwarenessEntries): void {
    const [first = null] = entries.keys()
    this.#sessions.set(session, { self: entries.size === 1 ? first : null, owned: new Set() })
  }

  #speaksFor(session: SessionId, client: number): boolean {
    return this.#sessions.get(session)?.self === client
  }

  #claim(client: number, session: SessionId, author: string, entry: AwarenessEntry): boolean {
    const { clock, by } = this.#departed.get(client) ?? { clock: -1, by: null }
    if (entry.state === null || entry.clock <= clock) return false
    // a provider of y-websocket that is destroyed hears of it from its siblings, says that it is there, and is gone
    if (by !== null && by !== session && !this.#speaksFor(session, client)) return false
    const owned = this.#sessions.get(session)?.owned
    if (owned === undefined || owned.size >= this.#clientsMax) return false
    if (this.#identities.size >= this.#roomClientsMax) return false
    owned.add(client)
    this.#identities.set(client, { entry, owner: session, author, heir: null })
    this.#departed.delete(client)
    return true
  }

  #renew(identity: Identity, client: number, session: SessionId, author: string, entry: AwarenessEntry): boolean {
    if (identity.owner !== session) {
      if (!this.#mayTakeOver(identity, client, session, author)) {
        // clients of y-websocket say again what they hear: an equal clock is an echo
        if (entry.state !== null && entry.clock > identity.entry.clock) identity.heir = { session, entry }
        else if (entry.state === null && identity.heir?.session === session) identity.heir = null
        return false
      }
      this.#sessions.get(identity.owner)?.owned.delete(client)
      this.#sessions.get(session)?.owned.add(client)
      identity.owner = session
      identity.author = author
    }
    const { clock } = identity.entry
    if (entry.clock < clock || (entry.clock === clock && entry.state !== null)) return false
    if (entry.state === null) this.#forget(client, session, entry.clock)
    else identity.entry = entry
    return true
  }

  #mayTakeOver({ owner, author }: Identity, client: number, session: SessionId, newAuthor: string): boolean {
    const sameSubject = author !== '' && author === newAuthor
    const isSelf = this.#speaksFor(session, client)
    return this.#speaksFor(owner, client) ? sameSubject && isSelf : sameSubject || isSelf
  }

  #forget(client: number, session: SessionId, clock: number): void {
    this.#identities.delete(client)
    this.#depart(client, { clock, by: this.#speaksFor(session, client) ? session : null })
    this.#sessions.get(session)?.owned.delete(client)
  }

  #depart(client: number, departure: Departure): void {
    this.#departed.set(client, departure)
    if (this.#departed.size > departedMax) this.#departed.delete(this.#departed.keys().next().value as number)
  }
}
