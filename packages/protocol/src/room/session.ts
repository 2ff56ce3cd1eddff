import type { AwarenessEntries, AwarenessEntry } from '../awareness/codec.js'
import type { Head } from '../log/port.js'
import type { Access } from '../messages/types.js'
import type { SessionId, SessionProfile } from './types.js'

/** What a Room knows of one session. */
export class Session {
  readonly id: SessionId
  /** what it may do by its grant; its profile has what it may do now */
  granted: Access
  profile: SessionProfile
  /** the last update that came */
  seq = 0
  /** the last update that is acknowledged once the log has it */
  accepted = 0
  /** the last update that was acknowledged */
  acknowledged = 0
  /** it was asked for its full difference, or an update was rejected: its updates are discarded until an answer comes */
  answerOwed: boolean
  /** resyncs asked since the last update that was complete */
  resyncs = 0
  /** updates rejected since the last one that was complete */
  rejections = 0
  #cursor: Head | null = null
  #congested = false
  #heldAwareness: Map<number, AwarenessEntry> | null = null
  #missedAwareness: Map<number, AwarenessEntry> | null = null

  constructor(id: SessionId, granted: Access, profile: SessionProfile, answerOwed: boolean) {
    this.id = id
    this.granted = granted
    this.profile = profile
    this.answerOwed = answerOwed
  }

  /** it would write, and may only read for now */
  get isWithheld(): boolean {
    return this.profile.access !== this.granted
  }

  /** What it typed is still to be shown. What a reader sends, or sent in answer, may never be. */
  get isOnItsWay(): boolean {
    return this.acknowledged < (this.profile.access === 'read' ? this.accepted : this.seq)
  }

  /** how far it has been sent everything; null before it was synced */
  get cursor(): Head | null {
    return this.#cursor
  }

  get congested(): boolean {
    return this.#congested
  }

  moveTo(head: Head): void {
    this.#cursor = head
  }

  congest(): void {
    this.#congested = true
  }

  /** Keeps what was said of cursors while the session takes nothing; the last word of each client wins. */
  missAwareness(entries: AwarenessEntries): void {
    this.#missedAwareness ??= new Map()
    for (const [client, entry] of entries) this.#missedAwareness.set(client, entry)
  }

  /** The session takes messages again; the result is the awareness that it missed, null where that is none. */
  drain(): AwarenessEntries | null {
    this.#congested = false
    const missed = this.#missedAwareness
    this.#missedAwareness = null
    return missed
  }

  /** Keeps what it said of cursors until what it typed is shown; the last word of each client wins. */
  holdAwareness(entries: AwarenessEntries, clientsMax: number): void {
    this.#heldAwareness ??= new Map()
    for (const [client, entry] of entries) {
      if (this.#heldAwareness.size < clientsMax || this.#heldAwareness.has(client))
        this.#heldAwareness.set(client, entry)
    }
  }

  /** What is held no longer, null where that is none. */
  releaseAwareness(): AwarenessEntries | null {
    if (this.isOnItsWay) return null
    const held = this.#heldAwareness
    this.#heldAwareness = null
    return held
  }
}
