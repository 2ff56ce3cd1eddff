import * as Y from 'yjs'
import { parseUpdateMeta } from 'yjs'
import { LoadClient } from './client.js'
import type { Histogram } from './histogram.js'

const letters = 'etaoin shrdlu cmfwyp vbgkqj'

/** What people of one document share: when each edit was made. */
export type Sent = Map<number, number[]>

/** Times that are measured over all people. */
export interface Measured {
  /** from an edit to its coming to each of the others */
  readonly seen: Histogram
  /** from an edit to the word that it is on disk */
  readonly saved: Histogram
}

/** What somebody types, a character an update; it needs nothing that others type. */
export function typing(client: number, count: number): Uint8Array[] {
  const doc = new Y.Doc()
  doc.clientID = client
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  const text = doc.getText('load')
  for (let i = 0; i < count; i++) text.insert(i, letters[i % letters.length]!)
  doc.destroy()
  return updates
}

/** Somebody who types, and looks at what the others type. */
export class Person {
  readonly client: number
  readonly #updates: Uint8Array[]
  readonly #sent: Sent
  readonly #measured: Measured
  readonly #connection: LoadClient
  /** why it ended before its time, or null */
  ended: string | null = null
  saved = 0

  constructor(
    url: string,
    document: string,
    token: string | null,
    own: { readonly client: number; readonly edits: number; readonly sent: Sent; readonly measured: Measured },
  ) {
    this.client = own.client
    this.#updates = typing(own.client, own.edits)
    this.#sent = own.sent
    this.#measured = own.measured
    own.sent.set(own.client, [])
    this.#connection = new LoadClient(url, document, token, {
      update: (update) => this.#see(update),
      saved: (count) => this.#takeSaved(count),
      ended: (reason) => {
        this.ended = reason
      },
    })
  }

  /** @throws Error why not */
  async opened(): Promise<void> {
    await this.#connection.opened
  }

  /** How many edits it has made. */
  get edits(): number {
    return this.#times.length
  }

  /** Makes the next edit; false where there is none left to make. */
  edit(): boolean {
    const update = this.#updates[this.edits]
    if (update === undefined || this.ended !== null) return false
    this.#times.push(performance.now())
    this.#connection.send(update)
    return true
  }

  leave(): void {
    this.#connection.leave()
  }

  get #times(): number[] {
    return this.#sent.get(this.client)!
  }

  #see(update: Uint8Array): void {
    const now = performance.now()
    const { from, to } = parseUpdateMeta(update)
    for (const [client, end] of to) {
      const times = this.#sent.get(client)
      for (let clock = from.get(client) ?? 0; times && clock < end; clock++) {
        const sentAt = times[clock]
        if (sentAt !== undefined) this.#measured.seen.add(now - sentAt)
      }
    }
  }

  #takeSaved(count: number): void {
    const now = performance.now()
    for (; this.saved < count; this.saved++) this.#measured.saved.add(now - this.#times[this.saved]!)
  }
}
