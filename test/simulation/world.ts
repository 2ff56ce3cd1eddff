import { mergeUpdates, seedFrom } from '@syncline/protocol'
import * as Y from 'yjs'
import { SimClient, type SimReplica } from './client.js'
import { type DialectClient, type DialectReplica, SimHocuspocusClient, SimYClient } from './dialectClients.js'
import { HocuspocusEnd, YEnd } from './dialects.js'
import { Link } from './link.js'
import { Disk, loadStored, quietDoc } from './log.js'
import { Oracle } from './oracle.js'
import { Random } from './random.js'
import { newEpoch, SimRelay } from './relay.js'
import { stateOf } from './state.js'
import { SimDatabase } from './store.js'
import { Time } from './time.js'

const faultyMs = 20_000
const calmMs = 120_000
const halfOpenTimeoutMs = 20_000

/**
 * Beside links that break and relays that crash: tabs that are closed; or operators that restore an older backup; or a
 * disk that had said yes to a sync and lost it. Closing a tab after the disk forgot something can lose what only that
 * tab still had, and so can a slow reader's resume point after a lie: each kind keeps to itself.
 *
 * Where things are `kept`, tabs share the databases of their device, which are late and fail, and tabs are closed without
 * warning. Beside restores they are closed only when all they have is kept.
 *
 * Clients of other wire protocols are there too, where nothing is refused: those have no word for it.
 *
 * With refusals, some edits are such as no relay takes, clients lose the right to write, and documents have first content.
 */
const kinds = ['tabs', 'tabs', 'restores', 'lies', 'kept', 'kept', 'keptRestores', 'refusals', 'keptRefusals'] as const
type Kind = (typeof kinds)[number]

/** What a world did, to see that it did something. */
export interface WorldReport {
  readonly edits: number
  readonly acknowledgements: number
  readonly crashes: number
  readonly restores: number
  readonly records: number
  readonly compactions: number
  /** of databases: writes that failed, and times that rows became one */
  readonly storeFailures: number
  readonly packs: number
  /** what was set aside */
  readonly refusals: number
  readonly replacements: number
  /** clients of other wire protocols, and what they typed */
  readonly dialectClients: number
  readonly dialectEdits: number
  /** frames with the canary of a document that their client had opened */
  readonly canaries: number
}

/** First content of an application, and of its next version. */
const seeds = ['Title', 'New title'].map((title) => {
  const doc = new Y.Doc()
  doc.getText('text').insert(0, title)
  return Y.encodeStateAsUpdate(doc)
})

/** One seeded world: clients, a relay, a disk, and everything that can go wrong between them; then calm, and the verdict. */
export class World {
  readonly #random: Random
  readonly #time = new Time()
  readonly #disk: Disk
  readonly #oracle: Oracle
  readonly #relay: SimRelay
  readonly #documents: string[]
  readonly #clients: SimClient[] = []
  /** clients of other wire protocols, which stay to the end */
  readonly #dialectClients: readonly DialectClient[]
  readonly #kind: Kind
  readonly #devices: Map<string, SimDatabase>[]
  readonly #readers = new Set<Map<string, SimDatabase>>()
  #calm = false
  #edits = 0
  #dialectEdits = 0
  #crashes = 0
  #restoreCount = 0

