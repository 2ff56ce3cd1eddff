import { setImmediate } from 'node:timers/promises'
import { defaultLimits } from '@syncline/protocol'
import { FakeBrowser } from '../../packages/client/src/testing/fakeTabs.js'
import { Disk, loadStored } from './log.js'
import { Random } from './random.js'
import { SimRelay } from './relay.js'
import { stateOf } from './state.js'
import { SimDatabase } from './store.js'
import { type Device, SimTab } from './tab.js'
import { TabsOracle } from './tabsOracle.js'
import { Time } from './time.js'

const faultyMs = 15_000
// what nobody has open is looked for again within 90 s, where it could not be read or marked
const calmMs = 100_000
/** the calm ends when all was well twice in a row, so far apart; some worlds wait for what happens each minute */
const lookMs = 5_000
const patientWorlds = 0.1
const tabsMax = 5
/** those in which edits are typed that no relay takes, and people lose the right to write */
const refusingWorlds = 0.5

/** What a world of tabs did, to see that it did something. */
export interface TabsReport {
  readonly edits: number
  readonly kept: number
  readonly saved: number
  readonly kills: number
  readonly freezes: number
  readonly crashes: number
  /** of replicas, where something was refused */
  readonly replacements: number
  readonly storeFailures: number
}

/**
 * One seeded world of several tabs on a device, and another device: the production client in each tab, on the production
 * Room. Tabs are killed and frozen, databases are late and fail, links break, the relay crashes; then calm, and the verdict.
 */
export class TabsWorld {
  readonly #random: Random
  readonly #time = new Time()
  readonly #disk: Disk
  readonly #oracle: TabsOracle
  readonly #relay: SimRelay
  readonly #documents: string[]
  readonly #devices: Device[]
  readonly #tabs: SimTab[] = []
  readonly #refuses: boolean
  #calm = false
  #kills = 0
  #freezes = 0
  #crashes = 0
  #replacements = 0

  constructor(seed: number) {
    this.#random = new Random(seed)
    this.#disk = new Disk(this.#time, this.#random)
    this.#oracle = new TabsOracle(this.#disk)
    this.#refuses = this.#random.chance(refusingWorlds)
    const updateBytesMax = this.#refuses ? 600 : defaultLimits.updateBytesMax
    this.#relay = new SimRelay(this.#disk, this.#time, this.#random, updateBytesMax)
    this.#documents = this.#random.chance(0.5) ? ['a', 'b'] : ['a']
    this.#devices = [0, 1].map(() => this.#newDevice())
    const tabs = 2 + this.#random.int(tabsMax - 2)
    for (let i = 0; i < tabs; i++) this.#openTab(this.#devices[0]!)
    this.#openTab(this.#devices[1]!)
  }

  /** Runs the world to its end. Rejects where a promise was broken. */
  async run(): Promise<TabsReport> {
    try {
      this.#schedule()
      await this.#runUntil(faultyMs)
      this.#calmDown()
      await this.#untilAllIsWell()
      for (const tab of this.#tabs) this.#replacements += tab.replacements
      return {
        edits: this.#oracle.edits,
        kept: this.#oracle.kept,
        saved: this.#oracle.saved,
        kills: this.#kills,
        freezes: this.#freezes,
        crashes: this.#crashes,
        replacements: this.#replacements,
        storeFailures: this.#databases.reduce((sum, database) => sum + database.failures, 0),
      }
    } finally {
      for (const tab of this.#tabs) tab.kill()
    }
  }

  async #untilAllIsWell(): Promise<void> {
    const end = faultyMs + calmMs
    let wasWell = false
    for (let at = this.#random.chance(patientWorlds) ? end : faultyMs + lookMs; ; at += lookMs) {
      await this.#runUntil(at)
      const isWell = this.#isWell(at >= end)
      if (isWell && (wasWell || at >= end)) return
      wasWell = isWell
    }
  }

  #isWell(mustBe: boolean): boolean {
    try {
      this.#verdict()
      return true
    } catch (error) {
      if (mustBe) throw error
      return false
    }
  }

