import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from '@syncline/client'
import { type Load, loadByUrl, MemoryLog, openLevelLog } from '@syncline/server'
import { schema } from 'prosemirror-schema-basic'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { prosemirrorJSONToYDoc } from 'y-prosemirror'
import * as Y from 'yjs'
import { startApi } from '../api/support.js'
import { emptyDirectory, startRelay as startProcess } from '../cli/support.js'
import { joinNative, joinYWebsocket } from '../support/clients.js'
import { connectHocuspocus } from '../support/hocuspocus.js'
import { until } from '../support/until.js'
import { isSigned, startRelay, webhookSecret } from './support.js'

interface Answer {
  readonly status?: number
  readonly type?: string
  readonly body?: string | Uint8Array
}

/** The application's backend. */
async function startBackend(answer: Answer | null = null, port = 0) {
  const asked: { readonly document: string; readonly isSigned: boolean }[] = []
  const waiting: (() => void)[] = []
  const backend = { url: '', port: 0, asked, answer, isHeld: false, letGo: () => {}, stop: () => {} }
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks).toString()
    const told = { id: '', type: '', headers: request.headers, body, data: { document: '', epoch: null, position: 0 } }
    asked.push({ document: JSON.parse(body).document, isSigned: isSigned(told, webhookSecret) })
    if (backend.isHeld) await new Promise<void>((resolve) => waiting.push(resolve))
    const { status = 200, type = 'application/octet-stream', body: content = '' } = backend.answer ?? { status: 404 }
    response.writeHead(status, { 'Content-Type': type }).end(content)
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  backend.port = (server.address() as AddressInfo).port
  backend.url = `http://127.0.0.1:${backend.port}/load`
  backend.letGo = () => {
    backend.isHeld = false
    for (const go of waiting.splice(0)) go()
  }
  backend.stop = () => {
    server.closeAllConnections()
    server.close()
  }
  onTestFinished(backend.stop)
  return backend
}

function docWith(edit: (doc: Y.Doc) => void): Y.Doc {
  const doc = new Y.Doc()
  edit(doc)
  return doc
}

const hello = docWith((doc) => doc.getText().insert(0, 'hello'))
const helloUpdate = { body: Y.encodeStateAsUpdate(hello) }
const serving = (url: string) =>
  startProcess({ args: ['--load-url', url], env: { SYNCLINE_WEBHOOK_SECRET: webhookSecret } })

describe('the first opening of a document asks the backend', () => {
  test('once, with a signature, however many clients of whatever kind open it at that moment', async () => {
    const backend = await startBackend(helloUpdate)
    backend.isHeld = true
    const relay = await serving(backend.url)
    const people = Array.from({ length: 50 }, () => joinNative(relay, 'notes'))
    for (const { synced } of people) synced.catch(() => {})
    const other = joinYWebsocket(relay, 'notes')
    other.synced.catch(() => {})
    const third = connectHocuspocus(relay.webSocketUrl).open('notes')
    const read = fetch(`${relay.url}/api/v1/documents/notes/text`).then((answer) => answer.text())
    const written = fetch(`${relay.url}/api/v1/documents/notes/append?pointer=/`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ text: '!' }),
    }).then((answer) => answer.status)
    await until('the backend to be asked', () => backend.asked.length === 1)
    await until('all to wait', async () => {
      const answer = await fetch(`${relay.url}/api/v1/documents/notes/sessions`)
      return (await answer.json()).sessions.length === people.length + 2
    })
    backend.letGo()
    expect(await written).toBe(200)
    await until('all to have the same', () => [...people, other, third].every(({ text }) => `${text}` === 'hello!'))
    expect(await read).toMatch(/^hello!?$/)
    expect(backend.asked).toEqual([{ document: 'notes', isSigned: true }])
    await Promise.all([...people, other].map((person) => person.leave()))
    // and never again, also in another life of the relay
    await relay.restart()
    expect(await (await fetch(`${relay.url}/api/v1/documents/notes/text`)).text()).toBe('hello!')
    expect(backend.asked).toHaveLength(1)
  })

  test('and refuses with a code while it is down: nobody is shown an empty document', async () => {
    const backend = await startBackend(helloUpdate)
    backend.stop()
    const relay = await serving(backend.url)
    const ann = joinNative(relay, 'notes')
    ann.synced.catch(() => {})
    const raw = new WebSocket(`${relay.webSocketUrl}/y/notes`)
    const closed = await new Promise((resolve) => raw.on('close', (code, reason) => resolve(`${code} ${reason}`)))
    expect(closed).toMatch(/^4504 not_loaded: /)
    await until('ann to be kept out', () => relay.complaints.includes('document_not_loaded'))
    expect([ann.handle.status.synced, ann.handle.status.connection]).toEqual([false, 'connecting'])
    const read = await fetch(`${relay.url}/api/v1/documents/notes/text`)
    expect([read.status, read.headers.get('Retry-After'), (await read.json()).code]).toEqual([503, '5', 'not_loaded'])
    const backendAgain = await startBackend(helloUpdate, backend.port)
    await until('ann to have it, by herself', () => ann.text.toString() === 'hello', { timeoutMs: 20_000 })
    expect(backendAgain.asked.length).toBeGreaterThan(0)
    await ann.leave()
  })

  test('a relay that is killed while it asks has nothing of it, and asks again', async () => {
    const backend = await startBackend(helloUpdate)
    backend.isHeld = true
    const relay = await serving(backend.url)
    const ann = joinNative(relay, 'notes')
    ann.synced.catch(() => {})
    await until('the backend to be asked', () => backend.asked.length === 1)
    await relay.kill('SIGKILL')
    backend.letGo()
    await relay.start()
    await until('ann to have it', () => ann.text.toString() === 'hello')
    expect(backend.asked).toHaveLength(2)
    expect(await (await fetch(`${relay.url}/api/v1/documents/notes/text`)).text()).toBe('hello')
    await ann.leave()
  })
})

