import type { Clock, Connection, DocumentHandle } from '@syncline/client'
import { authorizeByJwt } from '@syncline/server'
import { describe, expect, onTestFinished, test } from 'vitest'
import type * as Y from 'yjs'
import { launchBrowser, withoutBrowser } from '../support/browser.js'
import { secret, signed } from '../support/issuer.js'
import { seededRandom } from '../support/random.js'
import { startRelay as startProcess } from '../support/relay.js'
import { until, within } from '../support/until.js'
import { openTab, startRelayWithPage } from './browser.js'
import { Middlebox } from './middlebox.js'
import { join, startRelay } from './world.js'

const http = { transport: 'http', retryMsMax: 200 } as const

function textOf(handle: DocumentHandle): Y.Text {
  return handle.doc.getText('text')
}

async function together(...handles: DocumentHandle[]): Promise<void> {
  const texts = () => handles.map((handle) => textOf(handle).toString())
  await until('equal replicas', () => texts().every((text) => text === texts()[0]), { seen: texts })
}

/** A clock that runs too fast. */
function fastClock(times: number): Clock {
  return {
    now: () => performance.now() * times,
    after(ms, call) {
      const timer = setTimeout(call, ms / times)
      return () => clearTimeout(timer)
    },
    soon: setImmediate,
  }
}

const longMs = 100_000

/** What waits for minutes waits a thousandth of that. All else has its time: a handshake within 5 ms would be luck. */
const impatientClock: Clock = {
  ...fastClock(1),
  after: (ms, call) => fastClock(ms < longMs ? 1 : 1_000).after(ms, call),
}

async function online(connection: Connection): Promise<void> {
  await until('the connection', () => connection.state === 'online')
}

describe('without WebSockets', () => {
  test('two people type at once, beside one who has a WebSocket', async () => {
    const relay = await startRelay()
    const [adas, bens, cys] = [join(relay, http), join(relay, http), join(relay)]
    const all = [adas, bens, cys].map((connection) => connection.open('page'))
    await within('the syncs', Promise.all(all.map(({ synced }) => synced)))
    expect([adas, bens, cys].map(({ transport }) => transport)).toEqual(['http', 'http', 'websocket'])
    for (let i = 0; i < 50; i++) {
      for (const [person, handle] of all.entries()) textOf(handle).insert(textOf(handle).length, `${person}.${i} `)
      if (i % 10 === 0) await within('the save', all[0]!.saved())
    }
    await within('the saves', Promise.all(all.map((handle) => handle.saved())))
    await together(...all)
    expect(textOf(all[2]!).toString().trim().split(' ')).toHaveLength(150)
    all[0]!.awareness.setLocalState({ name: 'Ada' })
    const names = () => [...all[1]!.awareness.getStates().values()].map((state) => state.name)
    await until('Ada to be seen', () => names().includes('Ada'))
    await adas.close()
    expect(adas.transport).toBeNull()
    await until('Ada to be gone', () => !names().includes('Ada'))
    await until('its connection to be gone', () => relay.stats.connections === 2)
  })

  test('what was typed offline, and while the relay restarts, comes back', async () => {
    const relay = await startRelay()
    const [adas, bens] = [join(relay, http), join(relay, http)]
    const [ada, ben] = [adas.open('page'), bens.open('page')]
    textOf(ada).insert(0, 'together. ')
    await within('the save', ada.saved())
    await together(ada, ben)
    adas.goOffline()
    textOf(ada).insert(0, 'Ada alone. ')
    textOf(ben).insert(0, 'Ben alone. ')
    expect(ada.status).toMatchObject({ connection: 'offline', pending: 1 })
    adas.goOnline()
    await within('the save', ada.saved())
    await together(ada, ben)
    const stopped = relay.stop()
    textOf(ada).insert(0, 'while it stops. ')
    await within('the relay to stop', stopped)
    textOf(ben).insert(0, 'while it is down. ')
    await relay.start()
    await within('the saves', Promise.all([ada.saved(), ben.saved()]))
    await together(ada, ben)
    expect(textOf(ada).length).toBe('together. Ada alone. Ben alone. while it stops. while it is down. '.length)
  })

  test('a relay that is killed loses nothing that it has acknowledged, and is told the rest', async () => {
    const relay = await startProcess()
    onTestFinished(() => relay.stop())
    const ada = join(relay, http).open('page')
    for (let i = 0; i < 100; i++) {
      textOf(ada).insert(textOf(ada).length, `${i} `)
      if (i % 40 === 20) {
        await within('the save', ada.saved())
        textOf(ada).insert(textOf(ada).length, 'on its way ')
        await relay.restart()
      }
    }
    await within('the save', ada.saved())
    const reader = join(relay, http).open('page')
    await within('the sync', reader.synced)
    expect(textOf(reader).toString()).toBe(textOf(ada).toString())
  })

  test('a large document goes up and down in parts', async () => {
    const relay = await startRelay()
    const [writer, reader] = [join(relay, http).open('page'), join(relay, http)]
    const random = seededRandom(1)
    const noise = Array.from({ length: 3_000_000 }, () => String.fromCharCode(32 + Math.floor(random() * 94))).join('')
    textOf(writer).insert(0, noise)
    await within('the save', writer.saved())
    const handle = reader.open('page')
    await within('the sync', handle.synced)
    expect(textOf(handle).toString() === noise).toBe(true)
  })

  test('grants are those of the socket: who reads, whose time is over, whose access is taken away', async () => {
    const authorize = await authorizeByJwt({ key: { secret }, clockSkewMs: 0 })
    const relay = await startRelay({ authorize })
    const token = (sub: string, access: string, ms: number) => () =>
      signed({ sub, documents: { page: access }, exp: (Date.now() + ms) / 1_000 })
    const reader = join(relay, { ...http, token: token('reader', 'read', 60_000) }).open('page')
    await within('the sync', reader.synced)
    textOf(reader).insert(0, 'never')
    await until('the refusal', () => reader.refused.length === 1)
    expect(reader.status).toMatchObject({ access: 'read', refused: 1 })

    // one token after the other, and the session goes on
    let issued = 0
    const renewing = async () => {
      issued++
      return token('ada', 'write', 2_500)()
    }
    const ada = join(relay, { ...http, token: renewing }).open('page')
    await within('the sync', ada.synced)
    const { connections } = relay.stats
    await until('another token', () => issued > 1)
    textOf(ada).insert(0, 'renewed')
    await within('the save', ada.saved())
    expect(relay.stats.connections).toBe(connections)

    const once = join(relay, { ...http, token: await token('ben', 'write', 1_500)() }).open('page')
    await within('the sync', once.synced)
    await until('the end of the token', () => once.status.error?.code === 'token_expired', { seen: () => once.status })

    await relay.revoke({ subject: 'ada' })
    await until('the end of the access', () => ada.status.error?.code === 'revoked', { seen: () => ada.status })
  })

  test('answers that get lost are asked for again, and nothing is there twice', async () => {
    const relay = await startRelay()
    const proxy = await new Middlebox(relay).start()
    const seed = Number(process.env.SYNCLINE_SEED ?? Date.now() % 1e6)
    console.log(`SYNCLINE_SEED=${seed}`)
    const random = seededRandom(seed)
    let lost = 0
    proxy.loses = ({ url }) => url === '/sync/send' && random() < 0.4 && ++lost > 0
    const ada = join(proxy, { ...http, clock: fastClock(20) }).open('page')
    await within('the sync', ada.synced)
    const length = () => textOf(ada).length
    for (let i = 0; i < 30; i++) {
      textOf(ada).insert(length(), `${i} `)
      await within('the save', ada.saved(), 30_000)
    }
    expect(lost).toBeGreaterThan(3)
    const reader = join(relay).open('page')
    await within('the sync', reader.synced)
    expect(textOf(reader).toString()).toBe(Array.from({ length: 30 }, (_, i) => `${i} `).join(''))
  })
})

