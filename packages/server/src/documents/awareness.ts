import { type AwarenessEntries, type AwarenessEntry, decodeAwareness, type Limits } from '@syncline/protocol'

/** What a document's clients say of themselves, as its room tells it. */
export class AwarenessView {
  readonly #entries = new Map<number, AwarenessEntry>()
  readonly #limits: Limits

  constructor(limits: Limits) {
    // a joiner gets everybody at once
    this.#limits = { ...limits, awarenessClientsMax: Number.MAX_SAFE_INTEGER }
  }

  get entries(): AwarenessEntries {
    return this.#entries
  }

  receive(update: Uint8Array): void {
    for (const [client, entry] of decodeAwareness(update, this.#limits)) {
      if (entry.state === null) this.#entries.delete(client)
      else this.#entries.set(client, entry)
    }
  }
}
