import { get } from 'node:http'
import { type Authorize, authorizeByJwt, authorizeByUrl, type Grant, type RelayOptions } from '@syncline/server'
import { describe, expect, test, vi } from 'vitest'
import { TestClock } from '../relay/support.js'
import { reply, secret, serveLocally, signed } from '../support/issuer.js'
import { until } from '../support/until.js'
import { EventReader } from './events.js'
import { json, jsonPatch, mergePatch, startApi } from './support.js'

const hourMs = 3_600_000

async function start() {
  const clock = new TestClock()
  const authorize = vi.fn(await authorizeByJwt({ key: { secret }, clockSkewMs: 0, now: clock.now }))
  const api = await startApi({ authorize, clock })
  await api.relay.document('plan').transact((doc) => void doc.getText('title').insert(0, 'a'))
  await api.relay.document('secret').transact((doc) => void doc.getText('title').insert(0, 's'))
  return { clock, authorize, ...api }
}

const token = (sub: string, documents: Record<string, string>) => signed({ sub, documents })
const bearer = (given: string) => ({ Authorization: `Bearer ${given}` })
const withToken = (init: RequestInit, given: string): RequestInit => ({
  ...init,
  headers: { ...(init.headers as Record<string, string>), ...bearer(given) },
})

/** Every request on one document, and whether it writes. */
const requests: [path: string, init: RequestInit, access: 'read' | 'write'][] = [
  ['', {}, 'read'],
  ['', { method: 'HEAD' }, 'read'],
  ['?form=typed', {}, 'read'],
  ['/text', {}, 'read'],
  ['/html', {}, 'read'],
  ['/prosemirror', {}, 'read'],
  ['/update', {}, 'read'],
  ['/info', {}, 'read'],
  ['/events', {}, 'read'],
  ['/events?mode=patch', {}, 'read'],
  ['/awareness', {}, 'read'],
  ['', mergePatch({ title: 'x' }), 'write'],
  ['?window=10', mergePatch({ title: 'x' }), 'write'],
  ['', jsonPatch([{ op: 'replace', path: '/title', value: 'x' }]), 'write'],
  ['/append?pointer=/title', json('POST', { text: 'x' }), 'write'],
  [
    '/update',
    { method: 'POST', body: new Uint8Array(2), headers: { 'Content-Type': 'application/octet-stream' } },
    'write',
  ],
  ['/awareness/bot', json('PUT', { state: {} }), 'write'],
  ['/awareness/bot', { method: 'DELETE' }, 'write'],
]
const forOperators: [path: string, init: RequestInit][] = [
  ['/documents', {}],
  ['/documents/secret', { method: 'DELETE' }],
  ['/documents/secret/sessions', {}],
  ['/relay', {}],
  ['/revocations', json('POST', { subject: 'ada' })],
  ['/documents/secret/compaction', { method: 'POST' }],
  ['/documents/secret/changes', {}],
  ['/documents/secret/read-only', json('PUT', { seconds: 60 })],
  ['/documents/secret/read-only', { method: 'DELETE' }],
  ['/documents/secret/sessions/1', { method: 'DELETE' }],
]

