import { once } from 'node:events'
import { connect } from '@syncline/client'
import { defaultLimits, RelayMessageReader } from '@syncline/protocol'
import {
  type Authorize,
  authorizeByJwt,
  authorizeByUrl,
  type RelayOptions,
  type RevocationStore,
} from '@syncline/server'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { connectHocuspocus } from '../support/hocuspocus.js'
import { reply, secret, serveLocally, signed } from '../support/issuer.js'
import { until } from '../support/until.js'
import { joinYWebsocket, NativeClient, startRelay, TestClock, typed } from './support.js'

const hour = 3_600
const byJwt = () => authorizeByJwt({ key: { secret }, clockSkewMs: 0 })
const emptyStateVector = Uint8Array.of(0)

async function start(options: RelayOptions = {}) {
  const clock = new TestClock()
  const byJwt = await authorizeByJwt({ key: { secret }, clockSkewMs: 0, now: clock.now })
  let answered = 0
  const authorize: typeof byJwt = async (question) => {
    try {
      return await byJwt(question)
    } finally {
      answered++
    }
  }
  return { clock, answered: () => answered, ...(await startRelay({ authorize, clock, ...options })) }
}

const token = (sub: string, documents: Record<string, string>, claims: object = {}) =>
  signed({ sub, documents, ...claims })
const open = (name: string) => ({ type: 'open', name, resume: null, stateVector: emptyStateVector }) as const

/** Our client; it ends with the test. */
function join(url: string, name: string, given: Parameters<typeof connect>[1]) {
  const connection = connect(url, { retryMsMax: 200, ...given })
  onTestFinished(() => connection.close())
  const handle = connection.open(name)
  return { connection, handle, text: handle.doc.getText() }
}

/** What a y-websocket client is closed with. */
async function closeOf(url: string, name: string, params: Record<string, string> = {}): Promise<[number, string]> {
  const client = joinYWebsocket(url, name, new Y.Doc(), { params })
  await until('it to be stopped', () => client.isStopped(), { seen: () => client.closes })
  return [client.closes[0]!.code, client.closes[0]!.reason.split(':')[0]!]
}

