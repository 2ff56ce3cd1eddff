import { connect } from '@syncline/client'
import { authorizeByJwt, MemoryLog, type Overview } from '@syncline/server'
import { describe, expect, onTestFinished, test } from 'vitest'
import { secret, signed } from '../support/issuer.js'
import { until } from '../support/until.js'
import { json, mergePatch, startApi } from './support.js'

async function start() {
  const authorize = await authorizeByJwt({ key: { secret } })
  const api = await startApi({ authorize }, {}, new MemoryLog())
  const root = await signed({ sub: 'root', admin: true, documents: {} })
  const asRoot = (path: string, init: RequestInit = {}) => {
    const headers = { ...(init.headers as Record<string, string>), Authorization: `Bearer ${root}` }
    return api.ask(path, { ...init, headers })
  }
  const person = (token: string | Promise<string>) => {
    const connection = connect(api.webSocketUrl, { token: async () => token })
    onTestFinished(() => connection.close())
    return connection
  }
  return { ...api, root, asRoot, person }
}

/** What an operator's client puts together from the relay's own document. */
function overviewIn(states: Map<number, Record<string, unknown>>): Overview | null {
  const said = [...states.values()].filter(({ text }) => text !== undefined)
  const pieces = said.sort((a, b) => (a.piece as number) - (b.piece as number))
  if (pieces.length === 0 || pieces.length !== pieces[0]!.pieces) return null
  return JSON.parse(Buffer.from(pieces.map(({ text }) => text).join(''), 'base64').toString())
}

describe('an operator over HTTP', () => {
  test('sees how large documents are, and when they were created and changed', async () => {
    const { asRoot, ask } = await start()
    const before = Date.now()
    expect((await asRoot('/documents/plan', json('PUT', { title: 'a' }))).status).toBe(201)
    const ada = { Authorization: `Bearer ${await signed({ documents: { plan: 'write' } })}` }
    expect((await ask('/documents/plan', mergePatch({ title: 'b' }, ada))).status).toBe(200)
    const info = await (await ask('/documents/plan/info', { headers: ada })).json()
    expect(info).toMatchObject({ name: 'plan', position: 2, bytes: expect.any(Number) })
    expect(info.createdAt).toBeGreaterThanOrEqual(before)
    expect(info.changedAt).toBeGreaterThanOrEqual(info.createdAt)
    expect((await (await asRoot('/documents')).json()).documents).toEqual([info])
    expect((await ask('/documents/other/info', { headers: ada })).status).toBe(403)
    expect((await asRoot('/documents/other/info')).status).toBe(404)
    const { changes } = await (await asRoot('/documents/plan/changes')).json()
    expect(changes).toMatchObject([
      { position: 2, authors: ['ada'] },
      { position: 1, authors: ['root'] },
    ])
    expect(changes[0].bytes).toBeGreaterThan(0)
  })

  test('takes access away, and compacts', async () => {
    const { asRoot, ask, person } = await start()
    await asRoot('/documents/plan', json('PUT', { title: 'a' }))
    const token = await signed({ sub: 'ada' })
    const handle = person(token).open('plan')
    await handle.synced
    handle.doc.getText('title').insert(0, 'b')
    await handle.saved()
    expect((await asRoot('/documents/plan/compaction', { method: 'POST' })).status).toBe(204)
    expect((await asRoot('/documents/none/compaction', { method: 'POST' })).status).toBe(404)

    const post = (body: unknown) => asRoot('/revocations', json('POST', body))
    expect(await (await post({ subject: 'ada' })).json()).toEqual({ sessions: 1 })
    await until('her session to be over', () => handle.status.error?.code === 'revoked')
    expect((await ask('/documents/plan', { headers: { Authorization: `Bearer ${token}` } })).status).toBe(403)
    for (const [body, code] of [
      [{}, 'invalid_option'],
      [{ subject: '' }, 'invalid_option'],
      [{ subject: 7 }, 'invalid_request'],
      [{ everybody: true }, 'invalid_request'],
    ] as const) {
      const refused = await post(body)
      expect([refused.status, (await refused.json()).code]).toEqual([400, code])
    }
    expect((await asRoot('/documents')).status).toBe(200)
  })

  test('makes a document read-only for a while, and its clients are told', async () => {
    const { asRoot, ask, person } = await start()
    await asRoot('/documents/plan', json('PUT', { title: 'a' }))
    const ada = await signed({ sub: 'ada' })
    const handle = person(ada).open('plan')
    const other = person(ada).open('other')
    await Promise.all([handle.synced, other.synced])
    const write = async () => {
      const headers = { Authorization: `Bearer ${ada}` }
      return (await ask('/documents/plan', mergePatch({ title: 'c' }, headers))).status
    }
    const put = (seconds: unknown) => asRoot('/documents/plan/read-only', json('PUT', { seconds }))
    for (const wrong of [0, 86_401, 1.5, '60']) expect((await put(wrong)).status).toBe(400)

    const { until: end } = await (await put(600)).json()
    expect(end - Date.now()).toBeGreaterThan(590_000)
    await until('her to be a reader', () => handle.status.access === 'read')
    expect(other.status.access).toBe('write')
    expect(await write()).toBe(403)
    const late = person(ada).open('plan')
    await until('whoever comes later to be one', () => late.status.access === 'read')
    expect((await asRoot('/documents/plan/read-only', { method: 'DELETE' })).status).toBe(204)
    await until('them to be writers again', () => [handle, late].every(({ status }) => status.access === 'write'))
    expect(await write()).toBe(200)

    await put(1)
    await until('her to be a reader again', () => handle.status.access === 'read')
    await until('it to end by itself', () => handle.status.access === 'write')
  })

  test('sees what the relay does, once and live, and nobody else does', async () => {
    const { asRoot, root, person, relay } = await start()
    const names = Array.from({ length: 70 }, (_, i) => `${'ö'.repeat(100)} ${i}`)
    const connection = person(signed({ sub: 'ada' }))
    for (const name of names) await connection.open(name).synced
    const once = (await (await asRoot('/relay')).json()) as Overview
    expect(once).toMatchObject({ ready: true, readOnly: false, disk: null, stats: { sessions: 70, rooms: 70 } })
    expect(once.documents).toHaveLength(70)
    expect(JSON.stringify(once.settings)).not.toContain(secret)

    const operator = person(root).open('$relay')
    const states = () => operator.awareness.getStates() as Map<number, Record<string, unknown>>
    await until('an overview', () => (overviewIn(states())?.documents.length ?? 0) > 20)
    const { time } = overviewIn(states())!
    await until('the next one', () => (overviewIn(states())?.time ?? 0) > time)
    expect(operator.status.access).toBe('read')

    const curious = person(signed({ sub: 'eve', documents: { '*': 'write', $relay: 'write' } })).open('$relay')
    await until('her to be refused', () => curious.status.error?.code === 'forbidden')
    expect(curious.awareness.getStates().size).toBeLessThanOrEqual(1)
    expect(relay.stats().rooms).toBe(71)
    await operator.close()
    await until('the relay to stop telling', () => relay.stats().sessions === 70)
  })
})
