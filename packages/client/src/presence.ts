import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate, removeAwarenessStates } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import { guarded } from './listeners.js'

/**
 * The clock of the last Awareness of a Y.Doc that was closed: the next one has the same client id, and peers ignore
 * it until its clock is higher.
 */
const awarenessClocks = new WeakMap<Y.Doc, number>()

/** What a presence tells its document. */
export interface PresenceEvents {
  /** its own state changed, or somebody took it for gone */
  changed(): void
  /** to the others, now */
  send(): void
}

/** The awareness of a document: its own state is told to others, and theirs come and go. Nothing of it throws. */
export class Presence {
  readonly awareness: Awareness
  readonly #doc: Y.Doc
  readonly #events: PresenceEvents

  constructor(doc: Y.Doc, events: PresenceEvents) {
    this.#doc = doc
    this.#events = events
    this.awareness = new Awareness(doc)
    this.#beginAt(awarenessClocks.get(doc) ?? 1)
    this.awareness.on('update', ({ added, updated, removed }: Record<'added' | 'updated' | 'removed', number[]>) => {
      // what others are is theirs to say, except that a peer that took us for gone is told otherwise
      if ([added, updated, removed].some((clients) => clients.includes(this.awareness.clientID))) events.changed()
    })
  }

  /** its own state, as y-protocols awareness update bytes */
  get update(): Uint8Array {
    return encodeAwarenessUpdate(this.awareness, [this.awareness.clientID])
  }

  /** those of the others */
  get others(): Uint8Array {
    const { clientID, states } = this.awareness
    return encodeAwarenessUpdate(
      this.awareness,
      [...states.keys()].filter((client) => client !== clientID),
    )
  }

  apply(update: Uint8Array): void {
    guarded(() => applyAwarenessUpdate(this.awareness, update, this))
  }

  /** Says the same again, with a higher clock. */
  announce(): void {
    guarded(() => this.awareness.setLocalState(this.awareness.getLocalState()))
  }

  /** Others are gone. Their clocks are forgotten too: a peer that was there all the time comes back with the one that it had. */
  forget(clients: readonly number[]): void {
    guarded(() => removeAwarenessStates(this.awareness, [...clients], this))
    for (const client of clients) this.awareness.meta.delete(client)
  }

  /** @param kept those that are still there */
  forgetOthers(kept?: ReadonlySet<number>): void {
    const { clientID, meta } = this.awareness
    this.forget([...meta.keys()].filter((client) => client !== clientID && !kept?.has(client)))
  }

  /** Yjs takes a new client id where another replica uses the same one: the cursor goes with it. */
  followClientId(): void {
    if (this.#doc.clientID === this.awareness.clientID) return
    guarded(() => {
      const state = this.awareness.getLocalState()
      this.awareness.setLocalState(null)
      this.#events.send()
      this.awareness.clientID = this.#doc.clientID
      this.#beginAt(1)
      this.awareness.setLocalState(state)
    })
  }

  destroy(): void {
    guarded(() => this.awareness.destroy())
  }

  /** What comes after this one in the Y.Doc goes on where it ends. */
  end(): void {
    awarenessClocks.set(this.#doc, this.awareness.meta.get(this.awareness.clientID)?.clock ?? 0)
  }

  /** A client id that nobody has heard of: from a stranger whose clock is 0, y-protocols takes nothing. */
  #beginAt(clock: number): void {
    this.awareness.meta.set(this.awareness.clientID, { clock, lastUpdated: Date.now() })
  }
}