  /** Everything that follows from one thing happens before the next one. */
  async #runUntil(end: number): Promise<void> {
    while (this.#time.step(end)) {
      await setImmediate()
      const [broken] = this.#oracle.broken
      if (broken) throw new Error(broken)
    }
  }

  #schedule(): void {
    const edits = 20 + this.#random.int(60)
    for (let i = 0; i < edits; i++) this.#during(() => this.#awake()?.edit())
    const refusals = this.#refuses ? this.#random.int(4) : 0
    for (let i = 0; i < refusals; i++) this.#during(() => this.#awake()?.overdo())
    const losesAccess = this.#refuses && this.#random.chance(0.4)
    const changes = losesAccess ? 1 + this.#random.int(2) : 0
    for (let i = 0; i < changes; i++) this.#during(() => this.#changeAccess(this.#random.pick(this.#devices)))
    const faults = 2 + this.#random.int(14)
    for (let i = 0; i < faults; i++) this.#during(this.#random.pick(this.#faults))
  }

  /** A person loses the right to write, or has it again, with all tabs of the device. */
  #changeAccess(device: Device): void {
    device.access = device.access === 'write' ? 'read' : 'write'
    if (this.#random.chance(0.5)) for (const connection of device.connections) connection.grant(device.access)
    else this.#cutLinks(device)
  }

  readonly #faults: (() => void)[] = [
    () => this.#killTab(),
    () => this.#killTab(),
    () => this.#closeTab(),
    () => this.#freezeTab(),
    () => this.#freezeTab(),
    () => this.#goOffline(),
    () => this.#loseNetwork(),
    () => this.#crashRelay(),
    () => this.#cutLink(),
    () => this.#typeAndDie(),
    () => this.#typeOfflineAndDie(),
    () => this.#typeOfflineAndDie(),
    () => this.#killBrowser(),
    () => this.#killBrowser(),
  ]

  #during(run: () => void): void {
    this.#time.after(this.#random.between(0, faultyMs), run)
  }

  #newDevice(): Device {
    const database = (name: string) => [name, new SimDatabase(this.#time, this.#random)] as const
    const databases = new Map(this.#documents.map(database))
    return { browser: new FakeBrowser(), databases, hasNetwork: true, access: 'write', connections: new Set() }
  }

  #openTab(device: Device): void {
    const tab = new SimTab(device, this.#relay, this.#time, this.#random, this.#oracle)
    this.#tabs.push(tab)
    const [first, ...others] = this.#documents
    tab.open(first!)
    for (const name of others) if (this.#random.chance(0.5)) tab.open(name)
  }

  #awake(): SimTab | undefined {
    const awake = this.#tabs.filter((tab) => tab.isAwake && tab.opened.size > 0)
    return awake.length > 0 ? this.#random.pick(awake) : undefined
  }

  #killTab(tab = this.#random.pick(this.#tabs)): void {
    if (this.#calm || tab.isGone) return
    this.#kills++
    tab.kill()
    this.#replace(tab)
  }

  /** The one with the sharpest edges: others have seen what was typed, and may build on it. */
  #typeAndDie(): void {
    const tab = this.#awake()
    if (!tab) return
    tab.edit()
    this.#time.after(this.#random.between(0, 10), () => this.#awake()?.edit())
    this.#time.after(this.#random.between(0, 20), () => this.#killTab(tab))
  }

  /** What was typed without a network is kept by a tab that will not be there to send it. */
  #typeOfflineAndDie(): void {
    const tab = this.#awake()
    if (!tab) return
    this.#loseNetwork(tab.device, 4_000)
    this.#time.after(500, () => tab.isAwake && tab.opened.size > 0 && tab.edit())
    this.#time.after(this.#random.between(600, 3_000), () => this.#killTab(tab))
  }

  /** All tabs of a device end at once, while they build on what the others type. */
  #killBrowser(): void {
    const device = this.#random.pick(this.#devices)
    const tabs = this.#tabs.filter((tab) => tab.device === device)
    for (let i = 0; i < 6; i++) {
      this.#time.after(this.#random.between(0, 40), () => {
        const tab = this.#random.pick(tabs)
        if (tab.isAwake && tab.opened.size > 0) tab.edit()
      })
    }
    // whoever comes meanwhile has heard half of it
    if (this.#random.chance(0.5)) this.#time.after(this.#random.between(0, 40), () => this.#openTab(device))
    this.#time.after(this.#random.between(20, 60), () => {
      for (const tab of tabs) this.#killTab(tab)
    })
  }

  #closeTab(): void {
    const tab = this.#awake()
    if (!tab || this.#calm) return
    const { opened } = tab
    void tab.connection.close().then(() => {
      if (tab.isGone) return
      tab.kill()
      this.#replace(tab)
    })
    opened.clear()
  }

  #replace(tab: SimTab): void {
    this.#replacements += tab.replacements
    this.#tabs.splice(this.#tabs.indexOf(tab), 1)
    const { device } = tab
    const isLast = !this.#tabs.some((other) => other.device === device)
    this.#time.after(isLast ? 1 : this.#random.between(1, 5_000), () => this.#openTab(device))
    if (isLast) this.#openTab(device)
  }

  #freezeTab(): void {
    const tab = this.#awake()
    if (!tab) return
    this.#freezes++
    tab.freeze()
    this.#time.after(this.#random.pick([300, 1_500, 6_000]) * this.#random.between(0.5, 1.5), () => tab.thaw())
  }

  #goOffline(): void {
    const tab = this.#awake()
    tab?.connection.goOffline()
    this.#time.after(this.#random.between(1, 5_000), () => tab?.isGone || tab?.connection.goOnline())
  }

  #loseNetwork(device = this.#random.pick(this.#devices), ms = this.#random.between(1, 5_000)): void {
    device.hasNetwork = false
    this.#cutLinks(device)
    this.#time.after(ms, () => {
      device.hasNetwork = true
    })
  }

  #cutLinks(device: Device): void {
    for (const tab of this.#tabs) if (tab.device === device) for (const link of tab.links) link.cut(100)
  }

  #cutLink(): void {
    const links = this.#tabs.flatMap((tab) => tab.links)
    if (links.length > 0) this.#random.pick(links).cut(this.#random.pick([1, 2_000]))
  }

  #crashRelay(): void {
    if (!this.#relay.alive || this.#calm) return
    this.#crashes++
    this.#relay.crash()
    this.#time.after(this.#random.between(1, 3_000), () => this.#relay.restart())
  }

  #calmDown(): void {
    this.#calm = true
    for (const database of this.#databases) database.isReliable = true
    for (const device of this.#devices) device.hasNetwork = true
    for (const tab of this.#tabs) {
      if (!tab.isGone) tab.thaw()
      if (tab.opened.size > 0) tab.connection.goOnline()
    }
    if (!this.#relay.alive) this.#relay.restart()
  }

  get #databases(): SimDatabase[] {
    return this.#devices.flatMap((device) => [...device.databases.values()])
  }

  #verdict(): void {
    if (this.#relay.connections !== this.#devices.length)
      throw new Error(`${this.#relay.connections} sockets for ${this.#devices.length} devices`)
    for (const name of this.#documents) {
      const stored = this.#disk.stored(name)
      if (!stored) continue
      const fresh = loadStored(stored)
      this.#oracle.check(name, fresh)
      this.#checkReplicas(name, stateOf(fresh))
      for (const [index, device] of this.#devices.entries()) {
        // a mark that could not be written for a document that nobody has open is written when it is sent again
        if (!this.#tabs.some((tab) => tab.device === device && tab.opened.has(name))) continue
        const unsaved = device.databases.get(name)!.copy.rows.filter((row) => !row.saved).length
        if (unsaved > 0) throw new Error(`${name}: ${unsaved} rows of device ${index} are not marked as saved`)
      }
    }
  }

  #checkReplicas(name: string, log: string): void {
    const opened = this.#tabs.flatMap((tab) => tab.opened.get(name) ?? [])
    const expected = opened.map(({ handle, cursor }) => `${handle.awareness.clientID}:${cursor}`).sort()
    for (const { handle } of opened) {
      const { synced, pending, unkept } = handle.status
      if (!synced || pending > 0 || unkept > 0)
        throw new Error(`${name}: after the calm the status is ${JSON.stringify(handle.status)}`)
      const { pendingStructs, pendingDs } = handle.doc.store
      if (pendingStructs || pendingDs) throw new Error(`${name}: a replica waits for what will never come`)
      const ours = stateOf(handle.doc)
      if (ours !== log) throw new Error(`${name}: a replica differs from the log:\n${ours}\n${log}`)
      const states = [...handle.awareness.getStates()]
      const seen = states.map(([client, state]) => `${client}:${state.cursor ?? 0}`).sort()
      if (seen.join() !== expected.join()) throw new Error(`${name}: sees [${seen}], there are [${expected}]`)
    }
  }
}
