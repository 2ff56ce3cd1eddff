import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { memoryStore } from '../store/memory.js'
import type { DocumentStore } from '../store/types.js'
import { FakeClock, type FakeSocket, onChannel, point, turn, world } from '../testing/fakes.js'
import { FakeBrowser, type FakeTab } from '../testing/fakeTabs.js'
import type { ConnectOptions, DocumentHandle } from '../types.js'
import type { TabsPlatform } from './platform.js'

/** Tabs of one browser, on a clock and a relay that are the test's. */
class Device {
  readonly clock = new FakeClock()
  readonly store = memoryStore()
  readonly sockets: FakeSocket[] = []
  readonly #browser = new FakeBrowser()
  #chance = 0

  open(options: ConnectOptions = {}) {
    const tab = this.#browser.newTab()
    const clock = {
      now: () => this.clock.now(),
      after: (ms: number, call: () => void) => this.clock.after(ms, () => tab.deliver(call)),
      soon: (call: () => void) => tab.deliver(call),
    }
    // no two names are the same
    const random = () => (++this.#chance * 0.618) % 1
    const { connection, sockets } = world({ tabs: tab, clock, random, store: this.store, ...options })
    const push = sockets.push.bind(sockets)
    // each socket that any of the tabs opens
    sockets.push = (...made) => {
      this.sockets.push(...made)
      return push(...made)
    }
    this.sockets.push(...sockets)
    return { tab, connection }
  }

  get socket(): FakeSocket {
    return this.sockets.at(-1)!
  }

  get openSockets(): number {
    return this.sockets.filter((socket) => socket.readyState < 3).length
  }
}

/** Everything that can happen without time does. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await turn()
}

/** The relay opens every session that was asked for on a socket and is not open yet, with nothing in the document. */
async function syncAll(socket: FakeSocket, opened = new Set<number>()): Promise<void> {
  for (const { channel } of socket.requests('open')) {
    if (opened.has(channel)) continue
    opened.add(channel)
    await socket.says(
      onChannel(channel, {
        type: 'opened',
        point: point(1),
        stateVector: Y.encodeStateVector(new Y.Doc()),
        access: 'write',
      }),
      onChannel(channel, { type: 'synced', position: 1, chain: 1, update: null }),
    )
  }
  await settle()
}

function type(handle: DocumentHandle, text: string): void {
  handle.doc.getText('text').insert(handle.doc.getText('text').length, text)
}

function text(handle: DocumentHandle): string {
  return handle.doc.getText('text').toString()
}

async function twoTabs(options: ConnectOptions = {}) {
  const device = new Device()
  const a = device.open(options)
  await settle()
  const b = device.open(options)
  const [x, y] = [a.connection.open('x'), b.connection.open('x')]
  await settle()
  return { device, a, b, x, y }
}

async function twoTabsOnline() {
  const here = await twoTabs()
  await here.device.socket.welcome()
  await settle()
  await syncAll(here.device.socket)
  return here
}

async function freezeAndWait(device: Device, tab: FakeTab): Promise<void> {
  tab.freeze()
  await device.clock.pass(1_000)
  await settle()
}

describe('one socket', () => {
  it('carries the sessions of all tabs, each on a channel of its own, behind one hello', async () => {
    const { device, a, b, x, y } = await twoTabsOnline()
    expect(device.sockets).toHaveLength(1)
    expect(device.socket.count('hello')).toBe(1)
    expect(device.socket.requests('open').map(({ channel, message }) => [channel, message.name])).toEqual([
      [1, 'x'],
      [2, 'x'],
    ])
    expect([a, b].map(({ connection }) => connection.state)).toEqual(['online', 'online'])
    expect([x, y].map(({ status }) => status.synced)).toEqual([true, true])
  })

  it('is acknowledged to the tab that typed', async () => {
    const { device, x, y } = await twoTabsOnline()
    type(y, 'hello')
    await settle()
    const { channel, message } = device.socket.requests('update').at(-1)!
    expect(channel).toBe(2)
    expect([x, y].map(({ status }) => status.pending)).toEqual([0, 1])
    expect(text(x)).toBe('hello')
    await device.socket.says(onChannel(channel, { type: 'ack', seq: message.seq, position: 2, chain: 2 }))
    await settle()
    expect(y.status).toMatchObject({ pending: 0, saved: true })
  })

  it('is lost for all at once, and found again by all at once', async () => {
    const { device, a, b } = await twoTabsOnline()
    await device.clock.pass(6_000)
    await device.socket.drop()
    await settle()
    for (let i = 0; i < 6; i++) {
      await device.clock.pass(3_000)
      if (device.socket.readyState === 0) await device.socket.drop()
      await settle()
      expect([a, b].map(({ connection }) => connection.state)).toEqual(['offline', 'offline'])
    }
    while (device.socket.readyState === 3) await device.clock.pass(500)
    await device.socket.welcome()
    await settle()
    expect([a, b].map(({ connection }) => connection.state)).toEqual(['online', 'online'])
  })

  it('stays where one tab goes offline, and moves where that one has it', async () => {
    const { device, a, b, y } = await twoTabsOnline()
    b.connection.goOffline()
    await settle()
    expect(device.socket.requests('close').map(({ channel }) => channel)).toEqual([2])
    expect([a, b].map(({ connection }) => connection.state)).toEqual(['online', 'offline'])
    b.connection.goOnline()
    await settle()
    await syncAll(device.socket, new Set([1, 2]))
    expect(y.status.synced).toBe(true)
    a.connection.goOffline()
    await settle()
    expect(device.sockets).toHaveLength(2)
    expect(device.openSockets).toBe(1)
    await device.socket.welcome()
    await settle()
    expect([a, b].map(({ connection }) => connection.state)).toEqual(['offline', 'online'])
  })

  it('is not shared by identities', async () => {
    const device = new Device()
    device.open({ identity: 'ada' })
    device.open({ identity: 'bo' })
    await settle()
    expect(device.openSockets).toBe(2)
  })

  it('waits for both locks at once, and is opened when the tab is known to live', async () => {
    const device = new Device()
    const tab = new FakeBrowser().newTab()
    let live = () => {}
    const locks: TabsPlatform['locks'] = {
      ...tab.locks,
      request: async (name, options, held) => {
        if (name.endsWith(':leader')) return tab.locks.request(name, options, held)
        await new Promise<void>((resolve) => {
          live = resolve
        })
        return tab.locks.request(name, options, held)
      },
    }
    const channel = (name: string) => tab.channel(name)
    const { connection } = device.open({ tabs: { locks, channel, hidden: () => false } })
    await settle()
    expect((await locks.query()).held?.map(({ name }) => name)).toEqual([expect.stringMatching(/:leader$/)])
    expect(device.sockets).toHaveLength(0)
    live()
    await settle()
    expect(device.sockets).toHaveLength(1)
    await device.socket.welcome()
    await settle()
    expect(connection.state).toBe('online')
  })

  it('is one of its own where the browser gives no locks', async () => {
    const device = new Device()
    const broken = {
      request: () => Promise.reject(new Error('SecurityError')),
      query: () => Promise.reject(new Error('SecurityError')),
    }
    const { connection } = world({
      tabs: { locks: broken, channel: () => expect.fail('no channel is needed'), hidden: () => false },
      webSocket: () => device.sockets[0]!,
      online: false,
    })
    const own = device.open()
    await settle()
    connection.goOnline()
    await settle()
    expect(own.connection.state).toBe('connecting')
    await device.sockets[0]!.welcome()
    expect(connection.state).toBe('online')
  })
})

describe('a leader', () => {
  it('that is gone is followed by another tab at once, whose documents go on', async () => {
    const { device, a, x, y } = await twoTabsOnline()
    type(x, 'left ')
    await settle()
    a.tab.kill()
    await settle()
    expect(device.sockets).toHaveLength(2)
    await device.socket.welcome()
    await settle()
    await syncAll(device.socket)
    const sent = device.socket.requests('update').map(({ message }) => message.update)
    const relay = new Y.Doc()
    for (const update of sent) Y.applyUpdate(relay, update)
    expect(relay.getText('text').toString()).toBe('left ')
    expect(text(y)).toBe('left ')
  })

  it('that is frozen is deposed within a second, and drops its socket before it reads it', async () => {
    const { device, a, b, x, y } = await twoTabsOnline()
    const [old] = device.sockets as [FakeSocket]
    await freezeAndWait(device, a.tab)
    expect(device.sockets).toHaveLength(2)
    await device.socket.welcome()
    await settle()
    await syncAll(device.socket)
    type(y, 'meanwhile')
    await settle()
    expect(text(x)).toBe('')
    a.tab.thaw()
    await settle()
    expect(old.readyState).toBe(3)
    expect(text(x)).toBe('meanwhile')
    expect(device.openSockets).toBe(1)
    expect([a, b].map(({ connection }) => connection.state)).toEqual(['online', 'online'])
  })

  it('that has nothing to say keeps the lead', async () => {
    const { device, b } = await twoTabsOnline()
    for (let i = 0; i < 100; i++) {
      await device.clock.pass(100)
      await settle()
    }
    expect(device.sockets).toHaveLength(1)
    expect(b.connection.state).toBe('online')
  })
})

describe('edits', () => {
  it('reach a tab that was frozen when the other one came, with the cursor', async () => {
    const device = new Device()
    const a = device.open({ online: false })
    const x = a.connection.open('x')
    await settle()
    a.tab.freeze()
    const y = device.open({ online: false }).connection.open('x')
    await settle()
    type(y, 'missed')
    y.awareness.setLocalStateField('cursor', 6)
    await settle()
    expect(text(x)).toBe('')
    a.tab.thaw()
    await settle()
    expect(text(x)).toBe('missed')
    expect(x.awareness.getStates().get(y.awareness.clientID)).toEqual({ cursor: 6 })
  })

  it('go from tab to tab offline, and are pending where they were made', async () => {
    const { x, y } = await twoTabs({ online: false })
    type(x, 'a')
    await settle()
    type(y, 'b')
    await settle()
    expect([text(x), text(y)]).toEqual(['ab', 'ab'])
    expect([x, y].map(({ status }) => status.pending)).toEqual([1, 1])
  })

  it('are there for a tab that opens the document later, also where they are kept nowhere', async () => {
    const { device, x } = await twoTabs({ online: false, store: memoryStore() })
    type(x, 'here')
    await settle()
    const late = device.open({ online: false }).connection.open('x')
    await settle()
    expect(text(late)).toBe('here')
    expect(late.status.pending).toBe(0)
  })

  it('of a tab that is gone become those of who has seen them, where they were kept nowhere', async () => {
    const store = { ...memoryStore(), open: failing } as never
    const { a, x, y } = await twoTabs({ online: false, store })
    type(x, 'seen')
    await settle()
    expect(y.status.pending).toBe(0)
    a.tab.kill()
    await settle()
    expect(y.status.pending).toBe(1)
  })

  it('that build on what was told before a tab came are shown there with that, once it has read its copy', async () => {
    const { x, y, read } = await oneReadsLate()
    type(x, ' and more')
    await settle()
    expect(text(y)).toBe('')
    read()
    await settle()
    expect([text(y), y.status.pending]).toEqual(['typed and more', 0])
  })

  it('are lost with those that they build on, where no tab that is left has shown them', async () => {
    const { a, b, x, y, read } = await oneReadsLate()
    type(x, ' and more')
    x.doc.getText('text').delete(0, 1)
    await settle()
    for (const { tab } of [a, b]) tab.kill()
    await settle()
    read()
    await settle()
    expect([text(y), y.status.pending]).toEqual(['', 0])
    const { pendingStructs, pendingDs } = y.doc.store
    expect([pendingStructs, pendingDs]).toEqual([null, null])
  })

  it('show cursors offline, which go with their tab', async () => {
    const { a, x, y } = await twoTabs({ online: false })
    x.awareness.setLocalStateField('cursor', 7)
    await settle()
    expect(y.awareness.getStates().get(x.doc.clientID)).toEqual({ cursor: 7 })
    a.tab.kill()
    await settle()
    expect(y.awareness.getStates().has(x.doc.clientID)).toBe(false)
  })

  it('of a dead tab are sent by the leader, which has not seen them', async () => {
    const { device, a } = await twoTabsOnline()
    const c = device.open({ online: false })
    const handle = c.connection.open('elsewhere')
    type(handle, 'left behind')
    await handle.keptLocally()
    c.tab.kill()
    await settle()
    expect(device.socket.channelOf('elsewhere')).toBe(3)
    expect(a.connection.state).toBe('online')
  })
})

/** Something was typed and kept nowhere before a third tab comes, which has its copy when the test says so. */
async function oneReadsLate() {
  const { device, a, b, x } = await twoTabs({ online: false, store: { ...memoryStore(), open: failing } as never })
  type(x, 'typed')
  await settle()
  let read = () => {}
  const isRead = new Promise<void>((resolve) => {
    read = resolve
  })
  const copy = memoryStore().open({ relay: '', identity: '' }, 'x')
  const late: DocumentStore = {
    read: () => isRead.then(() => copy.read()),
    write: (write) => copy.write(write),
    close: () => copy.close(),
  }
  const y = device.open({ online: false, store: { ...memoryStore(), open: () => late } as never }).connection.open('x')
  await settle()
  return { a, b, x, y, read }
}

function failing() {
  const fail = () => Promise.reject(new Error('the disk is gone'))
  return { read: fail, write: fail, close: async () => undefined }
}
