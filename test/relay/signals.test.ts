import { connect } from '@syncline/client'
import { defaultLimits, type SessionRequest } from '@syncline/protocol'
import { authorizeByJwt } from '@syncline/server'
import { describe, expect, onTestFinished, test } from 'vitest'
import { EventReader } from '../api/events.js'
import { json, startApi } from '../api/support.js'
import { connectHocuspocus } from '../support/hocuspocus.js'
import { secret, signed } from '../support/issuer.js'
import { until, within } from '../support/until.js'
import { joinYWebsocket, NativeClient, startRelay, TestClock } from './support.js'

const signal = (payload: string): SessionRequest => ({ type: 'signal', payload })

/** Our client with the document open, and what it hears. */
async function listening(url: string, options: Parameters<typeof connect>[1] = {}) {
  const connection = connect(url, options)
  onTestFinished(() => connection.close())
  const handle = connection.open('notes')
  const heard: unknown[] = []
  handle.on('signal', (payload) => heard.push(payload))
  await within('the sync', handle.synced)
  return { handle, heard }
}

describe('a signal of the backend', () => {
  test('reaches clients of all kinds and readers of events, once, and is kept nowhere', async () => {
    const { ask, url, webSocketUrl, relay } = await startApi()
    await ask('/documents/notes', json('PUT', { title: 'a' }))
    const ada = await listening(url)
    const ben = await listening(url, { transport: 'http' })
    const stateless: string[] = []
    const hocuspocus = connectHocuspocus(webSocketUrl).open('notes', {
      onStateless: ({ payload }) => stateless.push(payload),
    })
    await until('the provider', () => hocuspocus.provider.isSynced)
    const unaware = joinYWebsocket(webSocketUrl, 'notes')
    await until('y-websocket', () => unaware.provider.synced)
    const reader = await EventReader.open(`${url}/api/v1/documents/notes/events?interval=60000`)
    onTestFinished(() => reader.close())
    await until('the first event', () => reader.events.length === 1)
    const { id } = reader.events[0]!

    const said = { text: 'two\nlines', list: [1, null, '\u2028'] }
    const answer = await ask('/documents/notes/signal', { ...json('POST', said), body: JSON.stringify(said, null, 2) })
    expect([answer.status, await answer.json()]).toEqual([200, { sessions: 4 }])
    await until('all to hear it', () => [ada.heard, ben.heard, stateless].every(({ length }) => length === 1))
    await until('the event', () => reader.events.length === 2)
    expect([ada.heard[0], ben.heard[0], JSON.parse(stateless[0]!)]).toEqual([said, said, said])
    expect(reader.events[1]).toEqual({ id: '', event: 'signal', data: said })
    expect(unaware.closes).toEqual([])

    const late = await listening(url)
    expect((await ask('/documents/notes/signal', json('POST', 'second'))).status).toBe(200)
    await until('the second', () => late.heard.length === 1)
    expect(late.heard).toEqual(['second'])
    const { position } = await relay.document('notes').read()
    expect(id.endsWith(`-${position}`)).toBe(true)
  })

  test.each<[string, string, RequestInit, number, string]>([
    ['without a document', '/documents/nowhere/signal', json('POST', 1), 404, 'no_document'],
    ['that is no JSON', '/documents/notes/signal', { ...json('POST', 1), body: '{' }, 400, 'malformed_json'],
    ['with nothing in it', '/documents/notes/signal', { ...json('POST', 1), body: '' }, 400, 'malformed_json'],
    ['of another type', '/documents/notes/signal', { method: 'POST', body: 'x' }, 415, 'unsupported_media_type'],
    [
      'a byte larger than the relay takes',
      '/documents/notes/signal',
      json('POST', 'x'.repeat(defaultLimits.signalBytesMax - 1)),
      413,
      'body_too_large',
    ],
    ['with a query', '/documents/notes/signal?to=ada', json('POST', 1), 400, 'invalid_request'],
  ])('%s is refused', async (_, path, request, status, code) => {
    const { ask } = await startApi()
    await ask('/documents/notes', json('PUT', { title: 'a' }))
    const answer = await ask(path, request)
    expect([answer.status, (await answer.json()).code]).toEqual([status, code])
    expect((await ask('/documents/notes/signal', json('POST', 'x'.repeat(16_382)))).status).toBe(200)
  })

  test('needs the right to write, and is rationed by how many hear it', async () => {
    const authorize = await authorizeByJwt({ key: { secret } })
    const limits = { documentSignalsBurst: 4, documentSignalsPerSecond: 1 }
    const clock = new TestClock()
    const { ask, relay } = await startApi({ authorize, limits, clock })
    await relay.document('notes').merge({ title: 'a' })
    const as = async (access: string) => ({
      Authorization: `Bearer ${await signed({ documents: { notes: access } })}`,
    })
    const writer = await as('write')
    const say = async (headers: Record<string, string>) => {
      const answer = await ask('/documents/notes/signal', json('POST', 1, headers))
      return [answer.status, (await answer.json()).code]
    }
    expect(await say({})).toEqual([401, 'unauthorized'])
    expect(await say(await as('read'))).toEqual([403, 'read_only'])
    // the document itself is a session, and the only one; one more for each second that this takes
    let taken = 0
    let answer = await say(writer)
    for (; answer[0] === 200 && taken < 10; taken++) answer = await say(writer)
    expect(answer).toEqual([429, 'rate_limited'])
    expect(taken).toBeGreaterThanOrEqual(4)
    clock.pass(1_000)
    expect(await say(writer)).toEqual([200, undefined])
  })
})