describe('who may do what over HTTP', () => {
  test('nothing is told and nothing is done without a grant', async () => {
    const { ask, relay } = await start()
    const [reader, other] = [await token('ben', { secret: 'read' }), await token('eve', { plan: 'write' })]
    const before = await relay.document('secret').read()
    for (const [path, init, access] of requests) {
      const statusOf = async (request: RequestInit) => {
        const abort = new AbortController()
        const answer = await ask(`/documents/secret${path}`, { ...request, signal: abort.signal })
        const { code } = answer.ok || request.method === 'HEAD' ? { code: '' } : await answer.json()
        const told = [path, answer.status, code]
        abort.abort()
        return told
      }
      const isHead = init.method === 'HEAD'
      expect(await statusOf(init)).toEqual([path, 401, isHead ? '' : 'unauthorized'])
      expect(await statusOf(withToken(init, 'nonsense'))).toEqual([path, 401, isHead ? '' : 'unauthorized'])
      expect(await statusOf(withToken(init, other))).toEqual([path, 403, isHead ? '' : 'forbidden'])
      if (access === 'write') expect(await statusOf(withToken(init, reader))).toEqual([path, 403, 'read_only'])
    }
    for (const [path, init] of forOperators) {
      for (const given of [reader, await token('ada', { '*': 'write' })]) {
        const answer = await ask(path, withToken(init, given))
        expect([path, answer.status, (await answer.json()).code]).toEqual([path, 403, 'forbidden'])
      }
    }
    expect(await relay.document('secret').read()).toEqual(before)
    const read = await ask('/documents/secret', { headers: bearer(reader) })
    expect([read.status, await read.json()]).toEqual([200, { title: 's' }])
    // a cached answer, and one that was rendered for another, are for those who may read
    expect((await ask('/documents/secret', { headers: { 'If-None-Match': read.headers.get('ETag')! } })).status).toBe(
      401,
    )
  })

  test('what is written has its subject, and keys of two subjects are two', async () => {
    const { ask, relay } = await start()
    const key = { 'Idempotency-Key': 'k' }
    for (const sub of ['ada', 'ben']) {
      const given = await token(sub, { plan: 'write' })
      const edit = json('POST', { text: 'x' }, key)
      expect((await ask('/documents/plan/append?pointer=/title', withToken(edit, given))).status).toBe(200)
    }
    expect((await relay.document('plan').read()).plain).toEqual({ title: 'axx' })
  })

  test('ends when the grant ends, also in the middle of a request or a stream', async () => {
    const { ask, url, relay, clock, authorize } = await start()
    const given = await token('ada', { plan: 'write' })
    const path = `${url}/api/v1/documents/plan/events?mode=patch&token=${given}`
    const stream = await EventReader.open(path)
    await until('the first event', () => stream.events.length === 1)
    await relay.revoke({ subject: 'ada' })
    await until('the stream to end', () => stream.isOver)
    expect(stream.events.at(-1)).toMatchObject({ event: 'end', data: { code: 'revoked' } })
    const refused = await ask('/documents/plan', { headers: bearer(given) })
    expect([refused.status, (await refused.json()).code]).toEqual([403, 'revoked'])

    // an upload that was begun before it was revoked
    const ben = await token('ben', { plan: 'write' })
    let finish = () => {}
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('{"title":'))
        finish = () => {
          controller.enqueue(new TextEncoder().encode('"late"}'))
          controller.close()
        }
      },
    })
    const headers = { 'Content-Type': 'application/merge-patch+json', ...bearer(ben) }
    const letIn = () => authorize.mock.settledResults.filter(({ type }) => type === 'fulfilled').length
    const before = letIn()
    const upload = ask('/documents/plan', { method: 'PATCH', body, headers, duplex: 'half' } as RequestInit)
    await until('the upload to be let in', () => letIn() > before)
    await relay.revoke({ subject: 'ben' })
    finish()
    expect([(await upload).status, (await (await upload).json()).code]).toEqual([403, 'revoked'])

    const late = await EventReader.open(
      `${url}/api/v1/documents/plan/events?token=${await token('cy', { plan: 'read' })}`,
    )
    await until('the first event', () => late.events.length === 1)
    clock.pass(hourMs + 1_000)
    await until('the stream to end', () => late.isOver)
    expect(late.events.at(-1)).toMatchObject({ event: 'end', data: { code: 'token_expired' } })
    expect((await relay.document('plan').read()).plain).toEqual({ title: 'a' })
  })

  test('an entry of awareness goes with the grant by which it was put', async () => {
    const { ask, relay } = await start()
    const [ada, ben] = [await token('ada', { plan: 'write' }), await token('ben', { plan: 'read' })]
    await ask('/documents/plan/awareness/bot', withToken(json('PUT', { state: { a: 1 }, ttl: 600 }), ada))
    const clients = async () =>
      (await (await ask('/documents/plan/awareness', { headers: bearer(ben) })).json()).clients
    expect(await clients()).toHaveLength(1)
    await relay.revoke({ subject: 'ada' })
    await until('it to be gone', async () => (await clients()).length === 0)
  })
})

