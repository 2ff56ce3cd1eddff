import { type AwarenessEntry, decodeAwareness, defaultLimits, encodeAwareness } from '@syncline/protocol'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { messageYjsSyncStep1, readSyncMessage, writeSyncStep1, writeUpdate } from 'y-protocols/sync'
import * as Y from 'yjs'
import { canaryOf } from '../support/canaries.js'
import { editSomething, stateOf } from './client.js'
import type { End, Link } from './link.js'
import type { Oracle } from './oracle.js'
import type { Random } from './random.js'
import type { Time } from './time.js'

const syncType = 0
const awarenessType = 1
const authType = 2
const savedType = 8
// as y-protocols does: who was said to be gone is believed at a later clock only
const renewMs = 15_000

type Write = (encoder: encoding.Encoder) => void

/**
 * What clients of other wire protocols have in common: a Y.Doc that y-protocols brings up to date whenever there is a
 * link, no local store, no acknowledgements of one edit.
 */
export abstract class DialectReplica {
  readonly name: string
  readonly doc = new Y.Doc()
  readonly others = new Map<number, AwarenessEntry>()
  cursor = 0
  readonly #oracle: Oracle
  #clock = 0

  constructor(name: string, oracle: Oracle, time: Time, random: Random) {
    this.name = name
    this.#oracle = oracle
    this.doc.clientID = 1 + random.int(2 ** 32 - 1)
    this.doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== this) this.edited(update)
    })
    const renew = () => {
      this.announce()
      time.after(renewMs, renew)
    }
    time.after(renewMs, renew)
  }

  /** Both sides say what they have. */
  begin(): void {
    this.say(syncType, (encoder) => writeSyncStep1(encoder, this.doc))
    this.announce()
  }

  announce(): void {
    const entry = { clock: ++this.#clock, state: stateOf(this) }
    const update = encodeAwareness(new Map([[this.doc.clientID, entry]]))
    this.say(awarenessType, (encoder) => encoding.writeVarUint8Array(encoder, update))
  }

  /** What a server said of it, after the type. */
  hear(type: number, decoder: decoding.Decoder): void {
    if (type === syncType) this.#sync(decoder)
    if (type === awarenessType) this.#meet(decoding.readVarUint8Array(decoder))
  }

  protected edited(update: Uint8Array): void {
    this.say(syncType, (encoder) => writeUpdate(encoder, update))
  }

  /** All that is here is on disk, as far as its wire protocol tells. */
  protected saved(): void {
    this.#oracle.saved(this)
  }

  protected abstract say(type: number, write: Write): void

  #sync(decoder: decoding.Decoder): void {
    const peek = decoding.clone(decoder)
    const isUpdate = decoding.readVarUint(peek) !== messageYjsSyncStep1
    if (isUpdate) this.#oracle.shown(this, decoding.readVarUint8Array(peek))
    const answer = encoding.createEncoder()
    readSyncMessage(decoder, answer, this.doc, this)
    if (encoding.hasContent(answer)) {
      this.say(syncType, (encoder) => encoding.writeUint8Array(encoder, encoding.toUint8Array(answer)))
    }
  }

  #meet(update: Uint8Array): void {
    for (const [client, entry] of decodeAwareness(update, defaultLimits)) {
      if (client === this.doc.clientID) continue
      const known = this.others.get(client)
      if (known && (entry.clock < known.clock || (entry.clock === known.clock && entry.state !== null))) continue
      if (entry.state === null) this.others.delete(client)
      else this.others.set(client, entry)
    }
  }
}

/** A client of another wire protocol: what it has open, on one link. */
export abstract class DialectClient<Replica extends DialectReplica = DialectReplica> implements End {
  abstract readonly replicas: readonly Replica[]
  link: Link | null = null
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  abstract connect(link: Link): void
  abstract received(frame: Uint8Array): void

  lost(): void {
    this.link = null
    for (const { others } of this.replicas) others.clear()
  }

  edit(): void {
    const replica = this.#random.pick(this.replicas)
    editSomething(replica.doc, this.#random, canaryOf(replica.name))
    replica.cursor = this.#random.int(100)
    replica.announce()
  }
}

/** A y-websocket client: one document, and nothing tells it what is saved. */
export class SimYClient extends DialectClient {
  readonly replicas: readonly [DialectReplica]

  constructor(name: string, oracle: Oracle, time: Time, random: Random) {
    super(random)
    const send = (frame: Uint8Array) => this.link?.sendTo('relay', frame)
    const Replica = class extends DialectReplica {
      protected say(type: number, write: Write): void {
        send(message(type, write))
      }
    }
    this.replicas = [new Replica(name, oracle, time, random)]
  }

  connect(link: Link): void {
    this.link = link
    this.replicas[0].begin()
  }

  received(frame: Uint8Array): void {
    const decoder = decoding.createDecoder(frame)
    this.replicas[0].hear(decoding.readVarUint(decoder), decoder)
  }
}

/** A Hocuspocus provider, which counts what it has sent and is told how much of that is saved. */
class Provider extends DialectReplica {
  send: (frame: Uint8Array) => void = () => {}
  #unsaved = 0

  override begin(): void {
    const token: Write = (encoder) => {
      encoding.writeVarUint(encoder, 0)
      encoding.writeVarString(encoder, '')
      encoding.writeVarString(encoder, '4.0.0')
    }
    this.say(authType, token)
    this.#unsaved = 1
    super.begin()
  }

  override hear(type: number, decoder: decoding.Decoder): void {
    super.hear(type, decoder)
    if (type !== savedType || this.#unsaved === 0) return
    this.#unsaved--
    if (this.#unsaved === 0) this.saved()
  }

  get unsaved(): number {
    return this.#unsaved
  }

  protected override edited(update: Uint8Array): void {
    this.#unsaved++
    super.edited(update)
  }

  protected say(type: number, write: Write): void {
    this.send(
      encoding.encode((encoder) => {
        encoding.writeVarString(encoder, this.name)
        encoding.writeUint8Array(encoder, message(type, write))
      }),
    )
  }
}

/** Hocuspocus providers of several documents, on one link. */
export class SimHocuspocusClient extends DialectClient<Provider> {
  readonly replicas: readonly Provider[]

  constructor(names: readonly string[], oracle: Oracle, time: Time, random: Random) {
    super(random)
    this.replicas = names.map((name) => new Provider(name, oracle, time, random))
    for (const replica of this.replicas) replica.send = (frame) => this.link?.sendTo('relay', frame)
  }

  connect(link: Link): void {
    this.link = link
    for (const replica of this.replicas) replica.begin()
  }

  received(frame: Uint8Array): void {
    const decoder = decoding.createDecoder(frame)
    const name = decoding.readVarString(decoder)
    this.replicas.find((each) => each.name === name)?.hear(decoding.readVarUint(decoder), decoder)
  }
}

function message(type: number, write: Write): Uint8Array {
  return encoding.encode((encoder) => {
    encoding.writeVarUint(encoder, type)
    write(encoder)
  })
}
