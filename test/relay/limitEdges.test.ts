import type { SessionRequest } from '@syncline/protocol'
import type { RelayLimits } from '@syncline/server'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { awareness } from '../abuse/bytes.js'
import { until } from '../support/until.js'
import { joinYWebsocket, NativeClient, startRelay, TestClock, typed } from './support.js'

const empty = Uint8Array.of(0)
const open = (name: string): SessionRequest => ({ type: 'open', name, resume: null, stateVector: empty })
const authorize = async () => ({ subject: 'ada', access: 'write', expiresAt: null }) as const

/** The code that channel 1 was told, of whatever ended or did not take what it sent. */
function codesOf(client: NativeClient): string[] {
  return (['refused', 'closed', 'rejected'] as const).flatMap((type) => client.on(1, type).map(({ code }) => code))
}

const stateOf = (json: string): SessionRequest => ({ type: 'awareness', update: awareness([7, 1, json]) })
const vectorOf = (clients: number): SessionRequest => ({
  type: 'exchange',
  stateVector: Uint8Array.from([clients, ...Array.from({ length: clients }, (_, i) => [i + 1, 1]).flat()]),
})
/** An update whose size is its text's and no more: ids have one to five bytes. */
const updateWith = (length: number) => typed(Object.assign(new Y.Doc(), { clientID: 7 }), 'x'.repeat(length))
const wholeUpdate = updateWith(100)
const updateOf = (update: Uint8Array): SessionRequest => ({ type: 'update', seq: 2, answer: false, update })

describe('what is as large as it may be is taken, and one more is not', () => {
  test.each<[keyof RelayLimits, number, SessionRequest, SessionRequest, string]>([
    ['nameBytesMax', 8, open('12345678'), open('123456789'), 'invalid_name'],
    [
      'awarenessStateBytesMax',
      32,
      stateOf(`"${'x'.repeat(30)}"`),
      stateOf(`"${'x'.repeat(31)}"`),
      'malformed_awareness',
    ],
    ['awarenessDepthMax', 3, stateOf('[[[1]]]'), stateOf('[[[[1]]]]'), 'malformed_awareness'],
    ['stateVectorClientsMax', 2, vectorOf(2), vectorOf(3), 'malformed_frame'],
    ['updateBytesMax', wholeUpdate.length, updateOf(wholeUpdate), updateOf(updateWith(101)), 'update_too_large'],
  ])('%s: %i', async (limit, value, whole, over, code) => {
    const { url } = await startRelay({ limits: { [limit]: value }, authorize })
    for (const [request, codes] of [
      [whole, []],
      [over, [code]],
    ] as const) {
      const client = await NativeClient.connect(url)
      if (request.type !== 'open') await client.open(1, 'notes')
      client.ask(1, request)
      client.say({ type: 'ping' })
      await until('what follows to be answered', () => client.heard.some(({ type }) => type === 'pong'))
      if (codes.length > 0) await until('it to be told', () => codesOf(client).length > 0)
      expect([codesOf(client), client.closed]).toEqual([codes, null])
    }
  })

  test('tokenBytesMax: 16, by each way', async () => {
    const { url } = await startRelay({ limits: { tokenBytesMax: 16 }, authorize })
    const [whole, over] = ['x'.repeat(16), 'x'.repeat(17)]
    await (await NativeClient.connect(url, whole)).open(1, 'notes')
    const client = await NativeClient.connect(url, over)
    client.ask(1, open('notes'))
    expect(await client.hears(1, 'refused')).toMatchObject({ code: 'unauthorized' })
    const [y, late] = [whole, over].map((token) => joinYWebsocket(url, 'notes', new Y.Doc(), { params: { token } }))
    await until('one to be in, one to be out', () => y!.provider.synced && late!.isStopped())
    expect(late!.closes[0]).toMatchObject({ code: 4401, reason: expect.stringMatching(/^unauthorized/) })
  })
})

describe.each(['session', 'address', 'subject'] as const)('full exchanges of a %s', (of) => {
  /** One that has had two thirds of what is there at once. */
  async function asked(perSecond: number) {
    const clock = new TestClock()
    const limits = { [`${of}ExchangeBytesBurst`]: 250_000, [`${of}ExchangeBytesPerSecond`]: perSecond }
    const { url } = await startRelay({ clock, limits, authorize })
    const client = await NativeClient.connect(url)
    const doc = new Y.Doc()
    typed(doc, 'x'.repeat(100_000))
    await client.open(1, 'notes', doc)
    const ask = () => client.ask(1, { type: 'exchange', stateVector: empty })
    for (const count of [2, 3]) {
      ask()
      await client.hears(1, 'synced', count)
    }
    return { clock, client, ask }
  }

  test('wait for their turn, up to 10 s', async () => {
    const { clock, client, ask } = await asked(5_100)
    ask() // 50,000 bytes are lacking
    clock.pass(1)
    client.say({ type: 'token', token: 'another' })
    await until('it to be told that somebody is here', () => {
      clock.pass(10)
      return client.heard.some(({ type }) => type === 'pong')
    })
    expect([client.on(1, 'synced').length, codesOf(client)]).toEqual([3, []])
    clock.pass(10_000)
    await client.hears(1, 'synced', 4)
  })

  test('are refused beyond that, with the time to wait', async () => {
    const { client, ask } = await asked(4_000)
    ask()
    const { code, retry, retryMs } = await client.hears(1, 'closed')
    expect([code, retry]).toEqual(['rate_limited', true])
    expect(retryMs).toBeGreaterThan(10_000)
    expect(retryMs).toBeLessThan(13_500)
  })
})
