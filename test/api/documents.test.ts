import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { joinYWebsocket } from '../relay/support.js'
import { applyEdit, loadConcurrentTrace, loadSequentialTrace } from '../support/traces.js'
import { until } from '../support/until.js'
import { json, jsonPatch, mergePatch, startApi } from './support.js'

const article = {
  type: 'doc',
  content: [
    { type: 'heading', attrs: { level: 1 }, content: [{ type: 'text', text: 'News' }] },
    { type: 'paragraph', content: [{ type: 'text', text: 'of today', marks: [{ type: 'bold' }] }] },
  ],
}

function writeArticle(doc: Y.Doc): void {
  const heading = new Y.XmlElement('heading')
  heading.setAttribute('level', 1 as unknown as string)
  heading.insert(0, [new Y.XmlText('News')])
  const text = new Y.XmlText()
  const paragraph = new Y.XmlElement('paragraph')
  paragraph.insert(0, [text])
  doc.getXmlFragment('default').insert(0, [heading, paragraph])
  text.insert(0, 'of today', { bold: {} })
}

describe('documents over HTTP', () => {
  test('are created, listed, read and deleted', async () => {
    const { ask } = await startApi()
    for (const name of ['team/a', 'team/b', 'team/c', 'other']) {
      const created = await ask(`/documents/${encodeURIComponent(name)}`, json('PUT', { title: `About ${name}` }))
      expect(created.status).toBe(201)
      expect(await created.json()).toMatchObject({ name, position: 1 })
    }
    const first = await (await ask('/documents?prefix=team/&limit=2')).json()
    expect(first.documents.map(({ name }: { name: string }) => name)).toEqual(['team/a', 'team/b'])
    const second = await (await ask(`/documents?prefix=team/&limit=2&cursor=${first.next}`)).json()
    expect(second).toEqual({ documents: [expect.objectContaining({ name: 'team/c', position: 1 })] })

    const read = await ask('/documents/team%2Fa')
    expect(read.headers.get('Content-Type')).toBe('application/json')
    expect(await read.json()).toEqual({ title: 'About team/a' })
    expect((await ask('/documents/team%2Fa', { method: 'HEAD' })).headers.get('ETag')).toBe(read.headers.get('ETag'))

    expect((await ask('/documents/team%2Fa', json('PUT', {}))).status).toBe(409)
    expect((await ask('/documents/team%2Fa', { method: 'DELETE' })).status).toBe(204)
    expect((await ask('/documents/team%2Fa', { method: 'DELETE' })).status).toBe(404)
    expect((await ask('/documents/team%2Fa')).status).toBe(410)
    const again = await ask('/documents/team%2Fa', { method: 'PUT' })
    expect(again.status).toBe(201)
    expect(await (await ask('/documents/team%2Fa')).json()).toEqual({})
  })

  test('may be created empty, and are then there', async () => {
    const { ask } = await startApi()
    expect((await ask('/documents/empty', { method: 'PUT' })).status).toBe(201)
    const read = await ask('/documents/empty?form=typed')
    expect([read.status, await read.json()]).toEqual([200, { format: 1, roots: {} }])
    expect((await ask('/documents/empty', { method: 'PUT' })).status).toBe(409)
  })

  test('are read in every form', async () => {
    const { relay, ask } = await startApi()
    await relay.document('news').transact((doc) => {
      writeArticle(doc)
      doc.getText('title').insert(0, 'Title')
      doc.getMap('meta').set('tags', Y.Array.from(['x', 'y']))
    })
    expect(await (await ask('/documents/news')).json()).toMatchObject({ title: 'Title', meta: { tags: ['x', 'y'] } })
    expect(await (await ask('/documents/news?pointer=/meta/tags/1')).json()).toBe('y')
    expect(await (await ask('/documents/news?pointer=/title&form=typed')).json()).toEqual({
      type: 'text',
      delta: [{ insert: 'Title' }],
    })
    expect(await (await ask('/documents/news/text?pointer=/title')).text()).toBe('Title')
    expect(await (await ask('/documents/news/text?pointer=/default')).text()).toBe('News\nof today')
    const html = await ask('/documents/news/html')
    expect(html.headers.get('Content-Type')).toBe('text/html; charset=utf-8')
    expect(await html.text()).toBe('<h1>News</h1><p><strong>of today</strong></p>')
    expect(await (await ask('/documents/news/prosemirror?pointer=/default')).json()).toEqual(article)
    const replica = new Y.Doc()
    Y.applyUpdate(replica, new Uint8Array(await (await ask('/documents/news/update')).arrayBuffer()))
    expect(replica.getText('title').toString()).toBe('Title')
  })

  test('are not sent to who has them', async () => {
    const { ask } = await startApi({}, { cacheControl: (name) => (name === 'news' ? 'public, max-age=5' : 'no-store') })
    await ask('/documents/news', json('PUT', { title: 'a' }))
    const forms = ['', '?form=typed', '?pointer=/title', '/text', '/update']
    const etags = new Set<string>()
    for (const form of forms) {
      const etag = (await ask(`/documents/news${form}`)).headers.get('ETag')!
      expect(etag).toMatch(/^"[0-9a-f]{16}-1/)
      etags.add(etag)
      for (const known of [etag, `"x", W/${etag}`, '*']) {
        const again = await ask(`/documents/news${form}`, { headers: { 'If-None-Match': known } })
        expect([again.status, await again.text()]).toEqual([304, ''])
        expect(again.headers.get('Cache-Control')).toBe('public, max-age=5')
      }
    }
    expect(etags.size).toBe(forms.length)
    const written = await ask('/documents/news', mergePatch({ title: 'b' }))
    const read = await ask('/documents/news', { headers: { 'If-None-Match': [...etags].join(', ') } })
    expect([read.status, read.headers.get('ETag')]).toEqual([200, written.headers.get('ETag')])
  })

  test('are edited while people type, who lose nothing', async () => {
    const { ask, webSocketUrl } = await startApi()
    await ask('/documents/story', json('PUT', { body: '', list: [{ id: 1, n: 0 }], head: 'A head' }))
    const trace = loadSequentialTrace('sveltecomponent')
    const edits = trace.edits.slice(0, 3_000)
    const expected = new Y.Doc().getText()
    for (const edit of edits) applyEdit(expected, edit)
    const [writer, other] = [joinYWebsocket(webSocketUrl, 'story'), joinYWebsocket(webSocketUrl, 'story')]
    await until('the first sync', () => writer.provider.synced && other.provider.synced)
    const text = writer.doc.getText('body')
    let patches = 0
    for (let at = 0; at < edits.length; ) {
      for (const end = at + 100; at < end && at < edits.length; at++) applyEdit(text, edits[at]!)
      other.doc.getArray<Y.Map<unknown>>('list').get(0).set(`typed ${at}`, true)
      const answers = await Promise.all([
        ask('/documents/story', jsonPatch([{ op: 'add', path: '/list/-', value: { id: at, n: at } }])),
        ask('/documents/story', mergePatch({ head: `The head at ${at}` })),
        ask('/documents/story', jsonPatch([{ op: 'replace', path: '/list/0/n', value: at }])),
      ])
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
      patches++
    }
    const last = await ask('/documents/story', mergePatch({ head: 'The last head' }))
    expect(last.status).toBe(200)
    await until('all to be equal', async () => {
      const read = await (await ask('/documents/story')).json()
      return read.body === expected.toString() && other.doc.getText('body').toString() === expected.toString()
    })
    const read = await (await ask('/documents/story')).json()
    expect(read.head).toBe('The last head')
    expect(read.list).toHaveLength(1 + patches)
    expect(Object.keys(read.list[0])).toHaveLength(2 + patches)
    await until('people to see it', () => writer.doc.getText('head').toString() === 'The last head')
    // two people and one server
    const update = new Uint8Array(await (await ask('/documents/story/update')).arrayBuffer())
    expect(Y.decodeStateVector(Y.encodeStateVectorFromUpdate(update)).size).toBeLessThanOrEqual(4)
  })

  test('a text that is replaced as a whole keeps what two people type into it meanwhile', async () => {
    const { ask, webSocketUrl } = await startApi()
    await ask('/documents/shared', json('PUT', { body: 'first line\nlast line\n' }))
    const trace = loadConcurrentTrace('friendsforever')
    const people = [joinYWebsocket(webSocketUrl, 'shared'), joinYWebsocket(webSocketUrl, 'shared')]
    await until('the first sync', () => people.every(({ provider }) => provider.synced))
    let typed = ''
    for (let round = 0; round < 40; round++) {
      // each types at the end of the line between; the server rewrites the first one
      for (const [index, { doc }] of people.entries()) {
        const word = trace.authors[index as 0 | 1][round]!.edits.map(([, , text]) => text.replace(/\n/g, '')).join('')
        const text = doc.getText('body')
        text.insert(text.toString().indexOf('\nlast line') + 1, `<${index}${round}${word}>\n`)
        typed += `<${index}${round}${word}>`
      }
      const rewrite = async () => {
        const read = await ask('/documents/shared?pointer=/body')
        const body = ((await read.json()) as string).replace(/^[^\n]*/, `first line, version ${round}`)
        // what came in between is not in this body, and would go with it
        const unchanged = { 'If-Match': read.headers.get('ETag')! }
        return (await ask('/documents/shared', mergePatch({ body }, unchanged))).status
      }
      await until('it to be rewritten', async () => (await rewrite()) === 200)
    }
    await until('all to be equal', () => {
      const [a, b] = people.map(({ doc }) => doc.getText('body').toString())
      return a === b && a!.startsWith('first line, version 39\n')
    })
    const text = people[0]!.doc.getText('body').toString()
    const lines = new Set(text.split('\n'))
    for (const word of typed.match(/<[^>]*>/g)!) expect([...lines].some((line) => line.startsWith(word))).toBe(true)
  })

  test('are edited where they are as expected, and not elsewhere', async () => {
    const { ask } = await startApi()
    const created = await ask('/documents/a', json('PUT', { n: 'x' }))
    const etag = created.headers.get('ETag')!
    const typed = (await ask('/documents/a?form=typed')).headers.get('ETag')!
    const answers = await Promise.all(
      Array.from({ length: 5 }, (_, index) =>
        ask('/documents/a', mergePatch({ n: `winner ${index}` }, { 'If-Match': index % 2 ? etag : typed })),
      ),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412, 412])
    const refused = answers.find(({ status }) => status === 412)!
    expect(await refused.json()).toMatchObject({ code: 'precondition_failed', status: 412 })
    expect((await ask('/documents/a', mergePatch({ n: 'y' }, { 'If-Match': '*' }))).status).toBe(200)
  })

  test('take updates, and appends', async () => {
    const { ask } = await startApi()
    const doc = new Y.Doc()
    doc.getText('t').insert(0, 'hello')
    const bytes = (update: Uint8Array): RequestInit => ({
      method: 'POST',
      body: update as unknown as BodyInit,
      headers: { 'Content-Type': 'application/octet-stream' },
    })
    const created = await ask('/documents/u', { ...bytes(Y.encodeStateAsUpdate(doc)), method: 'PUT' })
    expect(created.status).toBe(201)
    const before = Y.encodeStateVector(doc)
    doc.getText('t').insert(5, ' you')
    const update = Y.encodeStateAsUpdate(doc, before)
    expect(await (await ask('/documents/u/update', bytes(update))).json()).toMatchObject({ position: 2 })
    // it is there already
    expect(await (await ask('/documents/u/update', bytes(update))).json()).toMatchObject({ position: 2 })
    expect((await ask('/documents/u/append?pointer=/t', json('POST', { text: '!' }))).status).toBe(200)
    expect((await ask('/documents/u/append?pointer=/log', json('POST', { items: [1, { a: [2] }] }))).status).toBe(200)
    expect((await ask('/documents/u/append?pointer=/log/1/a', json('POST', { items: [3] }))).status).toBe(200)
    expect(await (await ask('/documents/u')).json()).toEqual({ t: 'hello you!', log: [1, { a: [2, 3] }] })
  })

  test('gather ticks that come faster than anybody reads', async () => {
    const { ask } = await startApi()
    await ask('/documents/price', json('PUT', { price: { bid: 0 } }))
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, tick) => ask('/documents/price?window=300', mergePatch({ price: { bid: tick } }))),
    )
    const positions = new Set(await Promise.all(answers.map(async (answer) => (await answer.json()).position)))
    expect(positions.size).toBeLessThanOrEqual(2)
    expect(await (await ask('/documents/price')).json()).toEqual({ price: { bid: 49 } })
    const some = await Promise.all([
      ask('/documents/price?window=50', mergePatch({ price: { ask: 1 } })),
      ask('/documents/price?window=50', mergePatch({ price: 'a text' })),
      ask('/documents/price?window=50', mergePatch({ price: { last: 2 } })),
    ])
    expect(some.map(({ status }) => status)).toEqual([200, 422, 200])
    expect(await (await ask('/documents/price')).json()).toEqual({ price: { bid: 49, ask: 1, last: 2 } })
  })
})