const relayOn = async (answer: Answer | null) => {
  const backend = await startBackend(answer)
  const load = loadByUrl({ url: backend.url, secret: webhookSecret })
  return { backend, ...(await startApi({ load, limits: { documentBytesMax: 100_000, updateBytesMax: 100_000 } })) }
}
const json = (body: unknown) => ({ type: 'application/json', body: JSON.stringify(body) })
const article = {
  type: 'doc',
  content: [
    { type: 'heading', attrs: { level: 2 }, content: [{ type: 'text', text: 'Fish & chips' }] },
    {
      type: 'paragraph',
      content: [
        { type: 'text', text: 'plain ' },
        { type: 'text', text: 'bold', marks: [{ type: 'strong' }] },
        { type: 'text', text: 'link', marks: [{ type: 'link', attrs: { href: 'https://a.test', title: null } }] },
        { type: 'hard_break' },
        { type: 'text', text: 'end' },
      ],
    },
    { type: 'horizontal_rule' },
  ],
}

describe('what a backend answers', () => {
  test('rich text of ProseMirror becomes what y-prosemirror itself makes of it', async () => {
    const { relay, ask } = await relayOn(json({ type: 'prosemirror', content: article }))
    expect(await (await ask('/documents/a/html')).text()).toMatch(/^<h2>Fish &amp; chips<\/h2><p>plain <strong>bold/)
    const doc = new Y.Doc()
    Y.applyUpdate(doc, (await relay.document('a').read()).update)
    const expected = prosemirrorJSONToYDoc(schema, article, 'default')
    expect(doc.getXmlFragment('default').toJSON()).toBe(expected.getXmlFragment('default').toJSON())
    const deltas = (of: Y.Doc) =>
      [...of.getXmlFragment('default').createTreeWalker((type) => type instanceof Y.XmlText)].map((type) =>
        (type as Y.XmlText).toDelta(),
      )
    expect(deltas(doc)).toEqual(deltas(expected))
  })

  test.each<[string, Answer, Record<string, unknown>]>([
    ['an update', { body: Y.encodeStateAsUpdate(docWith((doc) => doc.getMap('a').set('b', 1))) }, { a: { b: 1 } }],
    ['text', { type: 'text/plain; charset=utf-8', body: 'Zoë' }, { content: 'Zoë' }],
    ['text in a field', json({ type: 'text', field: 'body', content: 'Zoë' }), { body: 'Zoë' }],
    [
      'all of a document',
      json({ format: 1, roots: { plan: { type: 'map', entries: { title: 'A plan' } } } }),
      { plan: { title: 'A plan' } },
    ],
  ])('%s', async (_, answer, plain) => {
    const { relay } = await relayOn(answer)
    const content = await relay.document('a').read()
    expect([content.plain, content.position]).toEqual([plain, 1])
  })

  test('404: it begins empty, and takes first content', async () => {
    const { backend, relay, ask } = await relayOn(null)
    expect((await ask('/documents/a/text')).status).toBe(404)
    await relay.document('a').transact((doc) => doc.getText('content').insert(0, 'new'))
    expect(await (await ask('/documents/a/text')).text()).toBe('new')
    expect(backend.asked[0]!.document).toBe('a')
  })

  const gap = docWith((doc) => doc.getText().insert(0, 'a'))
  const before = Y.encodeStateVector(gap)
  gap.getText().insert(1, 'b')
  test.each<[string, Answer]>([
    ['500', { status: 500 }],
    ['a redirect', { status: 302 }],
    ['204', { status: 204 }],
    ['HTML', { type: 'text/html', body: '<p>Please log in' }],
    ['no update', { body: 'hello' }],
    ['an update that refers to what is missing', { body: Y.encodeStateAsUpdate(gap, before) }],
    ['more than a document may have', { type: 'text/plain', body: 'x'.repeat(100_001) }],
    ['what is no JSON', { type: 'application/json', body: '{' }],
    ['JSON of no known form', json({ type: 'markdown', content: '# a' })],
    ['a node without a type', json({ type: 'prosemirror', content: { type: 'doc', content: [{}] } })],
    [
      'an empty text node',
      json({ type: 'prosemirror', content: { type: 'doc', content: [{ type: 'text', text: '' }] } }),
    ],
    ['bytes that are no UTF-8', { type: 'text/plain', body: Uint8Array.of(0xff) }],
  ])('%s: the document stays closed, and nothing is kept', async (_, answer) => {
    const { backend, relay, ask } = await relayOn(answer)
    const refused = await ask('/documents/a/text')
    expect([refused.status, (await refused.json()).code]).toEqual([503, 'not_loaded'])
    expect(relay.stats()).toMatchObject({ loads: 1, loadFailures: 1, commits: 0, exceptions: 0 })
    backend.answer = { type: 'text/plain', body: 'now' }
    expect(await (await ask('/documents/a/text')).text()).toBe('now')
  })
})