describe('a signal of a client', () => {
  test('reaches the others, and not who says it', async () => {
    const { url } = await startRelay()
    const [ada, ben] = [await listening(url), await listening(url)]
    expect(ada.handle.signal({ wave: true })).toBe(true)
    expect(ben.handle.signal('hello')).toBe(true)
    await until('both to hear', () => ada.heard.length + ben.heard.length === 2)
    expect([ada.heard, ben.heard]).toEqual([['hello'], [{ wave: true }]])
    const circle: unknown[] = []
    circle.push(circle)
    for (const wrong of [undefined, circle, () => 1, 'é'.repeat(8_192)]) {
      expect(() => ada.handle.signal(wrong)).toThrow(expect.objectContaining({ code: 'malformed_signal' }))
    }
    expect(ada.handle.signal('é'.repeat(8_191))).toBe(true)
    await until('that one, too', () => ben.heard.length === 2)
    await ben.handle.close()
    expect(ben.handle.signal('too late')).toBe(false)
  })

  test('is for who may write: our client throws, and what others say nobody hears', async () => {
    const authorize = await authorizeByJwt({ key: { secret } })
    const { url } = await startRelay({ authorize })
    const token = (access: string) => signed({ documents: { notes: access } })
    const writer = await listening(url, { token: await token('write') })
    const reader = await listening(url, { token: await token('read') })
    expect(() => reader.handle.signal(1)).toThrow(expect.objectContaining({ code: 'read_only' }))
    const sly = await NativeClient.connect(url, await token('read'))
    const emptyStateVector = Uint8Array.of(0)
    sly.ask(1, { type: 'open', name: 'notes', resume: null, stateVector: emptyStateVector })
    await sly.hears(1, 'synced')
    sly.ask(1, signal('"sly"'))
    writer.handle.signal('after')
    await until('the reader to hear', () => reader.heard.length === 1)
    expect(reader.heard).toEqual(['after'])
    expect((await sly.hears(1, 'signal')).payload).toBe('"after"')
    expect(sly.closed).toBeNull()
  })

  test.each([
    ['no JSON', '{'],
    ['too large', JSON.stringify('x'.repeat(defaultLimits.signalBytesMax))],
  ])('that is %s ends its session', async (_, payload) => {
    const { url } = await startRelay()
    const [bad, good] = [await NativeClient.connect(url), await listening(url)]
    await bad.open(1, 'notes')
    bad.ask(1, signal(payload))
    expect(await bad.hears(1, 'closed')).toMatchObject({ code: 'malformed_signal', retry: false })
    expect(good.heard).toEqual([])
    expect(bad.closed).toBeNull()
  })

  test('by the hundred costs its author time, and a reader who does not keep up misses it', async () => {
    const clock = new TestClock()
    const { url, relay } = await startRelay({ clock, limits: { sessionSignalsBurst: 10, sessionSignalsPerSecond: 1 } })
    const [loud, listener] = [await NativeClient.connect(url), await NativeClient.connect(url)]
    for (const client of [loud, listener]) await client.open(1, 'notes')
    loud.ask(1, ...Array.from({ length: 11 }, (_, i) => signal(`${i}`)))
    await listener.hears(1, 'signal', 11)
    expect(relay.stats().throttles).toBe(1)
    loud.ask(1, signal('11'))
    listener.ask(1, signal('"still heard"'))
    await loud.hears(1, 'signal')
    expect(listener.on(1, 'signal')).toHaveLength(11)
    clock.pass(2_000)
    await listener.hears(1, 'signal', 12)

    const slow = await startRelay({ limits: { socketBytesHigh: 64 * 1024, sessionSignalsBurst: 10_000 } })
    const [writer, stuck] = [await NativeClient.connect(slow.url), await NativeClient.connect(slow.url)]
    for (const client of [writer, stuck]) await client.open(1, 'notes')
    stuck.socket.pause()
    const text = JSON.stringify('x'.repeat(16_000))
    for (let i = 0; i < 1_000; i++) writer.ask(1, signal(text))
    writer.say({ type: 'ping' })
    await until('the pong', () => writer.heard.at(-1)?.type === 'pong')
    stuck.socket.resume()
    await until('it to hear again', () => {
      writer.ask(1, signal('"again"'))
      return stuck.on(1, 'signal').at(-1)?.payload === '"again"'
    })
    expect(stuck.on(1, 'signal').filter(({ payload }) => payload === text).length).toBeLessThan(1_000)
  })
})
