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

/**
 * The awareness of one room: who is where. A client id belongs to the session that first claimed it, or to the same
 * subject coming back; what others say of it is ignored, since tabs of y-websocket forward each other's states.
 */
export class AwarenessTable {
  readonly #identities = new Map<number, Identity>()
  readonly #owned = new Map<SessionId, Set<number>>()
  /** the last clocks of clients that have gone: an echo of what they said does not bring them back */
  readonly #departed = new Map<number, number>()
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
    for (const client of this.#owned.get(session) ?? []) {
      const { entry, author, heir } = this.#identities.get(client) as Identity
      this.#identities.delete(client)
      // y-protocols takes null at an equal clock: the owner finds its own clock unchanged when it comes back
      const isNewer = heir !== null && heir.session !== session && heir.entry.clock > entry.clock
      const inherited = isNewer && this.#claim(client, heir.session, author, heir.entry)
      if (!inherited) this.#depart(client, entry.clock)
      news.set(client, inherited ? heir.entry : { clock: entry.clock, state: null })
    }
    this.#owned.delete(session)
    for (const identity of this.#identities.values()) if (identity.heir?.session === session) identity.heir = null
    return news
  }

  #claim(client: number, session: SessionId, author: string, entry: AwarenessEntry): boolean {
    if (entry.state === null || entry.clock <= (this.#departed.get(client) ?? -1)) return false
    const owned = this.#owned.get(session) ?? new Set()
    if (owned.size >= this.#clientsMax || this.#identities.size >= this.#roomClientsMax) return false
    this.#owned.set(session, owned.add(client))
    this.#identities.set(client, { entry, owner: session, author, heir: null })
    this.#departed.delete(client)
    return true
  }

  #renew(identity: Identity, client: number, session: SessionId, author: string, entry: AwarenessEntry): boolean {
    if (identity.owner !== session) {
      if (author === '' || identity.author !== author) {
        // clients of y-websocket say again what they hear: an equal clock is an echo
        if (entry.state !== null && entry.clock > identity.entry.clock) identity.heir = { session, entry }
        else if (entry.state === null && identity.heir?.session === session) identity.heir = null
        return false
      }
      this.#owned.get(identity.owner)?.delete(client)
      this.#owned.set(session, (this.#owned.get(session) ?? new Set()).add(client))
      identity.owner = session
    }
    const { clock } = identity.entry
    if (entry.clock < clock || (entry.clock === clock && entry.state !== null)) return false
    if (entry.state === null) this.#forget(client, session, entry.clock)
    else identity.entry = entry
    return true
  }

  #forget(client: number, session: SessionId, clock: number): void {
    this.#identities.delete(client)
    this.#depart(client, clock)
    this.#owned.get(session)?.delete(client)
  }

  #depart(client: number, clock: number): void {
    this.#departed.set(client, clock)
    if (this.#departed.size > departedMax) this.#departed.delete(this.#departed.keys().next().value as number)
  }
}
