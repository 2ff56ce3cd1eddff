import {
  type Clock,
  type Connection,
  connect,
  type DocumentHandle,
  type DocumentStore,
  type Store,
  SynclineError,
  type WebSocketLike,
} from '@syncline/client'
import {
  type Access,
  bodyTypes,
  defaultLimits,
  type Limits,
  type LocalCopy,
  type RowId,
  readEnvelopes,
} from '@syncline/protocol'
import * as Y from 'yjs'
import type { FakeBrowser, FakeTab } from '../../packages/client/src/testing/fakeTabs.js'
import { editSomething, overdo } from './client.js'
import { type End, Link } from './link.js'
import type { Random } from './random.js'
import type { RelayConnection, SimRelay } from './relay.js'
import type { SimDatabase } from './store.js'
import type { TabsOracle } from './tabsOracle.js'
import type { Time } from './time.js'

/** What the tabs of a device share. */
export interface Device {
  readonly browser: FakeBrowser
  readonly databases: ReadonlyMap<string, SimDatabase>
  hasNetwork: boolean
  /** what the relay lets whoever uses it do */
  access: Access
  readonly connections: Set<RelayConnection>
}

/** A document that a tab has open. */
export interface Opened {
  readonly handle: DocumentHandle
  cursor: number
}

/** A tab: the production client on the locks and channels of its device. What comes to it waits while it is frozen. */
export class SimTab {
  readonly device: Device
  readonly connection: Connection
  readonly opened = new Map<string, Opened>()
  /** replicas that took the place of others */
  replacements = 0
  readonly #tab: FakeTab
  readonly #time: Time
  readonly #random: Random
  readonly #oracle: TabsOracle
  readonly #links = new Set<Link>()
  /** when the last thing that is on its way arrives */
  #arrival = 0

  constructor(device: Device, relay: SimRelay, time: Time, random: Random, oracle: TabsOracle) {
    this.device = device
    this.#time = time
    this.#random = random
    this.#oracle = oracle
    this.#tab = device.browser.newTab((run) => {
      this.#arrival = Math.max(this.#arrival, time.now + random.between(0.01, 2))
      time.after(this.#arrival - time.now, run)
    })
    this.#tab.isHidden = random.chance(0.2)
    this.connection = connect('ws://simulated', {
      tabs: this.#tab,
      store: this.#store(),
      clock: this.#clock(),
      random: () => random.next(),
      webSocket: () => new SimSocket(this.#tab, relay, device, time, random, this.#links),
    })
  }

  get isAwake(): boolean {
    return !this.#tab.isFrozen && !this.#tab.isGone
  }

  get isGone(): boolean {
    return this.#tab.isGone
  }

