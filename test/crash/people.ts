import { connect } from '@syncline/client'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import type { Chance } from '../support/sessions.js'
import { until } from '../support/until.js'
import type { Witness } from './oracle.js'

const typed = 'typed'
const retryMsMax = 100

/** A real client that has one document open. */
interface Client {
  readonly doc: Y.Doc
  /** false when the socket is closed, and all that it brought was read */
  readonly isConnected: boolean
  /** as far as the client can tell */
  readonly isSaved: boolean
  /** when all edits so far are saved; null: the client is never told */
  saved(): Promise<void> | null
  goOffline(): void
  goOnline(): void
  leave(): Promise<void>
}

function joinNative(webSocketUrl: string, name: string): Client {
  const connection = connect(webSocketUrl, { retryMsMax })
  const handle = connection.open(name)
  return {
    doc: handle.doc,
    get isConnected() {
      return connection.state === 'online'
    },
    get isSaved() {
      return handle.status.saved && handle.status.synced
    },
    saved: () => handle.saved(),
    goOffline: () => connection.goOffline(),
    goOnline: () => connection.goOnline(),
    leave: () => connection.close(),
  }
}

function joinYWebsocket(webSocketUrl: string, name: string): Client {
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(`${webSocketUrl}/y`, name, doc, {
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc: true,
    maxBackoffTime: retryMsMax,
  })
  return {
    doc,
    get isConnected() {
      return provider.wsconnected
    },
    get isSaved() {
      return provider.synced
    },
    saved: () => null,
    goOffline: () => provider.disconnect(),
    goOnline: () => provider.connect(),
    leave: async () => {
      provider.destroy()
      // the awareness that it made has a timer, which keeps the document
      doc.destroy()
    },
  }
}

/** People who type in documents with real clients, and tell a witness what they were told. */
export class People {
  readonly #people: readonly Person[]

  /** Joins each document with `@syncline/client`, twice, and with y-websocket. */
  constructor(webSocketUrl: string, documents: readonly string[], chance: Chance, witness: Witness) {
    this.#people = documents.flatMap((document) =>
      [joinNative, joinNative, joinYWebsocket].map(
        (join) => new Person(document, join(webSocketUrl, document), chance, witness),
      ),
    )
  }

  get isConnected(): boolean {
    return this.#people.some(({ client }) => client.isConnected)
  }

  /** Everybody types a little. */
  type(): void {
    for (const person of this.#people) person.type()
  }

  goOffline(): void {
    for (const { client } of this.#people) client.goOffline()
  }

  goOnline(): void {
    for (const { client } of this.#people) client.goOnline()
  }

  /** Waits until everybody's edits are saved and everybody sees the same of a document. */
  async settled(): Promise<void> {
    for (const document of new Set(this.#people.map(({ document }) => document))) {
      const contents = () =>
        this.#at(document).map(({ client }) => (client.isSaved ? contentOf(client.doc) : 'unsaved'))
      const isOne = () => new Set(contents()).size === 1 && contents()[0] !== 'unsaved'
      await until(`all replicas of ${document} to be equal`, isOne, { seen: contents })
    }
  }

  /** The replicas of all who have a document open. */
  replicas(document: string): Y.Doc[] {
    return this.#at(document).map(({ client }) => client.doc)
  }

  async leave(): Promise<void> {
    await Promise.all(this.#people.map(({ client }) => client.leave()))
  }

  #at(document: string): Person[] {
    return this.#people.filter((person) => person.document === document)
  }
}

/** What a replica has, to be compared: its state vector, and its text. */
export function contentOf(doc: Y.Doc): string {
  const vector = [...Y.decodeStateVector(Y.encodeStateVector(doc))].sort(([a], [b]) => a - b)
  return JSON.stringify([vector, doc.getText().toString()])
}

// how much a person types while nothing comes back
const unansweredMax = 30

class Person {
  readonly document: string
  readonly client: Client
  readonly #chance: Chance
  #unanswered = 0

  constructor(document: string, client: Client, chance: Chance, witness: Witness) {
    this.document = document
    this.client = client
    this.#chance = chance
    client.doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin === typed) return this.#wrote(update, witness)
      this.#unanswered = 0
      witness.show(document, update)
    })
  }

  type(): void {
    if (this.#unanswered >= unansweredMax) return
    this.#unanswered++
    const text = this.client.doc.getText()
    const at = this.#chance.int(text.length + 1)
    const deletes = this.#chance.happens(0.3) && at < text.length
    this.client.doc.transact(() => {
      if (deletes) text.delete(at, 1 + this.#chance.int(Math.min(5, text.length - at)))
      else text.insert(at, this.#chance.pick(['a', 'bc', 'def ', '\n', 'x'.repeat(200)]))
    }, typed)
  }

  #wrote(update: Uint8Array, witness: Witness): void {
    this.client.saved()?.then(
      () => {
        this.#unanswered = 0
        witness.acknowledge(this.document, update)
      },
      () => {}, // it left before
    )
  }
}