describe('a network that lets no WebSocket through', () => {
  test.each(['refused', 'swallowed', 'deaf'] as const)('is found out where they are %s', async (upgrades) => {
    const relay = await startRelay()
    const proxy = await new Middlebox(relay).start()
    proxy.upgrades = upgrades
    const connection = join(proxy, { clock: fastClock(20), retryMsMax: 2_000 })
    const ada = connection.open('page')
    textOf(ada).insert(0, 'through')
    await within('the save', ada.saved())
    expect(connection.transport).toBe('http')
    const reader = join(relay).open('page')
    await within('the sync', reader.synced)
    expect(textOf(reader).toString()).toBe('through')
  })

  test('is remembered, and WebSockets are used again where they work later', async () => {
    const relay = await startRelay()
    const proxy = await new Middlebox(relay).start()
    const connection = join(proxy, { clock: impatientClock, retryMsMax: 100 })
    const ada = connection.open('page')
    await within('the sync', ada.synced)
    expect(connection.transport).toBe('http')
    const seen = proxy.upgradesSeen
    await until('another look', () => proxy.upgradesSeen > seen)
    expect(connection.transport).toBe('http')
    proxy.upgrades = 'pass'
    await until('the WebSocket', () => connection.transport === 'websocket', { seen: () => proxy.upgradesSeen })
    textOf(ada).insert(0, 'over it')
    await within('the save', ada.saved())
    expect(relay.stats.connections).toBe(1)
  })

  test('is not blamed for a relay that is down, nor for one that knows no other way', async () => {
    const relay = await startRelay()
    await relay.stop()
    const connection = join(relay, { retryMsMax: 100 })
    let attempts = 0
    connection.on('state', () => attempts++)
    await until('failed attempts', () => connection.state === 'offline')
    await relay.start()
    await online(connection)
    expect(connection.transport).toBe('websocket')

    const proxy = await new Middlebox({ port: relay.port }).start()
    relay.page = (_request, response) => response.writeHead(404).end()
    const forced = join(proxy, { transport: 'websocket', retryMsMax: 50 })
    await until('attempts', () => proxy.upgradesSeen > 5)
    expect(forced.state).toBe('offline')
    expect(proxy.requests).toEqual([])
  })

  test.skipIf(withoutBrowser)('in Chromium: tabs share the stream, and a page that is reloaded knows', async () => {
    const relay = await startRelayWithPage()
    const proxy = await new Middlebox(relay).start()
    const browser = await launchBrowser()
    onTestFinished(() => browser.close())
    const context = await browser.newContext()
    const [first, second] = [await openTab(context, proxy), await openTab(context, proxy)]
    await first.join()
    await second.join()
    await first.type('hello')
    await first.saved()
    await until('the other tab to see it', async () => (await second.text()) === 'hello')
    const transports = () => Promise.all([first, second].map(({ page }) => page.evaluate(() => connection.transport)))
    await until('both to know', async () => (await transports()).every((transport) => transport === 'http'))
    expect(relay.stats).toMatchObject({ connections: 1, sessions: 2 })
    await second.page.close()
    const { upgradesSeen } = proxy
    await first.page.reload()
    await first.page.waitForFunction(() => 'tools' in globalThis)
    await first.join()
    await first.type(' again')
    await first.saved()
    expect(proxy.upgradesSeen).toBe(upgradesSeen)
    expect(await first.text()).toBe('hello again')
    expect(first.complaints).toEqual([])
  })
})
