import { mergeUpdates } from '@syncline/protocol'
import * as Y from 'yjs'
import { SimClient, type SimReplica } from './client.js'
import { Link } from './link.js'
import { Disk } from './log.js'
import { Oracle } from './oracle.js'
import { Random } from './random.js'
import { newEpoch, SimRelay } from './relay.js'
import { Time } from './time.js'

const faultyMs = 20_000
const calmMs = 120_000
const halfOpenTimeoutMs = 20_000

/**
 * Beside links that break and relays that crash: tabs that are closed; or operators that restore an older backup; or a
 * disk that had said yes to a sync and lost it. Closing a tab after the disk forgot something can lose what only that
 * tab still had, and so can a slow reader's resume point after a lie: each kind keeps to itself.
 */
const kinds = ['tabs', 'tabs', 'restores', 'lies'] as const
type Kind = (typeof kinds)[number]

/** What a world did, to see that it did something. */
export interface WorldReport {
  readonly edits: number
  readonly acknowledgements: number
  readonly crashes: number
  readonly restores: number
  readonly records: number
}

/** One seeded world: clients, a relay, a disk, and everything that can go wrong between them; then calm, and the verdict. */
export class World {
  readonly #random: Random
  readonly #time = new Time()
  readonly #disk: Disk
  readonly #oracle: Oracle
  readonly #relay: SimRelay
  readonly #documents: string[]
  readonly #clients: SimClient[] = []
  readonly #kind: Kind
  #calm = false
  #edits = 0
  #crashes = 0
  #restores = 0

  constructor(seed: number) {
    this.#random = new Random(seed)
    this.#disk = new Disk(this.#time, this.#random)
    this.#oracle = new Oracle(this.#disk)
    this.#relay = new SimRelay(this.#disk, this.#time, this.#random)
    this.#documents = this.#random.chance(0.3) ? ['a', 'b'] : ['a']
    this.#kind = this.#random.pick(kinds)
    const clients = 2 + this.#random.int(3)
    for (let i = 0; i < clients; i++) this.#clients.push(this.#newClient())
  }

  /** Runs the world to its end. Throws where a promise was broken. */
  run(): WorldReport {
    this.#schedule()
    this.#time.runUntil(faultyMs)
    this.#calm = true
    if (!this.#relay.alive) this.#relay.restart()
    this.#time.runUntil(faultyMs + calmMs)
    this.#verdict()
    // what a digest would heal must not have been there: so once more
    for (const client of this.#clients) client.digest()
    this.#time.runUntil(faultyMs + calmMs + 10_000)
    this.#verdict()
    return {
      edits: this.#edits,
      acknowledgements: this.#oracle.acknowledgements,
      crashes: this.#crashes,
      restores: this.#restores,
      records: [...this.#disk.documents.values()].reduce((sum, stored) => sum + stored.records.length, 0),
    }
  }

  #schedule(): void {
    const edits = 20 + this.#random.int(60)
    for (let i = 0; i < edits; i++) {
      this.#during(() => {
        this.#edits++
        this.#random.pick(this.#clients).edit()
      })
    }
    const faults = this.#random.int(14)
    for (let i = 0; i < faults; i++) this.#during(this.#random.pick(this.#faults))
    const slowReaders = this.#kind === 'lies' ? 0 : this.#random.int(6)
    for (let i = 0; i < slowReaders; i++) this.#during(() => this.#relay.congest(0.5))
    const digests = this.#random.int(3)
    for (let i = 0; i < digests; i++) this.#during(() => this.#random.pick(this.#clients).digest())
  }

  readonly #faults: (() => void)[] = [
    () => this.#random.pick(this.#clients).link?.cut(this.#random.pick([1, 2_000])),
    () => this.#random.pick(this.#clients).link?.halfOpen(this.#random.pick(['client', 'relay']), halfOpenTimeoutMs),
    () => this.#crashRelay(),
    () => this.#crashRelay(),
    () => (this.#kind === 'tabs' ? this.#restartClient() : this.#crashRelay(() => this.#forget())),
    () => this.#crashBehindSlowReaders(),
  ]

