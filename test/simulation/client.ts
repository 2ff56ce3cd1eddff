import {
  type AwarenessEntry,
  type Channel,
  type CopyWrite,
  decodeAwareness,
  defaultLimits,
  encodeAwareness,
  encodeClientMessage,
  Peer,
  type PeerEffect,
  type PeerInput,
  RelayMessageReader,
  unreachable,
} from '@syncline/protocol'
import * as Y from 'yjs'
import type { End, Link } from './link.js'
import type { Oracle } from './oracle.js'
import type { Random } from './random.js'
import type { SimDatabase } from './store.js'
import type { Time } from './time.js'

/** The rows of these small documents are packed now and then too. */
const packBytes = 2_000

/** What a client has of one document. */
export class SimReplica {
  readonly name: string
  readonly doc = new Y.Doc()
  readonly peer: Peer
  readonly others = new Map<number, AwarenessEntry>()
  awarenessClock = 0
  cursor = 0
  channel: Channel = 0
  readonly #time: Time
  readonly #oracle: Oracle
  readonly database: SimDatabase | null
  /** the tab is gone: what its database still does is nothing to it */
  #isClosed = false
  #epoch: string | null = null
  readonly #send: (replica: SimReplica, effect: Extract<PeerEffect, { type: 'send' }>) => void
  /** what the oracle knew to be acknowledged when this session was opened */
  #acknowledgedAtOpen = 0

  constructor(
    name: string,
    clientId: number,
    time: Time,
    oracle: Oracle,
    database: SimDatabase | null,
    send: (replica: SimReplica, effect: Extract<PeerEffect, { type: 'send' }>) => void,
  ) {
    this.name = name
    this.doc.clientID = clientId
    this.#time = time
    this.#oracle = oracle
    this.database = database
    this.#send = send
    const replica = {
      stateVector: () => Y.encodeStateVector(this.doc),
      difference: (stateVector: Uint8Array) => Y.encodeStateAsUpdate(this.doc, stateVector),
    }
    this.peer = new Peer(name, replica, packBytes)
    if (database) this.#read(database)
    else this.peer.step({ type: 'loaded', copy: null })
    this.doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin === this) return
      oracle.edited(this, update)
      this.step({ type: 'edited', update })
      time.after(0, () => this.step({ type: 'flushed' }))
    })
  }

  step(input: PeerInput): void {
    const wasLive = this.#isLive
    if (input.type === 'connected') this.#acknowledgedAtOpen = this.#oracle.acknowledgements
    if (input.type === 'received') this.#oracle.received(this, input.reply)
    if (input.type === 'received' && input.reply.type === 'opened') this.#epoch = input.reply.point.epoch
    const effects = this.peer.step(input)
    for (const effect of effects) this.#perform(effect)
    this.#oracle.acknowledged(this)
    if (!wasLive && this.#isLive) this.#oracle.synced(this, this.#acknowledgedAtOpen)
    if (input.type === 'received' && this.#isLive && this.peer.pending === 0) this.#oracle.saved(this)
  }

  get #isLive(): boolean {
    return this.peer.state.at === 'live'
  }

  moveCursor(position: number): void {
    this.cursor = position
    this.#announce()
  }

  #perform(effect: PeerEffect): void {
    switch (effect.type) {
      case 'send':
        this.#oracle.sent(this, effect.request)
        return this.#send(this, effect)
      case 'apply':
        this.#oracle.shown(this, effect.update)
        return Y.applyUpdate(this.doc, effect.update, this)
      case 'applyAwareness':
        for (const [client, entry] of decodeAwareness(effect.update, defaultLimits)) this.#hear(client, entry)
        return
      case 'announceAwareness':
        return this.#announce()
      case 'forgetAwareness':
        return this.others.clear()
      case 'changed':
        return
      case 'read':
        return this.#read(this.database!)
      case 'write':
        return this.#write(effect.write)
      default:
        return unreachable(effect)
    }
  }

  /** The tab is closed without warning. */
  close(): void {
    this.#oracle.closed(this)
    this.#isClosed = true
  }

  #read(database: SimDatabase): void {
    database.read({
      done: (copy) => {
        if (this.#isClosed) return
        for (const row of copy.rows) Y.applyUpdate(this.doc, row.update, this)
        const { edits } = this.peer
        const effects = this.peer.step({ type: 'loaded', copy })
        this.#oracle.loaded(this, copy, this.#epoch, this.peer.edits - edits)
        for (const effect of effects) this.#perform(effect)
        this.#epoch ??= copy.epoch
      },
      failed: () => {
        if (this.#isClosed) return
        this.step({ type: 'loaded', copy: null })
        this.#time.after(500, () => this.#read(database))
      },
    })
  }

  #write(write: CopyWrite): void {
    const database = this.database!
    database.write(write, {
      done: (rows) => {
        if (!this.#isClosed) this.step({ type: 'written', rows })
      },
      failed: (lost) => {
        if (this.#isClosed) return
        this.step({ type: 'writeFailed', lost })
        this.#time.after(500, () => (lost ? this.#read(database) : this.step({ type: 'retryWrite' })))
      },
    })
  }

  #hear(client: number, entry: AwarenessEntry): void {
    if (client === this.doc.clientID) return
    const known = this.others.get(client)
    if (known && (entry.clock < known.clock || (entry.clock === known.clock && entry.state !== null))) return
    if (entry.state === null) this.others.delete(client)
    else this.others.set(client, entry)
  }

  #announce(): void {
    const entry = { clock: ++this.awarenessClock, state: JSON.stringify({ cursor: this.cursor }) }
    this.step({ type: 'awareness', update: encodeAwareness(new Map([[this.doc.clientID, entry]])) })
  }
}

