import type { AwarenessEntry } from '../awareness/codec.js'
import type { Limits } from '../limits.js'
import type { SessionId } from './types.js'
import { fanOutMs, Window } from './window.js'

/**
 * Changes of awareness on their way out: sent at once where the last broadcast is a while ago, gathered otherwise; the
 * last word of each client wins.
 */
export class AwarenessOutbox {
  readonly #limits: Pick<Limits, 'awarenessGatherMs' | 'fanOutPercent'>
  readonly #window: Window
  readonly #entries = new Map<number, AwarenessEntry>()
  #senders = new Set<SessionId | null>()

  constructor(limits: Pick<Limits, 'awarenessGatherMs' | 'awarenessGatherMsMax' | 'fanOutPercent'>) {
    this.#limits = limits
    this.#window = new Window(Math.max(limits.awarenessGatherMs, limits.awarenessGatherMsMax))
  }

  /** @param sender whose change it is; null where the relay tells that someone is gone */
  add(sender: SessionId | null, news: ReadonlyMap<number, AwarenessEntry>): void {
    if (news.size === 0) return
    for (const [client, entry] of news) this.#entries.set(client, entry)
    this.#senders.add(sender)
  }

  /** When to flush; null where there is nothing to wait for. */
  dueAt(now: number): number | null {
    return this.#entries.size === 0 ? null : this.#window.closedUntil(now)
  }

  /**
   * What to broadcast now, or null. `onlyFrom` is the one session that all of it came from, which need not hear it.
   *
   * @param sessions how many are here: a broadcast to more of them is followed by a longer wait
   */
  flush(
    now: number,
    sessions: number,
  ): { entries: ReadonlyMap<number, AwarenessEntry>; onlyFrom: SessionId | null } | null {
    if (this.#entries.size === 0 || this.#window.closedUntil(now) !== null) return null
    const entries = new Map(this.#entries)
    const onlyFrom = this.#senders.size === 1 ? ([...this.#senders][0] ?? null) : null
    this.#entries.clear()
    this.#senders = new Set()
    const { awarenessGatherMs, fanOutPercent } = this.#limits
    this.#window.close(now, Math.max(awarenessGatherMs, (fanOutMs(sessions) * 100) / fanOutPercent))
    return { entries, onlyFrom }
  }
}