describe('who is let in', () => {
  test('protocol 1: by the token in hello, each document by itself', async () => {
    const { url, relay } = await start()
    const client = await NativeClient.connect(url, await token('ada', { 'notes/*': 'write', plan: 'read' }))
    client.ask(1, open('notes/1'))
    client.ask(2, open('plan'))
    client.ask(3, open('secret'))
    expect((await client.hears(1, 'opened')).access).toBe('write')
    expect((await client.hears(2, 'opened')).access).toBe('read')
    expect(await client.hears(3, 'refused')).toMatchObject({ code: 'forbidden', retry: false })
    expect(relay.stats().sessions).toBe(2)
    const stranger = await NativeClient.connect(url)
    stranger.ask(1, open('notes/1'))
    expect(await stranger.hears(1, 'refused')).toMatchObject({ code: 'unauthorized', retry: true })
  })

  test('what is written has its author in the log', async () => {
    const { url, log } = await start()
    const client = await NativeClient.connect(url, await token('ada', { notes: 'write' }))
    const doc = new Y.Doc()
    typed(doc, 'x')
    await client.open(1, 'notes', doc)
    expect((await log.kept.read('notes'))?.records[0]?.runs[0]?.author).toBe('ada')
  })

  test('y-websocket: by parameter, header and subprotocol', async () => {
    const { url } = await start()
    const good = await token('ada', { notes: 'write' })
    const byParameter = joinYWebsocket(url, 'notes', new Y.Doc(), { params: { token: good } })
    const byProtocol = joinYWebsocket(url, 'notes', new Y.Doc(), { protocols: ['y', `syncline.token.${good}`] })
    const byHeader = new WebSocket(`${url}/y/notes`, { headers: { Authorization: `Bearer ${good}` } })
    const frames: number[] = []
    byHeader.on('message', () => frames.push(1))
    await until(
      'all to be let in',
      () => byParameter.provider.synced && byProtocol.provider.synced && frames.length > 0,
    )
    expect((byProtocol.provider.ws as unknown as WebSocket).protocol).toBe('y')
    byHeader.terminate()
    expect(await closeOf(url, 'notes')).toEqual([4401, 'unauthorized'])
    expect(await closeOf(url, 'notes', { token: 'x'.repeat(9_000) })).toEqual([4401, 'unauthorized'])
    expect(await closeOf(url, 'plan', { token: good })).toEqual([4403, 'forbidden'])
    const past = await token('ada', { notes: 'write' }, { exp: Date.now() / 1_000 - 1 })
    expect(await closeOf(url, 'notes', { token: past })).toEqual([4401, 'token_expired'])
  })

  test('Hocuspocus: by its token, each document by itself, and again with another one', async () => {
    const { url } = await start()
    const { open, closes } = connectHocuspocus(url)
    const good = open('notes', { token: await token('ada', { notes: 'write' }) })
    const reader = open('plan', { token: await token('ada', { plan: 'read' }) })
    let mine = ''
    const bad = open('secret', { token: () => mine })
    await until('it to be denied', () => bad.denials.length > 0)
    expect(bad.denials[0]).toMatch(/^unauthorized: /)
    await until('the others to be in', () => good.provider.isSynced && reader.provider.isSynced)
    expect([good.provider.authorizedScope, reader.provider.authorizedScope]).toEqual(['read-write', 'readonly'])
    mine = await token('ada', { secret: 'write' })
    await bad.provider.sendToken()
    bad.provider.startSync()
    await until('it to be let in', () => bad.provider.isSynced)
    expect(closes).toEqual([])
  })

  test('by a function of the embedder, who may say no in any way', async () => {
    const authorize: Authorize = async ({ document, visitor }) => {
      if (document === 'broken') throw new Error('a bug')
      if (visitor.headers.cookie !== 'session=1') throw Object.assign(new Error('canary'), { code: 'x' })
      return { subject: 'ada', access: 'write', expiresAt: null }
    }
    const { url, relay } = await startRelay({ authorize })
    const socket = new WebSocket(`${url}/y/notes`, { headers: { Cookie: 'session=1' } })
    await until('it to be let in', () => relay.stats().sessions === 1 && socket.readyState === WebSocket.OPEN)
    socket.terminate()
    const client = await NativeClient.connect(url)
    client.ask(1, open('broken'))
    const refused = await client.hears(1, 'refused')
    expect(refused).toMatchObject({ code: 'authorization_unavailable', retry: true })
    expect(refused.reason).not.toContain('bug')
  })

  test('a token that is too long ends its connection, whoever it is', async () => {
    const { url } = await start()
    const client = new NativeClient(url)
    await client.isOpen()
    client.say({ type: 'hello', versions: [1], agent: '', token: 'x'.repeat(8_193) })
    expect((await client.isClosed()).code).toBe(4400)
  })
})

