import 'fake-indexeddb/auto'
import { authorizeByJwt } from '@syncline/server'
import { describe, expect, onTestFinished, test } from 'vitest'
import { IndexeddbPersistence } from 'y-indexeddb'
import * as Y from 'yjs'
import { secret, signed } from '../support/issuer.js'
import { until } from '../support/until.js'
import { joinYWebsocket, NativeClient, read, startRelay, TestClock, type YOptions, type YVersion } from './support.js'

const versions: readonly YVersion[] = [1, 2, 3]

describe.each(versions)('clients of y-websocket %i', (version) => {
  const join = (url: string, doc = new Y.Doc(), options: YOptions = {}) =>
    joinYWebsocket(url, 'notes', doc, { version, ...options })

  test('type with others, offline and back, and nothing is there twice', async () => {
    const { url } = await startRelay()
    const [a, b] = [join(url), joinYWebsocket(url, 'notes')]
    a.text.insert(0, 'hello ')
    await until('b to see it', () => b.text.toString() === 'hello ')
    a.provider.disconnect()
    a.text.insert(0, 'offline, ')
    b.text.insert(6, 'world')
    await until('the relay to have it', async () => (await read(url, 'notes')) === 'hello world')
    a.provider.connect()
    const whole = 'offline, hello world'
    await until('both to agree', () => a.text.toString() === whole && b.text.toString() === whole)
    expect(await read(url, 'notes')).toBe(whole)
    expect(b.closes).toEqual([])
  })

  test('show a token as a parameter, read again whenever they connect', async () => {
    const { url } = await startRelay({ authorize: await authorizeByJwt({ key: { secret } }) })
    const token = await signed({ sub: 'ada', documents: { notes: 'write' } })
    const params = { token }
    const ada = join(url, new Y.Doc(), { params })
    ada.text.insert(0, 'hers')
    await until('it to be synced', () => ada.provider.synced)
    const stranger = join(url, new Y.Doc(), { params: { token: 'none' } })
    await until('it to be kept out', () => stranger.closes.length > 0)
    expect(stranger.closes[0]).toMatchObject({ code: 4401, reason: expect.stringMatching(/^unauthorized/) })
    expect(stranger.text.toString()).toBe('')
    // the first that knows of codes that are final
    if (version === 3) await until('it to be stopped', () => stranger.isStopped())
    else await until('it to come back all the same', () => stranger.closes.length > 2)
  })

  test('are told something in time, without a ping that a browser would not show them', async () => {
    const clock = new TestClock()
    const { url } = await startRelay({ clock })
    const client = join(url)
    await until('it to be synced', () => client.provider.synced)
    const { provider } = client as unknown as { provider: { wsLastMessageReceived: number } }
    const heardAt = Date.now() - 25_000 // it gives up 30 s after that
    provider.wsLastMessageReceived = heardAt
    clock.pass(15_000)
    await until('the keep-alive', () => provider.wsLastMessageReceived > heardAt)
    expect(client.closes).toEqual([])
  })

  test('share one document over two tabs, and with others: seen at once, and once', async () => {
    const { url, log } = await startRelay()
    const [tab, other] = [join(url, new Y.Doc(), { disableBc: false }), join(url, new Y.Doc(), { disableBc: false })]
    const ben = joinYWebsocket(url, 'notes')
    await until('all to be synced', () => [tab, other, ben].every(({ provider }) => provider.synced))
    tab.provider.awareness.setLocalStateField('name', 'Ada, left')
    other.provider.awareness.setLocalStateField('name', 'Ada, right')
    const names = () => [...ben.provider.awareness.getStates().values()].map(({ name }) => name)
    await until('Ben to see both', () => ['Ada, left', 'Ada, right'].every((name) => names().includes(name)))
    log.hold()
    tab.text.insert(0, 'before it is on disk')
    // from tab to tab, without the relay
    await until('the other tab to see it', () => other.text.toString() === 'before it is on disk')
    expect(ben.text.toString()).toBe('')
    log.release()
    await until('Ben to see it', () => ben.text.toString() === 'before it is on disk')
    other.provider.destroy()
    await until('Ben to see who is gone', () => !names().includes('Ada, right'))
    expect(names()).toContain('Ada, left')
    expect(await read(url, 'notes')).toBe('before it is on disk')
  })

  test('bring what y-indexeddb kept on the device, once', async () => {
    const { url } = await startRelay()
    const database = `notes of ${version}`
    const first = new Y.Doc()
    const kept = new IndexeddbPersistence(database, first)
    await kept.whenSynced
    first.getText().insert(0, 'typed without a network')
    await kept.destroy()
    // the next day
    const doc = new Y.Doc()
    const persistence = new IndexeddbPersistence(database, doc)
    onTestFinished(() => persistence.destroy())
    const client = join(url, doc)
    await persistence.whenSynced
    await until('the relay to have it', async () => (await read(url, 'notes')) === 'typed without a network')
    const ben = joinYWebsocket(url, 'notes')
    await until('Ben to be synced', () => ben.provider.synced)
    ben.text.insert(0, 'and ')
    await until('it to see the rest', () => client.text.toString() === 'and typed without a network')
  })
})

describe.each([2, 3] as const)('clients of y-websocket %i', (version) => {
  test('show a token among the protocols of the WebSocket', async () => {
    const { url } = await startRelay({ authorize: await authorizeByJwt({ key: { secret } }) })
    const token = await signed({ sub: 'ada', documents: { notes: 'write' } })
    const protocols = ['y', `syncline.token.${token}`]
    const client = joinYWebsocket(url, 'notes', new Y.Doc(), { version, protocols })
    await until('it to be synced', () => client.provider.synced)
    expect(client.provider.ws?.protocol).toBe('y')
  })
})

test('a client that comes back whatever it is told is told later, and nobody else is', async () => {
  const clock = new TestClock()
  const limits = { addressRefusalsBurst: 2, addressRefusalsPerSecond: 1 }
  const authorize = await authorizeByJwt({ key: { secret } })
  const { url, relay } = await startRelay({ authorize, clock, limits })
  const old = joinYWebsocket(url, 'notes', new Y.Doc(), { version: 1 })
  await until('it to wait', () => old.closes.length === 2 && relay.stats().connections === 1)
  const native = await NativeClient.connect(url, await signed({ sub: 'ada', documents: { notes: 'write' } }))
  await native.open(1, 'notes')
  expect(old.closes.length).toBe(2)
  clock.pass(2_000)
  await until('it to be told again', () => old.closes.length === 3)
  expect(old.closes.map(({ code }) => code)).toEqual([4401, 4401, 4401])
})