/** A browser tab around production Peers: documents on one link, edits, restarts. */
export class SimClient implements End {
  readonly replicas: SimReplica[]
  link: Link | null = null
  readonly #random: Random
  #reader = new RelayMessageReader(defaultLimits)
  #nextChannel = 1

  /** @param databases of its device, by document; null where it keeps nothing */
  constructor(
    documents: readonly string[],
    time: Time,
    random: Random,
    oracle: Oracle,
    databases: ReadonlyMap<string, SimDatabase> | null,
  ) {
    this.#random = random
    this.replicas = documents.map(
      (name) =>
        new SimReplica(
          name,
          1 + random.int(2 ** 32 - 1),
          time,
          oracle,
          databases?.get(name) ?? null,
          (replica, effect) => {
            const message = { type: 'session', channel: replica.channel, message: effect.request } as const
            for (const bytes of encodeClientMessage(message, defaultLimits.frameBytesMax)) {
              this.link?.sendTo('relay', bytes)
            }
          },
        ),
    )
  }

  connect(link: Link): void {
    this.link = link
    this.#reader = new RelayMessageReader(defaultLimits)
    for (const replica of this.replicas) this.#open(replica)
  }

  received(frame: Uint8Array): void {
    for (const read of this.#reader.read(frame)) {
      if (!read.ok) throw read.error
      if (read.message.type !== 'session') continue
      const { channel, message } = read.message
      const replica = this.replicas.find((each) => each.channel === channel)
      if (!replica) continue
      replica.step({ type: 'received', reply: message })
      if (replica.peer.state.at === 'offline' && this.link) this.#open(replica)
      if (replica.peer.state.at === 'refused') throw new Error(`refused: ${JSON.stringify(replica.peer.state)}`)
    }
  }

  lost(): void {
    this.link = null
    for (const replica of this.replicas) replica.step({ type: 'disconnected' })
  }

  /** The tab is closed without warning. */
  close(): void {
    this.link?.detach('client')
    for (const replica of this.replicas) replica.close()
  }

  /** Everything that is here is in the databases. */
  get isKept(): boolean {
    return this.replicas.every(({ peer }) => !peer.writing && peer.kept === peer.edits)
  }

  /** One to three edits of some kind, in one turn. */
  edit(): void {
    const replica = this.#random.pick(this.replicas)
    const times = 1 + this.#random.int(3)
    for (let i = 0; i < times; i++) editSomething(replica.doc, this.#random)
    if (this.#random.chance(0.5)) replica.moveCursor(this.#random.int(100))
  }

  digest(): void {
    for (const replica of this.replicas) replica.step({ type: 'digestDue' })
  }

  #open(replica: SimReplica): void {
    replica.channel = this.#nextChannel++
    replica.step({ type: 'connected' })
  }
}

/** One edit of some kind. */
export function editSomething(doc: Y.Doc, random: Random): void {
  const text = doc.getText('text')
  const map = doc.getMap<unknown>('map')
  const array = doc.getArray<unknown>('array')
  switch (random.int(7)) {
    case 0:
    case 1:
      // no character of two UTF-16 units: an insertion between the two ends differently on each replica of Yjs
      return text.insert(random.int(text.length + 1), random.pick(['a', 'bc', 'def ', 'ü', '漢']))
    case 2:
      return text.delete(0, Math.min(text.length, random.int(3)))
    case 3:
      return text.length > 0
        ? text.format(0, 1 + random.int(text.length), { bold: random.pick([true, null]) })
        : undefined
    case 4:
      map.set(random.pick(['x', 'y']), random.chance(0.7) ? random.int(100) : new Y.Map([['inner', 1]]))
      return
    case 5:
      if (array.length > 0 && random.chance(0.4)) array.delete(random.int(array.length))
      else array.insert(random.int(array.length + 1), [random.chance(0.7) ? random.int(100) : new Y.Text('nested')])
      return
    default: {
      const nested = array.toArray().find((item) => item instanceof Y.Text)
      if (nested instanceof Y.Text) nested.insert(0, 'n')
      else map.delete('x')
    }
  }
}
