import {
  type Access,
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
import { canaryOf } from '../support/canaries.js'
import type { End, Link } from './link.js'
import type { Oracle } from './oracle.js'
import type { Random } from './random.js'
import type { SimDatabase } from './store.js'
import type { Time } from './time.js'

/** The rows of these small documents are packed now and then too. */
const packBytes = 2_000

/** Of these a relay takes no update, or not that of a limit of some hundred bytes. */
const tooDeep = Array.from({ length: 600 }).reduce((inner: unknown) => [inner], 1)
const tooLong = 'too long '.repeat(100)

/** What a client has of one document. */
export class SimReplica {
  readonly name: string
  doc!: Y.Doc
  readonly peer: Peer
  readonly others = new Map<number, AwarenessEntry>()
  awarenessClock = 0
  cursor = 0
  channel: Channel = 0
  readonly #newClientId: () => number
  #seed: Uint8Array | null = null
  /** replicas that took the place of others */
  replacements = 0
  readonly #time: Time
  readonly #oracle: Oracle
  readonly database: SimDatabase | null
  /** the tab is gone: what its database still does is nothing to it */
  #isClosed = false
  #epoch: string | null = null
  readonly #send: (replica: SimReplica, effect: Extract<PeerEffect, { type: 'send' }>) => void
  readonly #reopen: (replica: SimReplica) => void
  /** what the oracle knew to be acknowledged when this session was opened */
  #acknowledgedAtOpen = 0

  constructor(
    name: string,
    newClientId: () => number,
    time: Time,
    oracle: Oracle,
    database: SimDatabase | null,
    send: (replica: SimReplica, effect: Extract<PeerEffect, { type: 'send' }>) => void,
    reopen: (replica: SimReplica) => void,
    updateBytesMax: number,
  ) {
    this.name = name
    this.#newClientId = newClientId
    this.#time = time
    this.#oracle = oracle
    this.database = database
    this.#send = send
    this.#reopen = reopen
    const replica = {
      stateVector: () => Y.encodeStateVector(this.doc),
      difference: (stateVector: Uint8Array) => Y.encodeStateAsUpdate(this.doc, stateVector),
    }
    this.peer = new Peer(name, replica, packBytes)
    this.#newDoc()
    // limits are far larger than what is packed, and these worlds are small
    this.peer.step({ type: 'limited', updateBytesMax })
    if (database) this.#read(database)
    else this.peer.step({ type: 'loaded', copy: null })
  }

  #newDoc(): void {
    const doc = new Y.Doc()
    doc.clientID = this.#newClientId()
    this.doc = doc
    doc.on('update', (update: Uint8Array, origin: unknown) => {
      // an old replica is nothing to it
      if (origin === this || doc !== this.doc) return
      this.#oracle.edited(this, update)
      this.step({ type: 'edited', update })
      this.#time.after(0, () => this.step({ type: 'flushed' }))
    })
    // readers author nothing
    doc.on('afterTransaction', (transaction) => {
      if (!transaction.local && this.peer.access === 'read') transaction._needFormattingCleanup = false
    })
  }

  /** First content, which waits for the relay as long as a page would. */
  beginWith(seed: Uint8Array): void {
    this.#seed = seed
    this.step({ type: 'seed', seed })
    this.#time.after(500, () => {
      if (!this.#isClosed) this.step({ type: 'alone' })
    })
  }

  step(input: PeerInput): void {
    const wasLive = this.#isLive
    if (input.type === 'connected') this.#acknowledgedAtOpen = this.#oracle.acknowledgements
    if (input.type === 'received') this.#oracle.received(this, input.reply)
    if (input.type === 'received' && input.reply.type === 'opened') this.#epoch = input.reply.point.epoch
    const effects = this.peer.step(input, Math.floor(this.#time.now))
    this.#oracle.refused(this)
    this.#oracle.acknowledged(this)
    for (const effect of effects) this.#perform(effect)
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
      case 'replace':
        return this.#replace(effect.updates)
      case 'reopen':
        return this.#reopen(this)
      case 'apply':
        if (effect.update !== this.#seed) this.#oracle.shown(this, effect.update)
        return Y.applyUpdate(this.doc, effect.update, this)
      case 'applyAwareness':
        for (const [client, entry] of decodeAwareness(effect.update, defaultLimits)) this.#hear(client, entry)
        return
      case 'announceAwareness':
        return this.#announce()
      case 'forgetAwareness':
        return this.others.clear()
      case 'tellRefused':
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

  #replace(updates: readonly Uint8Array[]): void {
    this.replacements++
    this.#newDoc()
    for (const update of updates) Y.applyUpdate(this.doc, update, this)
    if (this.doc.store.pendingStructs || this.doc.store.pendingDs)
      throw new Error(`${this.name}: a new replica has a gap`)
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
        this.#oracle.refused(this)
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
    const entry = { clock: ++this.awarenessClock, state: stateOf(this) }
    this.step({ type: 'awareness', update: encodeAwareness(new Map([[this.doc.clientID, entry]])) })
  }
}

/** A browser tab around production Peers: documents on one link, edits, restarts. */
export class SimClient implements End {
  readonly replicas: SimReplica[]
  link: Link | null = null
  access: Access = 'write'
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
    updateBytesMax: number,
  ) {
    this.#random = random
    this.replicas = documents.map(
      (name) =>
        new SimReplica(
          name,
          () => 1 + random.int(2 ** 32 - 1),
          time,
          oracle,
          databases?.get(name) ?? null,
          (replica, effect) => {
            const message = { type: 'session', channel: replica.channel, message: effect.request } as const
            for (const bytes of encodeClientMessage(message, defaultLimits.frameBytesMax)) {
              this.link?.sendTo('relay', bytes)
            }
          },
          (replica) => {
            if (this.link) this.#open(replica)
          },
          updateBytesMax,
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
      if (!replica || message.type === 'signal') continue
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
    for (let i = 0; i < times; i++) editSomething(replica.doc, this.#random, canaryOf(replica.name))
    if (this.#random.chance(0.5)) replica.moveCursor(this.#random.int(100))
  }

  /** Something that no relay takes, with something beside it that it does. */
  overdo(): void {
    overdo(this.#random.pick(this.replicas).doc, this.#random)
  }

  digest(): void {
    for (const replica of this.replicas) replica.step({ type: 'digestDue' })
  }

  #open(replica: SimReplica): void {
    replica.channel = this.#nextChannel++
    replica.step({ type: 'connected' })
  }
}

/** What somebody tells of themselves. */
export function stateOf({ name, cursor }: { readonly name: string; readonly cursor: number }): string {
  return JSON.stringify({ cursor, at: canaryOf(name) })
}

/** One edit that no relay takes. What it deletes beside that comes back. */
export function overdo(doc: Y.Doc, random: Random): void {
  const text = doc.getText('text')
  doc.transact(() => {
    if (text.length > 0 && random.chance(0.5)) text.delete(0, 1)
    if (random.chance(0.5)) doc.getMap('map').set(random.pick(['x', 'y']), tooDeep)
    else text.insert(random.int(text.length + 1), tooLong)
  })
}

/** One edit of some kind. */
export function editSomething(doc: Y.Doc, random: Random, canary = 'def '): void {
  const text = doc.getText('text')
  const map = doc.getMap<unknown>('map')
  const array = doc.getArray<unknown>('array')
  switch (random.int(7)) {
    case 0:
    case 1:
      // no character of two UTF-16 units: an insertion between the two ends differently on each replica of Yjs
      return text.insert(random.int(text.length + 1), random.pick(['a', 'bc', canary, 'ü', '漢']))
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
