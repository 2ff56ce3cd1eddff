import type { Doc } from 'yjs'
import type { Chance } from '../support/sessions.js'
import { until } from '../support/until.js'
import type { Oracle } from './oracle.js'
import { People } from './people.js'
import { RawWriter, type RawWriterOptions } from './rawWriter.js'

/** Who is in a {@link Crowd}. */
export interface CrowdOptions {
  readonly chance: Chance
  readonly oracle: Oracle
  /** documents in which people type, each with `@syncline/client`, twice, and with y-websocket */
  readonly pages: readonly string[]
  /** those who write without a replica, for volume */
  readonly writers: readonly ({ readonly documents: readonly string[] } & Pick<
    RawWriterOptions,
    'inFlightMax' | 'size'
  >)[]
}

const typingMs = 2

/** Clients of all kinds that write to one relay, from its first start to its end. */
export class Crowd {
  readonly #people: People
  readonly #writers: readonly RawWriter[]
  readonly #typing: NodeJS.Timeout

  /** They join at once. */
  constructor(webSocketUrl: string, { chance, oracle: witness, pages, writers }: CrowdOptions) {
    this.#people = new People(webSocketUrl, pages, chance, witness)
    this.#writers = writers.map(
      ({ documents, ...options }) => new RawWriter(documents, { chance, witness, ...options }),
    )
    this.#typing = setInterval(() => this.#people.type(), typingMs)
    for (const writer of this.#writers) writer.connect(webSocketUrl)
  }

  /** Why the relay ended sessions of writers for now. */
  get endings(): string[] {
    return this.#writers.flatMap(({ endings }) => endings)
  }

  /** They come back after {@link stayAway}. */
  comeBack(webSocketUrl: string): void {
    this.#people.goOnline()
    for (const writer of this.#writers) writer.connect(webSocketUrl)
  }

  /**
   * The relay has ended: they read what it had sent, and do not come back by themselves, so that nobody heals what was
   * lost before it is looked for.
   */
  async stayAway(): Promise<void> {
    const isConnected = () => this.#people.isConnected || this.#writers.some((writer) => writer.isConnected)
    await until('all sockets to be closed', () => !isConnected())
    this.#people.goOffline()
  }

  /** They write nothing new; resolves when all is saved, and replicas of the same document are equal. */
  async finish(): Promise<void> {
    clearInterval(this.#typing)
    for (const writer of this.#writers) writer.stop()
    await until('all rows to be acknowledged', () => this.#writers.every(({ isSaved }) => isSaved))
    await this.#people.settled()
  }

  /** The replicas of those who have a document open. */
  replicas(document: string): Doc[] {
    return this.#people.replicas(document)
  }

  async leave(): Promise<void> {
    clearInterval(this.#typing)
    for (const writer of this.#writers) writer.disconnect()
    await this.#people.leave()
  }
}
