import type { AwarenessEntry } from '../awareness/codec.js'
import type { SessionId } from './types.js'

/**
 * Changes of awareness on their way out: sent at once where the last broadcast is a while ago, gathered otherwise; the
 * last word of each client wins.
 */
export class AwarenessOutbox {
  readonly #gatherMs: number
  readonly #entries = new Map<number, AwarenessEntry>()
  #senders = new Set<SessionId | null>()
  #lastFlush = Number.NEGATIVE_INFINITY
  #wakeAt: number | null = null

  constructor(gatherMs: number) {
    this.#gatherMs = gatherMs
  }

  /** @param sender whose change it is; null where the relay tells that someone is gone */
  add(sender: SessionId | null, news: ReadonlyMap<number, AwarenessEntry>): void {
    if (news.size === 0) return
    for (const [client, entry] of news) this.#entries.set(client, entry)
    this.#senders.add(sender)
  }

  /**
   * What to broadcast now; or at what time to ask again, told once; or null. `onlyFrom` is the one session that all of
   * it came from, which need not hear it.
   */
  flush(
    now: number,
  ): { entries: ReadonlyMap<number, AwarenessEntry>; onlyFrom: SessionId | null } | { at: number } | null {
    if (this.#entries.size === 0) return null
    const due = this.#lastFlush + this.#gatherMs
    if (now < due) {
      if (this.#wakeAt === due) return null
      this.#wakeAt = due
      return { at: due }
    }
    const entries = new Map(this.#entries)
    const onlyFrom = this.#senders.size === 1 ? ([...this.#senders][0] ?? null) : null
    this.#entries.clear()
    this.#senders = new Set()
    this.#lastFlush = now
    this.#wakeAt = null
    return { entries, onlyFrom }
  }
}
