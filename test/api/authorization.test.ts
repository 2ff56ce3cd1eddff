import { authorizeByJwt } from '@syncline/server'
import { describe, expect, test, vi } from 'vitest'
import { TestClock } from '../relay/support.js'
import { secret, signed } from '../support/issuer.js'
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
  ['/documents/new', json('PUT', {})],
  ['/documents/secret', { method: 'DELETE' }],
  ['/documents/secret/sessions', {}],
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
