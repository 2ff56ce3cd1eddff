import * as Y from 'yjs'

/** What a reader was sent, by client id: how far and without a gap. Judged by Yjs, not by code of ours. */
export class Progress {
  readonly #clocks = new Map<number, number>()
  readonly #unread: Uint8Array[] = []

  /** Keeps an update for later, so that a reader costs next to nothing while it is served. */
  collect(update: Uint8Array): void {
    this.#unread.push(update)
  }

  /**
   * @param advanced called with what is new: from a clock to another of a client
   * @throws where something before it is missing
   */
  take(update: Uint8Array, advanced?: (client: number, from: number, to: number) => void): void {
    const { from, to } = Y.parseUpdateMeta(update)
    for (const [client, start] of from) {
      const known = this.#clocks.get(client) ?? 0
      const end = to.get(client)!
      if (start > known) throw new Error(`a reader was sent ${start} of client ${client} after ${known}: a gap`)
      if (end <= known) continue
      this.#clocks.set(client, end)
      advanced?.(client, known, end)
    }
  }

  has(expected: ReadonlyMap<number, number>): boolean {
    for (const update of this.#unread.splice(0)) this.take(update)
    for (const [client, clock] of expected) if ((this.#clocks.get(client) ?? 0) < clock) return false
    return true
  }
}