describe('an application that the relay is in', () => {
  test('gives content by a function; it is attributed, first content is withdrawn, a deleted document is not asked for', async () => {
    const asked: string[] = []
    const load: Load = async (document) => {
      asked.push(document)
      return { type: 'text', content: 'loaded' }
    }
    const log = await openLevelLog(emptyDirectory())
    const { relay, webSocketUrl } = await startApi({ load }, {}, log)
    const connection = connect(webSocketUrl)
    onTestFinished(() => connection.close())
    const seed = docWith((doc) => doc.getText('content').insert(0, 'seed'))
    const handle = connection.open('notes', {
      initial: (doc: Y.Doc) => Y.applyUpdate(doc, Y.encodeStateAsUpdate(seed)),
    })
    await until('it to have what was loaded', () => `${handle.doc.getText('content')}` === 'loaded')
    expect((await log.read('notes'))!.records.flatMap(({ runs }) => runs.map(({ author }) => author))).toEqual([
      'syncline:load',
    ])
    await relay.remove('notes')
    await expect(relay.document('notes').read()).rejects.toMatchObject({ code: 'document_deleted' })
    await relay.create('notes')
    expect((await relay.document('notes').read()).plain).toEqual({})
    expect(asked).toEqual(['notes'])
  })

  test('a large document is checked beside everything else; a function that never ends is given up', async () => {
    const large = docWith((doc) => doc.getText('content').insert(0, 'x'.repeat(1_500_000)))
    const load: Load = (document) => (document === 'large' ? Y.encodeStateAsUpdate(large) : new Promise(() => {}))
    const { relay, clock } = startRelay({ load }, new MemoryLog())
    expect((await relay.document('large').read()).text).toHaveLength(1_500_000)
    const never = relay.document('never').read()
    const refused = expect(never).rejects.toMatchObject({ code: 'not_loaded' })
    await until('it to be asked for', () => relay.stats().loads === 2)
    clock.pass(30_000)
    await refused
  })
})