describe('operators over HTTP', () => {
  const startWith = async (options: RelayOptions) => {
    const api = await startApi(options)
    await api.relay.document('secret').transact((doc) => void doc.getText('title').insert(0, 's'))
    const codeOf = async (path: string, init: RequestInit) => {
      const answer = await api.ask(path, init)
      const { code } = answer.ok ? { code: '' } : await answer.json()
      return `${answer.status} ${code}`.trim()
    }
    return { ...api, codeOf }
  }
  const byJwt = async (clock: TestClock) => authorizeByJwt({ key: { secret }, clockSkewMs: 0, now: clock.now })

  test('by a token do what is theirs, read every document, and write what else the token says', async () => {
    const clock = new TestClock()
    const { codeOf, relay } = await startWith({ clock, authorize: await byJwt(clock) })
    const root = await signed({ sub: 'root', admin: true, documents: { mine: 'write' } })
    const code = (path: string, init: RequestInit = {}) => codeOf(path, withToken(init, root))
    expect(await code('/documents')).toBe('200')
    expect(await code('/documents/secret/sessions')).toBe('200')
    expect(await code('/documents/secret/sessions/1', { method: 'DELETE' })).toBe('404 no_session')
    expect(await code('/documents/secret')).toBe('200')
    expect(await code('/documents/secret', mergePatch({ title: 'x' }))).toBe('403 read_only')
    expect(await code('/documents/secret', { method: 'DELETE' })).toBe('204')
    expect(await code('/documents/secret', json('PUT', { title: 'anew' }))).toBe('201')
    expect(await code('/documents/mine', json('PUT', {}))).toBe('201')
    expect(await code('/documents/%24relay', json('PUT', {}))).toBe('400 invalid_name')
    expect((await relay.document('secret').read()).plain).toEqual({ title: 'anew' })
  })

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['false', false],
    ['text', 'true'],
    ['a number', 1],
    ['a list', [true]],
    ['an object', { '*': true }],
  ])('are not made by %s in the claim', async (_, admin) => {
    const clock = new TestClock()
    const { codeOf } = await startWith({ clock, authorize: await byJwt(clock) })
    const given = await signed({ sub: 'eve', admin, documents: { '*': 'write', $relay: 'write' } })
    for (const [path, init] of forOperators) expect(await codeOf(path, withToken(init, given))).toBe('403 forbidden')
    const none = await signed({ sub: 'eve', admin, documents: {} })
    expect(await codeOf('/documents/secret', { headers: bearer(none) })).toBe('403 forbidden')
  })

  test('are none any more once their token is over or revoked, by subject or all of them', async () => {
    const clock = new TestClock()
    const { codeOf, relay } = await startWith({ clock, authorize: await byJwt(clock) })
    const list = async (given: string) => codeOf('/documents', { headers: bearer(given) })
    const [root, other] = [await signed({ sub: 'root', admin: true }), await signed({ sub: 'other', admin: true })]
    expect([await list(root), await list(other)]).toEqual(['200', '200'])
    await relay.revoke({ subject: 'root' })
    expect([await list(root), await list(other)]).toEqual(['403 revoked', '200'])
    await relay.revoke({ document: '$relay' })
    expect(await list(other)).toBe('403 revoked')
    clock.pass(2_000)
    const later = await signed({ sub: 'root', admin: true, iat: Math.floor(clock.now() / 1_000) })
    expect(await list(later)).toBe('200')
    clock.pass(hourMs + 1_000)
    expect(await list(later)).toBe('401 token_expired')
    expect(await codeOf('/documents', {})).toBe('401 unauthorized')
  })

  test('are made by a backend, which is asked for $relay', async () => {
    const answers: Record<string, unknown> = {
      root: { subject: 'root', access: 'read', admin: true },
      ada: { subject: 'ada', access: 'write' },
      odd: { subject: 'odd', access: 'write', admin: 'yes' },
    }
    const asked: string[] = []
    const url = await serveLocally((_request, body, response) => {
      const { document, token } = JSON.parse(body)
      asked.push(document)
      reply(response, 200, answers[token])
    })
    const clock = new TestClock()
    const authorize = authorizeByUrl({ url, now: clock.now })
    const { codeOf, relay } = await startWith({ clock, authorize })
    const list = async (given: string) => codeOf('/documents', { headers: bearer(given) })
    expect([await list('root'), await list('ada')]).toEqual(['200', '403 forbidden'])
    expect(await list('odd')).toBe('503 authorization_unavailable')
    expect(new Set(asked)).toEqual(new Set(['$relay']))
    answers.root = answers.ada
    expect(await list('root')).toBe('200')
    clock.pass(301_000)
    expect(await list('root')).toBe('403 forbidden')
    await relay.revoke({ subject: 'ada' })
    expect(await list('ada')).toBe('403 forbidden') // the answer is newer
  })

  test.each<[unknown, string]>([
    [true, '200'],
    [undefined, '403 forbidden'],
    ['true', '403 forbidden'],
    [1, '403 forbidden'],
  ])('are made by a function that answers admin: %j or not', async (admin, expected) => {
    const grant = { subject: 'root', access: 'write', expiresAt: null, admin } as Grant
    const authorize: Authorize = async () => grant
    expect(await (await startWith({ authorize })).codeOf('/documents', {})).toBe(expected)
  })

  test('are, where nobody is asked, those on the same machine', async () => {
    const { codeOf, url } = await startWith({})
    const list = (headers: Record<string, string>) => codeOf('/documents', { headers })
    expect(await list({})).toBe('200')
    expect(await list({ 'X-Forwarded-For': '127.0.0.1' })).toBe('403 forbidden')
    expect(await list({ Forwarded: 'for=127.0.0.1' })).toBe('403 forbidden')
    // a name of somebody else's that was made to lead here
    const status = await new Promise((resolve, reject) => {
      const options = { headers: { Host: 'evil.test', Origin: 'http://evil.test' } }
      get(`${url}/api/v1/documents`, options, (answer) => resolve(answer.resume().statusCode)).on('error', reject)
    })
    expect(status).toBe(403)
  })

  test('leave creating to whoever may write the document, but for deleted ones', async () => {
    const clock = new TestClock()
    const { codeOf, relay } = await startWith({ clock, authorize: await byJwt(clock) })
    const create = async (name: string, documents: Record<string, string>) =>
      codeOf(`/documents/${name}`, withToken(json('PUT', { title: 'x' }), await token('ada', documents)))
    expect(await create('new', { new: 'read' })).toBe('403 read_only')
    expect(await create('new', { other: 'write' })).toBe('403 forbidden')
    expect(await create('new', { new: 'write' })).toBe('201')
    expect(await create('new', { new: 'write' })).toBe('409 document_exists')
    await relay.remove('new')
    expect(await create('new', { new: 'write' })).toBe('410 document_deleted')
  })
})