  /** The links of its sockets: one where it leads, none where it follows. */
  get links(): readonly Link[] {
    return [...this.#links].filter((link) => link.open)
  }

  open(name: string): Opened {
    const doc = new Y.Doc()
    doc.clientID = 1 + this.#random.int(2 ** 32 - 1)
    const opened: Opened = { handle: this.connection.open(name, { doc }), cursor: 0 }
    this.opened.set(name, opened)
    this.#oracle.opened(this, opened.handle)
    opened.handle.on('replaced', ({ doc }) => {
      this.replacements++
      doc.clientID = 1 + this.#random.int(2 ** 32 - 1)
      this.#oracle.watch(this, opened.handle)
    })
    return opened
  }

  edit(): void {
    const opened = this.#random.pick([...this.opened.values()])
    const times = 1 + this.#random.int(3)
    for (let i = 0; i < times; i++) editSomething(opened.handle.doc, this.#random)
    this.#oracle.typed(this, opened.handle)
    if (!this.#random.chance(0.5)) return
    opened.cursor = this.#random.int(100)
    opened.handle.awareness.setLocalStateField('cursor', opened.cursor)
  }

  /** Something that no relay takes, and something that it does. */
  overdo(): void {
    const opened = this.#random.pick([...this.opened.values()])
    const { doc } = opened.handle
    overdo(doc, this.#random)
    if (this.#random.chance(0.5)) editSomething(doc, this.#random)
    this.#oracle.typed(this, opened.handle)
  }

  freeze(): void {
    this.#tab.freeze()
  }

  thaw(): void {
    this.#tab.thaw()
  }

  /** Its process is gone. */
  kill(): void {
    this.#oracle.killed(this)
    this.#tab.kill()
    for (const link of this.#links) link.detach('client')
    for (const { handle } of this.opened.values()) handle.doc.destroy()
  }

  #clock(): Clock {
    return {
      now: () => this.#time.now,
      after: (ms, call) => {
        let isCancelled = false
        // a timer that is due while the tab is frozen fires when it thaws
        this.#time.after(Math.max(0, ms), () => this.#tab.isGone || this.#tab.deliver(() => isCancelled || call()))
        return () => {
          isCancelled = true
        }
      },
      soon: (call) => this.#tab.deliver(call),
    }
  }

  #store(): Store {
    const { databases } = this.device
    return {
      open: (_scope, name) => this.#documentStore(databases.get(name)!),
      list: async () => [...databases.keys()],
      pending: async () => {
        const found = await Promise.all([...databases].map(([name, database]) => this.#pendingOf(name, database)))
        return found.flat()
      },
      forget: async () => undefined,
      erase: async () => undefined,
    }
  }

  #pendingOf(name: string, database: SimDatabase): Promise<string[]> {
    return new Promise((resolve) => database.hasPending((is) => this.#tab.deliver(() => resolve(is ? [name] : []))))
  }

  #documentStore(database: SimDatabase): DocumentStore {
    return {
      read: () =>
        new Promise<LocalCopy>((resolve, reject) => {
          database.read({
            done: (copy) => this.#tab.deliver(() => resolve(copy)),
            failed: () => this.#tab.deliver(() => reject(new SynclineError('store_unavailable'))),
          })
        }),
      write: (write) =>
        new Promise<RowId[]>((resolve, reject) => {
          database.write(write, {
            done: (rows) => this.#tab.deliver(() => resolve(rows)),
            failed: (lost) => this.#tab.deliver(() => reject(new SynclineError(lost ? 'store_lost' : 'store_full'))),
          })
        }),
      close: async () => undefined,
    }
  }
}

/** A tab's WebSocket to the simulated relay, which knows sessions only: greetings and pings are answered here. */
class SimSocket implements WebSocketLike, End {
  binaryType = ''
  readyState = 0
  readonly bufferedAmount = 0
  onopen: ((event: never) => void) | null = null
  onmessage: ((event: never) => void) | null = null
  onclose: ((event: never) => void) | null = null
  onerror: ((event: never) => void) | null = null
  readonly #tab: FakeTab
  #relay: RelayConnection | null = null
  #link: Link | null = null
  #limits: Limits = defaultLimits

  constructor(tab: FakeTab, relay: SimRelay, device: Device, time: Time, random: Random, links: Set<Link>) {
    this.#tab = tab
    time.after(random.between(1, 50), () => {
      if (this.readyState === 3 || tab.isGone) return
      if (!relay.alive || !device.hasNetwork) return this.lost()
      this.#limits = relay.limits
      this.#relay = relay.accept()
      this.#relay.access = device.access
      device.connections.add(this.#relay)
      this.#link = new Link(time, random, this, this.#relay)
      this.#relay.link = this.#link
      links.add(this.#link)
      tab.deliver(() => {
        if (this.readyState !== 0) return
        this.readyState = 1
        this.onopen?.({} as never)
      })
    })
  }

  send(data: Uint8Array<ArrayBuffer>): void {
    if (this.readyState !== 1) throw new Error('sent on a socket that is not open')
    const frame = data.slice()
    this.#link?.sendTo('relay', frame)
    for (const { channel, body } of readEnvelopes(frame)) {
      if (channel !== 0) continue
      if (body[0] === bodyTypes.ping) this.#relay?.send({ type: 'pong' })
      if (body[0] === bodyTypes.hello)
        this.#relay?.send({ type: 'welcome', version: 1, limits: this.#limits, agent: '' })
    }
  }

  close(): void {
    this.readyState = 3
    this.#link?.detach('client')
  }

  received(frame: Uint8Array): void {
    const data = frame.slice().buffer
    this.#tab.deliver(() => {
      if (this.readyState === 1) this.onmessage?.({ data } as never)
    })
  }

  lost(): void {
    this.#tab.deliver(() => {
      if (this.readyState === 3) return
      this.readyState = 3
      this.onclose?.({ code: 1006, reason: '' } as never)
    })
  }
}