  constructor(seed: number) {
    this.#random = new Random(seed)
    this.#disk = new Disk(this.#time, this.#random)
    this.#oracle = new Oracle(this.#disk)
    this.#documents = this.#random.chance(0.3) ? ['a', 'b'] : ['a']
    this.#kind = this.#random.pick(kinds)
    const updateBytesMax = this.#refuses ? 600 : Number.POSITIVE_INFINITY
    this.#relay = new SimRelay(this.#disk, this.#time, this.#random, updateBytesMax)
    for (const document of this.#documents) this.#relay.canaries.of(document)
    const devices = this.#keeps ? [0, 1] : []
    this.#devices = devices.map(
      () => new Map(this.#documents.map((name) => [name, new SimDatabase(this.#time, this.#random)])),
    )
    const clients = 2 + this.#random.int(3)
    for (let i = 0; i < clients; i++) this.#clients.push(this.#newClient())
    this.#dialectClients = this.#refuses ? [] : this.#newDialectClients()
    for (const client of this.#dialectClients) this.#reconnectDialect(client)
  }

  /** Runs the world to its end. Throws where a promise was broken. */
  run(): WorldReport {
    this.#schedule()
    this.#time.runUntil(faultyMs)
    this.#calm = true
    for (const database of this.#databases) database.isReliable = true
    // who comes back to a device days later finds what tabs have left there
    this.#time.after(10_000, () => {
      for (const device of this.#devices) this.#clients.push(this.#newClient(device))
    })
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
      restores: this.#restoreCount,
      records: [...this.#disk.documents.values()].reduce((sum, stored) => sum + stored.records.length, 0),
      compactions: this.#disk.compactions,
      storeFailures: this.#databases.reduce((sum, database) => sum + database.failures, 0),
      packs: this.#databases.reduce((sum, database) => sum + database.packs, 0),
      refusals: this.#oracle.refusals,
      replacements: this.#clients
        .flatMap(({ replicas }) => replicas)
        .reduce((sum, { replacements }) => sum + replacements, 0),
      dialectClients: this.#dialectClients.length,
      dialectEdits: this.#dialectEdits,
      canaries: this.#relay.canaries.seen,
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
    for (const client of this.#dialectClients) {
      for (let i = this.#random.int(12); i > 0; i--) {
        this.#during(() => {
          this.#dialectEdits++
          client.edit()
        })
      }
      for (let i = this.#random.int(3); i > 0; i--) this.#during(() => client.link?.cut(this.#random.pick([1, 2_000])))
    }
    if (this.#refuses) {
      for (let i = this.#random.int(4); i > 0; i--) this.#during(() => this.#random.pick(this.#clients).overdo())
      if (this.#random.chance(0.4)) this.#during(() => this.#downgrade())
    }
    const faults = this.#random.int(14)
    for (let i = 0; i < faults; i++) this.#during(this.#random.pick(this.#faults))
    const slowReaders = this.#kind === 'lies' ? 0 : this.#random.int(6)
    for (let i = 0; i < slowReaders; i++) this.#during(() => this.#relay.congest(0.5))
    const compactions = this.#random.int(8)
    for (let i = 0; i < compactions; i++) {
      this.#during(() => this.#relay.compact(this.#random.pick(this.#documents)))
    }
    const digests = this.#random.int(3)
    for (let i = 0; i < digests; i++) this.#during(() => this.#random.pick(this.#clients).digest())
  }

  readonly #faults: (() => void)[] = [
    () => this.#random.pick(this.#clients).link?.cut(this.#random.pick([1, 2_000])),
    () => this.#random.pick(this.#clients).link?.halfOpen(this.#random.pick(['client', 'relay']), halfOpenTimeoutMs),
    () => this.#crashRelay(),
    () => this.#crashRelay(),
    () => (this.#restores ? this.#crashRelay(() => this.#forget()) : this.#restartClient()),
    () => (this.#keeps ? this.#restartClient() : undefined),
    () => (this.#keeps ? this.#restartClient() : undefined),
    () => this.#crashBehindSlowReaders(),
  ]

  #during(run: () => void): void {
    this.#time.after(this.#random.between(0, faultyMs), run)
  }

  #newClient(device = this.#keeps ? this.#random.pick(this.#devices) : null): SimClient {
    const client = new SimClient(
      this.#documents,
      this.#time,
      this.#random,
      this.#oracle,
      device,
      this.#relay.limits.updateBytesMax,
    )
    if (device && this.#readers.has(device)) client.access = 'read'
    if (this.#refuses) {
      for (const replica of client.replicas) {
        if (this.#random.chance(0.5)) replica.beginWith(seedFrom(this.#random.pick(seeds), replica.name))
      }
    }
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
    end.access = client.access
    client.connect(link)
  }

  #newDialectClients(): DialectClient[] {
    const clients: DialectClient[] = []
    if (this.#random.chance(0.3))
      clients.push(new SimYClient(this.#random.pick(this.#documents), this.#oracle, this.#time, this.#random))
    if (this.#random.chance(0.3))
      clients.push(new SimHocuspocusClient(this.#documents, this.#oracle, this.#time, this.#random))
    return clients
  }

  #reconnectDialect(client: DialectClient): void {
    this.#time.after(this.#random.between(1, 1_000), () => {
      if (client.link === null && this.#relay.alive) {
        const end =
          client instanceof SimYClient ? new YEnd(this.#relay, client.replicas[0].name) : new HocuspocusEnd(this.#relay)
        end.link = new Link(this.#time, this.#random, client, this.#relay.acceptAs(end))
        client.connect(end.link)
      }
      this.#reconnectDialect(client)
    })
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
    if (this.#kind === 'lies' || !this.#restores || this.#calm) return
    this.#relay.congest(1)
    for (let i = 0; i < 4; i++)
      this.#time.after(this.#random.between(0, 800), () => this.#random.pick(this.#clients).edit())
    this.#time.after(1_000, () => this.#crashRelay(() => this.#forget()))
  }

  /** A person loses the right to write, on every tab of the device; the relay ends the sessions. */
  #downgrade(): void {
    const client = this.#random.pick(this.#clients)
    const device = this.#devices.find((each) =>
      client.replicas.some(({ name, database }) => each.get(name) === database),
    )
    if (device) this.#readers.add(device)
    for (const other of this.#clients) {
      const isTheirs = device && other.replicas.some(({ name, database }) => device.get(name) === database)
      if (other !== client && !isTheirs) continue
      other.access = 'read'
      other.link?.cut(100)
    }
  }

  #forget(): void {
    this.#restoreCount++
    if (this.#kind !== 'lies') this.#disk.restoreOlder(() => newEpoch(this.#random))
    else this.#disk.loseLast()
    this.#oracle.forgotten()
  }

  /** A tab is closed, and another one opened. Without a local store its unsaved edits are gone, as it was told. */
  #restartClient(): void {
    const client = this.#random.pick(this.#clients)
    // what a relay forgets, only those that had it can bring back
    if (this.#calm || (this.#kind === 'keptRestores' && !client.isKept)) return
    this.#clients.splice(this.#clients.indexOf(client), 1)
    client.close()
    this.#clients.push(this.#newClient())
  }

  get #keeps(): boolean {
    return this.#kind === 'kept' || this.#kind === 'keptRestores' || this.#kind === 'keptRefusals'
  }

  get #restores(): boolean {
    return this.#kind !== 'tabs' && this.#kind !== 'kept' && !this.#refuses
  }

  get #refuses(): boolean {
    return this.#kind === 'refusals' || this.#kind === 'keptRefusals'
  }

  get #databases(): SimDatabase[] {
    return this.#devices.flatMap((device) => [...device.values()])
  }

  #verdict(): void {
    // a disk that went back can surprise a client that had moved on; otherwise clients of ours give no reason
    const notes = this.#relay.notes.filter((each) => each.event !== 'rejected' || !this.#refuses)
    const [note] = !this.#restores ? notes : []
    if (note) throw new Error(`the relay noted ${note.event}`)
    for (const document of this.#documents) {
      const fresh = this.#load(document)
      this.#oracle.checkLog(document, fresh)
      const replicas = this.#clients.map(
        (client) => client.replicas.find(({ name }) => name === document) as SimReplica,
      )
      const guests = this.#dialectClients.flatMap((client) => client.replicas.filter(({ name }) => name === document))
      for (const replica of replicas) checkReplica(replica, fresh)
      for (const guest of guests) checkEqual(guest, fresh)
      for (const replica of replicas) this.#oracle.checkRefused(replica)
      checkAwareness([...replicas, ...guests])
      for (const replica of replicas) checkCopy(replica, fresh, !this.#restores)
    }
  }

  /** A fresh load of all records, one by one: no prefix may leave anything pending. Compaction gives the same. */
  #load(document: string): Y.Doc {
    const doc = quietDoc()
    for (const record of this.#disk.documents.get(document)?.records ?? []) {
      Y.applyUpdate(doc, mergeUpdates(record.runs.map((run) => run.update)))
      if (doc.store.pendingStructs || doc.store.pendingDs)
        throw new Error(`${document}: record ${record.position} has a gap`)
    }
    const stored = this.#disk.stored(document)
    if (stored?.base) {
      const [compacted, all] = [stateOf(loadStored(stored)), stateOf(doc)]
      if (compacted !== all) throw new Error(`${document}: compaction changed the document:\n${compacted}\n${all}`)
    }
    return doc
  }
}

function checkReplica({ name, doc, peer }: SimReplica, fresh: Y.Doc): void {
  if (peer.state.at !== 'live') throw new Error(`${name}: a peer is ${peer.state.at} after the calm`)
  if (peer.pending > 0) throw new Error(`${name}: ${peer.pending} changes are pending after the calm`)
  checkEqual({ name, doc }, fresh)
}

function checkEqual({ name, doc }: Pick<SimReplica, 'name' | 'doc'>, fresh: Y.Doc): void {
  const [ours, theirs] = [stateOf(doc), stateOf(fresh)]
  if (ours !== theirs) throw new Error(`${name}: a replica differs from the log:\n${ours}\n${theirs}`)
}

/**
 * What a tab would find that opens the document now, without a relay.
 *
 * @param marked whether every row must be marked as saved: a tab that learns late of a new epoch makes others forget marks
 */
function checkCopy({ name, database, peer }: SimReplica, fresh: Y.Doc, marked: boolean): void {
  if (database === null) return
  const { rows, resume } = database.copy
  const unsaved = rows.filter((row) => !row.saved).length
  if (peer.writing || peer.kept < peer.edits)
    throw new Error(`${name}: something is still to be written after the calm`)
  if (marked && unsaved > 0) throw new Error(`${name}: ${unsaved} rows are not marked as saved after the calm`)
  if (marked && resume?.position !== peer.resume?.position)
    throw new Error(`${name}: the resume point is behind after the calm`)
  const doc = quietDoc()
  for (const row of rows) Y.applyUpdate(doc, row.update)
  const [ours, theirs] = [stateOf(doc), stateOf(fresh)]
  if (ours !== theirs) throw new Error(`${name}: a local copy differs from the log:\n${ours}\n${theirs}`)
}

function checkAwareness(replicas: readonly (SimReplica | DialectReplica)[]): void {
  for (const replica of replicas) {
    const expected = replicas
      .filter((other) => other !== replica)
      .map((other) => `${other.doc.clientID}:${other.cursor}`)
      .sort()
    const seen = [...replica.others].map(([id, { state }]) => `${id}:${JSON.parse(state ?? '').cursor}`).sort()
    if (seen.join() !== expected.join()) throw new Error(`${replica.name}: sees [${seen}], there are [${expected}]`)
  }
}