describe('a token that ends', () => {
  // within the time after which the relay looks whether anybody is there: it has a clock of its own here
  const claims = () => ({ exp: Date.now() / 1_000 + 8 })

  test('ends its session, in both directions, and is told of before', async () => {
    const { url, clock, relay, answered } = await start()
    const client = await NativeClient.connect(url, await token('ada', { '*': 'write' }, claims()))
    const y = joinYWebsocket(url, 'notes', new Y.Doc(), {
      params: { token: await token('ben', { '*': 'write' }, claims()) },
    })
    await client.open(1, 'notes')
    await until('y-websocket to be in', () => y.provider.synced)
    const told = client.heard.find(({ type }) => type === 'expires')
    expect(told).toMatchObject({ expiresMs: expect.any(Number) })
    clock.pass(4_000)
    y.text.insert(0, 'in time')
    await client.hears(1, 'update')
    const before = answered()
    clock.pass(3_500)
    // who ends while it is asked whether more is allowed is told that nobody knows
    await until('both to be asked anew', () => answered() === before + 2)
    clock.pass(500)
    expect(await client.hears(1, 'closed')).toMatchObject({ code: 'token_expired', retry: true })
    await until('y-websocket to be stopped', () => y.isStopped())
    expect(y.closes[0]).toMatchObject({ code: 4401, reason: expect.stringMatching(/^token_expired/) })
    expect(relay.stats().sessions).toBe(0)
  })

  test('goes on with another one: no reconnect, no edit lost while it is replaced', async () => {
    const { url, clock, log, relay } = await start()
    const ask = vi.fn(async () => signed({ exp: clock.now() / 1_000 + 8 }))
    const { connection, handle, text } = join(url, 'notes', { token: ask })
    await handle.synced
    const states: string[] = []
    connection.on('state', (state) => states.push(state))
    const client = await NativeClient.connect(url, await signed({}))
    const doc = new Y.Doc()
    await client.open(1, 'notes', doc)
    const before = ask.mock.calls.length
    for (let minute = 0; minute < 5; minute++) {
      // the client has no such clock: the relay says that it is over, while edits are on their way
      text.insert(text.length, `${minute}a `)
      clock.pass(8_000)
      text.insert(text.length, `${minute}b `)
      await until('it to be saved', () => handle.status.saved && handle.status.synced, { seen: () => handle.status })
    }
    expect(text.toString()).toBe('0a 0b 1a 1b 2a 2b 3a 3b 4a 4b ')
    expect(ask.mock.calls.length - before).toBeGreaterThanOrEqual(5)
    expect([states, relay.stats().connections]).toEqual([[], 2])
    log.release()
    for (const { update } of client.on(1, 'update')) Y.applyUpdate(doc, update)
    await until('the other to have all', () => {
      for (const { update } of client.on(1, 'update')) Y.applyUpdate(doc, update)
      return doc.getText().toString() === text.toString()
    })
  })

  test('is replaced ahead of its end: the session itself goes on', async () => {
    const { url, relay } = await startRelay({ authorize: await byJwt() })
    const ask = vi.fn(async () => signed({ exp: Date.now() / 1_000 + 3 }))
    const { handle, text } = join(url, 'notes', { token: ask })
    await handle.synced
    const { refused } = relay.stats()
    const statuses: string[] = []
    handle.on('status', ({ connection }) => statuses.push(connection))
    const end = Date.now() + 7_000
    while (Date.now() < end) {
      text.insert(0, 'x')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    await handle.saved()
    expect(relay.stats().refused).toBe(refused)
    expect(new Set(statuses)).toEqual(new Set(['online']))
    expect(ask.mock.calls.length).toBeGreaterThan(2)
  })

  test('is over for good where there is no other', async () => {
    const { url, clock } = await start()
    const { handle } = join(url, 'notes', { token: await signed(claims()) })
    await handle.synced
    clock.pass(8_000)
    await until('it to be refused', () => handle.status.connection === 'refused')
    expect(handle.status.error?.code).toBe('token_expired')
  })

  test('is no reason to be somebody else', async () => {
    const { url } = await start()
    const client = await NativeClient.connect(url, await token('ada', { '*': 'write' }))
    await client.open(1, 'notes')
    client.say({ type: 'token', token: await token('ben', { '*': 'write' }) })
    expect(await client.hears(1, 'closed')).toMatchObject({ code: 'unauthorized' })
    client.ask(2, open('notes'))
    await client.hears(2, 'opened')
  })

  test('may be replaced before anything is opened, in the same frame and again and again', async () => {
    const { url, relay } = await start()
    const good = await token('ada', { '*': 'write' })
    const client = new NativeClient(url)
    await client.isOpen()
    client.say(
      { type: 'hello', versions: [1], agent: '', token: 'bad' },
      { type: 'session', channel: 1, message: open('notes') },
      { type: 'token', token: good },
    )
    await client.hears(1, 'opened')
    for (let i = 0; i < 1_000; i++) client.say({ type: 'token', token: i === 999 ? good : `bad ${i}` })
    client.say({ type: 'ping' })
    await until('all to be read', () => client.heard.some(({ type }) => type === 'pong'))
    expect(relay.stats().exceptions).toBe(0)
  })
})

describe('an access that changes', () => {
  test('down: the client learns it, its cursor stays, and what it sends is refused', async () => {
    const { url } = await start()
    let access = 'write'
    const ask = () => token('ada', { notes: access })
    const { connection, handle, text } = join(url, 'notes', { token: ask })
    handle.awareness.setLocalStateField('name', 'Ada')
    await handle.synced
    const y = joinYWebsocket(url, 'notes', new Y.Doc(), { params: { token: await token('ben', { notes: 'write' }) } })
    const cursor = () => y.provider.awareness.getStates().get(handle.doc.clientID)?.name
    await until('its cursor to be seen', () => cursor() === 'Ada')
    access = 'read'
    const client = await NativeClient.connect(url, await token('cyd', { notes: 'write' }))
    await client.open(1, 'notes')
    client.say({ type: 'token', token: await token('cyd', { notes: 'read' }) })
    expect(await client.hears(1, 'access')).toEqual({ type: 'access', access: 'read' })
    y.text.insert(0, 'still read')
    await client.hears(1, 'update')
    client.ask(1, { type: 'update', seq: 2, answer: false, update: typed(new Y.Doc(), 'x') })
    expect(await client.hears(1, 'rejected')).toMatchObject({ seq: 2, code: 'read_only' })
    connection.goOffline()
    connection.goOnline()
    await until('it to be a reader', () => handle.status.access === 'read')
    await until('it to read', () => text.toString() === 'still read' && cursor() === 'Ada')
  })

  test('down and up again, in band: what was typed meanwhile is set aside, and the rest is saved', async () => {
    const clock = new TestClock()
    let access: 'read' | 'write' = 'write'
    const authorize: Authorize = async () => ({ subject: 'ada', access, expiresAt: clock.now() + 10_000 })
    const { url, relay } = await startRelay({ authorize, clock })
    const { handle, text } = join(url, 'notes', {})
    text.insert(0, 'a')
    await handle.saved()
    access = 'read'
    clock.pass(9_100) // it is asked for anew, a while before it ends
    await until('it to be a reader', () => handle.status.access === 'read')
    text.insert(1, 'b')
    await expect(handle.saved()).rejects.toMatchObject({ code: 'read_only' })
    await until('the new replica', () => handle.doc !== text.doc && handle.status.synced)
    expect(handle.status).toMatchObject({ saved: true, refused: 1, connection: 'online' })
    const copy = new Y.Doc()
    Y.applyUpdate(copy, Y.encodeStateAsUpdate(handle.doc))
    for (const { update } of handle.refused) Y.applyUpdate(copy, update)
    expect(copy.getText(text.doc?.share.keys().next().value).toString()).toBe('ab')
    access = 'write'
    clock.pass(9_100)
    await until('it to write', () => handle.status.access === 'write')
    const now = handle.doc.getText(text.doc?.share.keys().next().value)
    now.insert(1, 'c')
    await handle.saved()
    expect(relay.stats()).toMatchObject({ sessions: 1, refused: 0 })
    const { text: other, handle: reader } = join(url, 'notes', {})
    await reader.synced
    expect(other.toString()).toBe('ac')
  })

  test('up, for one whose offline edits were set aside, since it was opened for reading: it writes, and they are kept', async () => {
    const clock = new TestClock()
    let access: 'read' | 'write' = 'read'
    const authorize: Authorize = async () => ({ subject: 'ada', access, expiresAt: clock.now() + 10_000 })
    const { url } = await startRelay({ authorize, clock })
    const { handle, text, connection } = join(url, 'notes', { online: false })
    text.insert(0, 'offline')
    connection.goOnline()
    await until('the new replica', () => handle.doc !== text.doc && handle.status.synced)
    expect(handle.status).toMatchObject({ access: 'read', pending: 0, refused: 1 })
    access = 'write'
    clock.pass(9_100)
    await until('it to write', () => handle.status.access === 'write')
    handle.doc.getMap('map').set('written', true)
    await handle.saved()
    expect(handle.status).toMatchObject({ access: 'write', pending: 0, refused: 1 })
  })
})

describe.each(['y-websocket', 'Hocuspocus'] as const)('a reader by %s', (dialect) => {
  async function joinReader(url: string, doc: Y.Doc, by: string) {
    if (dialect === 'y-websocket') {
      const { provider, isStopped, closes } = joinYWebsocket(url, 'notes', doc, { params: { token: by } })
      const send = (frame: Uint8Array) => provider.ws?.send(frame as Uint8Array<ArrayBuffer>)
      return {
        isIn: () => provider.synced,
        isOut: () => isStopped(),
        codes: () => closes.map(({ code }) => code),
        send,
      }
    }
    const { provider, endings } = connectHocuspocus(url).open('notes', { document: doc, token: by })
    const send = () => undefined
    return {
      isIn: () => provider.isSynced,
      isOut: () => endings.length > 0,
      codes: () => [],
      send,
    }
  }

  test('reads, may delete for itself, and is turned out for what it inserts', async () => {
    const { url, log, relay } = await start()
    const [reading, writing] = await Promise.all([token('ben', { notes: 'read' }), token('ada', { notes: 'write' })])
    const writer = joinYWebsocket(url, 'notes', new Y.Doc(), { params: { token: writing } })
    writer.text.insert(0, 'hello')
    await until('it to be stored', async () => (await log.list()).length === 1)
    const doc = new Y.Doc()
    const reader = await joinReader(url, doc, reading)
    await until('it to read', () => reader.isIn() && doc.getText().toString() === 'hello')
    writer.text.insert(5, ' you')
    await until('it to read on', () => doc.getText().toString() === 'hello you')
    doc.getText().delete(0, 1) // as clean-up of formatting does
    writer.text.insert(9, '!')
    await until('it to read on', () => doc.getText().toString() === 'ello you!')
    expect([relay.stats().sessions, writer.text.toString()]).toEqual([2, 'hello you!'])
    const { position } = (await log.list())[0]!
    doc.getText().insert(0, 'x')
    await until('it to be turned out', () => reader.isOut())
    if (dialect === 'y-websocket') expect(reader.codes()).toEqual([4403])
    expect([writer.text.toString(), (await log.list())[0]!.position]).toEqual(['hello you!', position])
  })

  test('comes back with all that it had read', async () => {
    const { url, relay } = await start()
    const [reading, writing] = await Promise.all([token('ben', { notes: 'read' }), token('ada', { notes: 'write' })])
    const writer = joinYWebsocket(url, 'notes', new Y.Doc(), { params: { token: writing } })
    writer.text.insert(0, 'hello')
    const copy = new Y.Doc()
    await until('it to be synced', () => writer.provider.synced)
    Y.applyUpdate(copy, Y.encodeStateAsUpdate(writer.doc))
    await until('it to be stored', () => relay.stats().commits === 1)
    const reader = await joinReader(url, copy, reading)
    await until('it to be in', () => reader.isIn())
    writer.text.insert(5, '!')
    await until('it to read', () => copy.getText().toString() === 'hello!')
  })
})

describe('access that is taken away', () => {
  /** All clients of a subject, and everything that reaches them. */
  async function everywhere(url: string, sub: string) {
    const given = await token(sub, { '*': 'write' })
    const native = await NativeClient.connect(url, given)
    await native.open(1, 'notes')
    const y = joinYWebsocket(url, 'notes', new Y.Doc(), { params: { token: given } })
    const hocuspocus = connectHocuspocus(url).open('notes', { token: given })
    await until('all to be in', () => y.provider.synced && hocuspocus.provider.isSynced)
    // what the relay has sent is here when a pong is
    const settled = async () => {
      const sockets = [native.socket, hocuspocus.provider.configuration.websocketProvider.webSocket]
      const pongs = (sockets as (WebSocket | null)[]).map(async (socket) => {
        if (socket?.readyState !== WebSocket.OPEN) return
        const pong = Promise.race([once(socket, 'pong'), once(socket, 'close')])
        socket.ping()
        await pong
      })
      await Promise.all(pongs)
    }
    return { given, native, y, hocuspocus, settled }
  }

  test.each(['subject', 'document', 'both'] as const)('by %s: nothing comes in or goes out', async (by) => {
    const { url, relay, log } = await start()
    const [ada, ben] = [await everywhere(url, 'ada'), await everywhere(url, 'ben')]
    const stays = by === 'document' ? [] : [ben]
    await ada.native.open(2, 'elsewhere')
    ben.y.text.insert(0, 'before ')
    await until('all to see it', () => ada.y.text.length > 0 && ada.hocuspocus.text.length > 0)
    await ada.native.hears(1, 'update')
    const heard = ada.native.heard.length
    // in the very turn of the revocation
    const revoked = relay.revoke(
      by === 'subject'
        ? { subject: 'ada' }
        : by === 'document'
          ? { document: 'notes' }
          : { subject: 'ada', document: 'notes' },
    )
    ada.native.ask(1, { type: 'update', seq: 2, answer: false, update: typed(new Y.Doc(), 'canary') })
    ada.y.text.insert(0, 'canary')
    ada.hocuspocus.text.insert(0, 'canary')
    if (stays.length > 0) ben.y.text.insert(0, 'secret ')
    expect(await revoked).toBe({ subject: 4, document: 6, both: 3 }[by])
    expect(await ada.native.hears(1, 'closed')).toMatchObject({ code: 'revoked', retry: false })
    await until('y-websocket to be stopped', () => ada.y.isStopped())
    expect(ada.y.closes[0]).toMatchObject({ code: 4403, reason: expect.stringMatching(/^revoked/) })
    await until('Hocuspocus to be denied', () => ada.hocuspocus.denials.length > 0)
    for (const { y } of stays) await until('the others to go on', async () => y.text.toString() === 'secret before ')
    await ada.settled()
    expect(ada.y.text.toString()).not.toContain('secret')
    expect(ada.hocuspocus.text.toString()).not.toContain('secret')
    const later = ada.native.heard
      .slice(heard)
      .flatMap((message) => (message.type === 'session' && message.channel === 1 ? [message.message.type] : []))
    expect(later).not.toContain('update')
    expect(later.indexOf('closed')).toBe(later.length - 1)
    const stored = JSON.stringify(
      (await log.kept.read('notes'))?.records.map(({ runs }) =>
        runs.map(({ update }) => Buffer.from(update).toString()),
      ),
    )
    expect(stored).not.toContain('canary')
    if (by !== 'subject') await ada.native.hears(2, 'synced')
  })

  test('keeps a token out that still holds, until another one is issued', async () => {
    const { url, relay } = await start()
    const old = await token('ada', { '*': 'write' })
    await relay.revoke({ subject: 'ada' })
    expect(await closeOf(url, 'notes', { token: old })).toEqual([4403, 'revoked'])
    const client = await NativeClient.connect(url, old)
    client.ask(1, open('notes'))
    expect(await client.hears(1, 'refused')).toMatchObject({ code: 'revoked', retry: false })
    client.say({ type: 'token', token: await token('ada', { '*': 'write' }, { iat: undefined }) })
    client.ask(2, open('notes'))
    expect(await client.hears(2, 'refused')).toMatchObject({ code: 'revoked' })
    client.say({ type: 'token', token: await token('ada', { '*': 'write' }, { iat: Date.now() / 1_000 + 0.001 }) })
    client.ask(3, open('notes'))
    await client.hears(3, 'opened')
  })

  test('stays so over restarts of the relay', async () => {
    let kept: Awaited<ReturnType<RevocationStore['read']>> = []
    const write: RevocationStore['write'] = async (all) => {
      kept = all
    }
    const revocations: RevocationStore = { read: async () => kept, write }
    const old = await token('ada', { '*': 'write' })
    const first = await start({ revocations })
    await first.relay.revoke({ subject: 'ada' })
    const second = await start({ revocations })
    expect(await closeOf(second.url, 'notes', { token: old })).toEqual([4403, 'revoked'])
    const broken = await start({ revocations: { ...revocations, read: () => Promise.reject(new Error('the disk')) } })
    const client = await NativeClient.connect(broken.url, await token('ben', { '*': 'write' }))
    client.ask(1, open('notes'))
    expect(await client.hears(1, 'refused')).toMatchObject({ code: 'authorization_unavailable', retry: true })
  })

  test('while it is being granted', async () => {
    let grant = () => {}
    const authorize: Authorize = async () => {
      await new Promise<void>((resolve) => {
        grant = resolve
      })
      return { subject: 'ada', access: 'write', expiresAt: null }
    }
    const { url, relay } = await startRelay({ authorize })
    const client = await NativeClient.connect(url)
    client.ask(1, open('notes'))
    client.say({ type: 'ping' })
    await until('it to be asked', () => client.heard.some(({ type }) => type === 'pong'))
    await relay.revoke({ subject: 'ada' })
    grant()
    expect(await client.hears(1, 'refused')).toMatchObject({ code: 'revoked' })
  })

  test('from a reader that is behind: what waited for it is dropped', async () => {
    const { url, relay } = await start({ limits: { socketBytesHigh: 64 * 1024 } })
    const slow = await NativeClient.connect(url, await token('ada', { '*': 'write' }))
    await slow.open(1, 'notes')
    slow.socket.pause()
    const writer = await NativeClient.connect(url, await token('ben', { '*': 'write' }))
    const doc = new Y.Doc()
    await writer.open(1, 'notes', doc)
    for (let seq = 2; seq < 60; seq++) {
      writer.ask(1, { type: 'update', seq, answer: false, update: typed(doc, 'x'.repeat(200_000)) })
      await writer.hears(1, 'ack', seq)
    }
    await relay.revoke({ subject: 'ada' })
    slow.socket.resume()
    await until('it to be told, or to be given no whole message any more', () => slow.on(1, 'closed').length > 0, {
      seen: () => slow.heard.length,
    }).catch(() => undefined)
    const bytes = slow.on(1, 'update').reduce((sum, { update }) => sum + update.length, 0)
    expect(bytes).toBeLessThan(doc.getText().length)
    expect(relay.stats().exceptions).toBe(0)
  })

  test('has to be about somebody or something', async () => {
    const { relay } = await start()
    for (const wrong of [{}, { subject: '' }, { subject: 'a\nb' }]) {
      await expect(relay.revoke(wrong)).rejects.toMatchObject({ code: 'invalid_option' })
    }
  })
})

describe("the application's backend", () => {
  test('is asked with the cookie, renewed before it ends, and closed on failure', async () => {
    let [isDown, questions] = [false, 0]
    const backend = await serveLocally((_request, body, response) => {
      questions++
      const { cookie } = JSON.parse(body)
      if (isDown) reply(response, 503)
      else if (cookie === 'session=1') reply(response, 200, { subject: 'ada', access: 'write', expiresIn: 20 })
      else reply(response, 401)
    })
    const clock = new TestClock()
    const { url, relay, lines } = await startRelay({
      authorize: authorizeByUrl({ url: backend, now: clock.now }),
      clock,
    })
    const reader = new RelayMessageReader(defaultLimits)
    let renewals = -1 // it is told of its end when it is opened
    const socket = (cookie: string) => (address: string, protocols: string[]) => {
      const made = new WebSocket(address, protocols, { headers: { cookie } })
      if (cookie === 'session=1') {
        made.on('message', (data: Buffer) => {
          const heard = reader.read(new Uint8Array(data))
          renewals += heard.filter((read) => read.ok && read.message.type === 'expires').length
        })
      }
      return made
    }
    const { handle, text } = join(url, 'notes', { webSocket: socket('session=1') as never })
    await handle.synced
    expect(questions).toBe(1)
    for (let i = 0; i < 5; i++) {
      clock.pass(9_100)
      text.insert(0, 'x') // a sign of life
      await handle.saved()
      clock.pass(9_100)
      // not only asked for: an edit may be saved before the answer has come
      await until('it to be renewed', () => renewals === i + 1, { seen: () => [questions, i, relay.stats(), lines] })
      expect(questions).toBe(i + 2)
      text.insert(0, 'x')
      await handle.saved()
    }
    expect(relay.stats()).toMatchObject({ sessions: 1, refused: 0 })
    const stranger = join(url, 'notes', { webSocket: socket('session=2') as never })
    await until('it to be refused', () => stranger.handle.status.connection === 'refused')
    expect(stranger.handle.status.error?.code).toBe('unauthorized')
    isDown = true
    clock.pass(9_100)
    text.insert(0, 'y')
    await handle.saved()
    clock.pass(9_100)
    text.insert(0, 'y')
    await handle.saved()
    clock.pass(2_000)
    await until('it to be out', () => handle.status.connection !== 'online')
    text.insert(0, 'z')
    isDown = false
    await until('it to be back', () => handle.status.connection === 'online' && handle.status.saved)
    expect(lines.some(({ message }) => message.startsWith('it cannot be told who may do what'))).toBe(true)
    expect(JSON.stringify(lines)).not.toContain('session=')
  })

  test('that has not answered when a grant ends turns nobody away for good', async () => {
    let answer: (() => void) | null = null
    let isSlow = false
    const backend = await serveLocally((_request, _body, response) => {
      const grant = () => reply(response, 200, { subject: 'ada', access: 'write', expiresIn: 10 })
      if (isSlow) answer = grant
      else grant()
    })
    const clock = new TestClock()
    const { url, relay } = await startRelay({ authorize: authorizeByUrl({ url: backend, now: clock.now }), clock })
    const { handle, text } = join(url, 'notes', {})
    await handle.synced
    isSlow = true
    clock.pass(9_100)
    await until('it to be asked', () => answer !== null)
    clock.pass(1_000)
    await until('it to be out', () => handle.status.connection !== 'online')
    text.insert(0, 'meanwhile')
    isSlow = false
    answer!()
    await handle.saved()
    expect(relay.stats().refusedByCode).not.toHaveProperty('token_expired')
  })

  test('is asked anew for whom it is told that access was taken away', async () => {
    let isIn = true
    const backend = await serveLocally((_request, _body, response) =>
      isIn ? reply(response, 200, { subject: 'ada', access: 'write', expiresIn: hour }) : reply(response, 403),
    )
    const { url, relay } = await startRelay({ authorize: authorizeByUrl({ url: backend }) })
    const first = joinYWebsocket(url, 'notes')
    await until('it to be in', () => first.provider.synced)
    isIn = false
    expect(await relay.revoke({ subject: 'ada' })).toBe(1)
    expect(await closeOf(url, 'notes')).toEqual([4403, 'forbidden'])
    isIn = true
    const again = joinYWebsocket(url, 'notes')
    await until('it to be in again', () => again.provider.synced)
  })
})

describe('our client', () => {
  test('asks for a token again where that failed, and where the relay does not take it', async () => {
    const { url } = await start()
    const error = vi.spyOn(console, 'error').mockImplementation(() => {})
    onTestFinished(() => error.mockRestore())
    const good = await signed({})
    const answers = [() => Promise.reject(new Error('the network')), () => 'bad', () => 'worse', () => good]
    const ask = vi.fn(() => (answers.length > 1 ? answers.shift()! : answers[0]!)())
    const { handle, connection } = join(url, 'notes', { token: ask })
    const second = connection.open('plan')
    await Promise.all([handle.synced, second.synced])
    expect(ask).toHaveBeenCalledTimes(4)
    expect(connection.state).toBe('online')
  })

  test('is told of what it may not open, for good', async () => {
    const { url } = await start()
    const ask = vi.fn(() => token('ada', { notes: 'read' }))
    const { handle, connection } = join(url, 'secret', { token: ask })
    await expect(handle.synced).rejects.toMatchObject({ code: 'forbidden' })
    expect(handle.status.error?.code).toBe('forbidden')
    const notes = connection.open('notes')
    await notes.synced
    expect([notes.status.access, ask.mock.calls.length]).toEqual(['read', 1])
  })

  test('authors nothing where it may only read: no clean-up of formatting', async () => {
    const { url, log, relay } = await start()
    const reader = join(url, 'notes', { token: () => token('ben', { notes: 'read' }) })
    await reader.handle.synced
    reader.handle.doc.getText().observe(() => {}) // as an editor does
    const writer = join(url, 'notes', { token: () => token('ada', { notes: 'write' }) })
    await writer.handle.synced
    const updates: unknown[] = []
    reader.handle.doc.on('update', (_update, origin) => updates.push(origin))
    for (let i = 0; i < 100; i++) {
      writer.text.insert(0, `word ${i} `)
      writer.text.format(0, 4, { bold: true })
      writer.text.format(2, 8, { bold: null })
      if (i % 3 === 0) writer.text.delete(1, 5)
      await writer.handle.saved()
    }
    await until('it to read all', () => reader.text.toString() === writer.text.toString())
    expect(reader.handle.status).toMatchObject({ pending: 0, access: 'read', error: null })
    expect(relay.stats().refused).toBe(0)
    log.release()
  })
})