  #during(run: () => void): void {
    this.#time.after(this.#random.between(0, faultyMs), run)
  }

  #newClient(): SimClient {
    const client = new SimClient(this.#documents, this.#time, this.#random, this.#oracle)
    this.#reconnect(client)
    return client
  }

  /** A client without a link tries again and again, as the shell's backoff does. */
  #reconnect(client: SimClient): void {
    this.#time.after(this.#random.between(1, 1_000), () => {
      if (!this.#clients.includes(client)) return
      if (client.link === null && this.#relay.alive) this.#connect(client)
      this.#reconnect(client)
    })
  }

  #connect(client: SimClient): void {
    const end = this.#relay.accept()
    const link = new Link(this.#time, this.#random, client, end)
    end.link = link
    client.connect(link)
  }

  #crashRelay(meanwhile: () => void = () => {}): void {
    if (!this.#relay.alive || this.#calm) return
    this.#crashes++
    this.#relay.crash()
    meanwhile()
    this.#time.after(this.#random.between(1, 3_000), () => this.#relay.restart())
  }

  /** Resume points lie behind what was acknowledged, and then the disk goes back to somewhere between the two. */
  #crashBehindSlowReaders(): void {
    if (this.#kind !== 'restores' || this.#calm) return
    this.#relay.congest(1)
    for (let i = 0; i < 4; i++)
      this.#time.after(this.#random.between(0, 800), () => this.#random.pick(this.#clients).edit())
    this.#time.after(1_000, () => this.#crashRelay(() => this.#forget()))
  }

  #forget(): void {
    this.#restores++
    if (this.#kind === 'restores') this.#disk.restoreOlder(() => newEpoch(this.#random))
    else this.#disk.loseLast()
    this.#oracle.forgotten()
  }

  /** A tab without a local store is closed, and another one opened: its unsaved edits are gone, as it was told. */
  #restartClient(): void {
    const index = this.#random.int(this.#clients.length)
    const [client] = this.#clients.splice(index, 1)
    client?.link?.detach('client')
    this.#clients.push(this.#newClient())
  }

  #verdict(): void {
    // a disk that went back can surprise a client that had moved on; otherwise clients of ours give no reason
    const [note] = this.#kind === 'tabs' ? this.#relay.notes : []
    if (note) throw new Error(`the relay noted ${note.event}`)
    for (const document of this.#documents) {
      const fresh = this.#load(document)
      this.#oracle.checkLog(document, fresh)
      const replicas = this.#clients.map(
        (client) => client.replicas.find(({ name }) => name === document) as SimReplica,
      )
      for (const replica of replicas) checkReplica(replica, fresh)
      checkAwareness(replicas)
    }
  }

  /** A fresh load of the log, record by record: no prefix may leave anything pending. */
  #load(document: string): Y.Doc {
    const doc = new Y.Doc()
    // clean-up of formatting would author deletes that no peer ever gets
    doc.on('afterTransaction', (transaction) => {
      transaction._needFormattingCleanup = false
    })
    for (const record of this.#disk.stored(document)?.records ?? []) {
      Y.applyUpdate(doc, mergeUpdates(record.runs.map((run) => run.update)))
      if (doc.store.pendingStructs || doc.store.pendingDs)
        throw new Error(`${document}: record ${record.position} has a gap`)
    }
    return doc
  }
}

function checkReplica({ name, doc, peer }: SimReplica, fresh: Y.Doc): void {
  if (peer.state.at !== 'live') throw new Error(`${name}: a peer is ${peer.state.at} after the calm`)
  if (peer.pending > 0) throw new Error(`${name}: ${peer.pending} changes are pending after the calm`)
  const [ours, theirs] = [state(doc), state(fresh)]
  if (ours !== theirs) throw new Error(`${name}: a replica differs from the log:\n${ours}\n${theirs}`)
}

function checkAwareness(replicas: readonly SimReplica[]): void {
  for (const replica of replicas) {
    const expected = replicas
      .filter((other) => other !== replica)
      .map((other) => `${other.doc.clientID}:${other.cursor}`)
      .sort()
    const seen = [...replica.others].map(([id, { state }]) => `${id}:${JSON.parse(state ?? '').cursor}`).sort()
    if (seen.join() !== expected.join()) throw new Error(`${replica.name}: sees [${seen}], there are [${expected}]`)
  }
}

/** State vector, deletes and content, comparable as text. */
function state(doc: Y.Doc): string {
  const { structs, ds } = Y.decodeUpdate(Y.encodeStateAsUpdate(doc))
  const clocks = [...Y.decodeStateVector(Y.encodeStateVector(doc))].sort(([a], [b]) => a - b)
  const deletes = [...ds.clients]
    .sort(([a], [b]) => a - b)
    .map(([client, ranges]) => [client, ranges.map(({ clock, len }) => [clock, len])])
  const map = Object.entries(doc.getMap('map').toJSON()).sort(([a], [b]) => (a < b ? -1 : 1))
  const json = [doc.getText('text').toDelta(), map, doc.getArray('array').toJSON()]
  return JSON.stringify({ clocks, deletes, json, structs: structs.length > 0 })
}
