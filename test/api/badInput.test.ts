import { errorCodes, relayErrorCodes } from '@syncline/protocol'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { json, jsonPatch, mergePatch, startApi, type TestApi } from './support.js'

const longName = 'n'.repeat(513)
const bytes = (body: Uint8Array | string, type = 'application/octet-stream'): RequestInit => ({
  method: 'POST',
  body: body as unknown as BodyInit,
  headers: { 'Content-Type': type },
})
const nested = (depth: number) => JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`)

/** An update that refers to what the document does not have. */
function gap(): Uint8Array {
  const doc = new Y.Doc()
  doc.getText('t').insert(0, 'a')
  const before = Y.encodeStateVector(doc)
  doc.getText('t').insert(1, 'b')
  return Y.encodeStateAsUpdate(doc, before)
}

const content = { title: 'Hello', list: [1, 2, 3], meta: { a: 1 } }

const cases: [story: string, path: string, init: RequestInit, status: number, code: string][] = [
  ['an unknown path', '/nothing', {}, 404, 'not_found'],
  ['an unknown method', '/documents', { method: 'DELETE' }, 404, 'not_found'],
  ['an unknown document', '/documents/unknown', {}, 404, 'no_document'],
  ['an unknown document, as text', '/documents/unknown/text', {}, 404, 'no_document'],
  ['an unknown document, edited', '/documents/unknown', mergePatch({ a: 'b' }), 404, 'no_document'],
  [
    'an unknown document, appended to',
    '/documents/unknown/append?pointer=/a',
    json('POST', { text: 'x' }),
    404,
    'no_document',
  ],
  ['an unknown document, followed', '/documents/unknown/events', {}, 404, 'no_document'],
  ['an unknown document, deleted', '/documents/unknown', { method: 'DELETE' }, 404, 'no_document'],
  ['a name that is too long', `/documents/${longName}`, {}, 400, 'invalid_name'],
  ['a name with a control character', '/documents/a%00b', {}, 400, 'invalid_name'],
  ['a name with a malformed escape', '/documents/a%zz', {}, 400, 'invalid_name'],
  ['a name that is no UTF-8', '/documents/a%ff', {}, 400, 'invalid_name'],
  ['a name that is created and none', `/documents/${longName}`, json('PUT', {}), 400, 'invalid_name'],
  ['a pointer without its slash', '/documents/there?pointer=title', {}, 400, 'invalid_pointer'],
  ['a pointer with a bare ~', '/documents/there?pointer=/~x', {}, 400, 'invalid_pointer'],
  ['a pointer to nothing', '/documents/there?pointer=/nothing', {}, 404, 'no_value'],
  ['a pointer into a text', '/documents/there?pointer=/title/0', {}, 404, 'no_value'],
  ['a pointer past the end', '/documents/there?pointer=/list/3', {}, 404, 'no_value'],
  ['a pointer to an inherited property', '/documents/there?pointer=/meta/constructor', {}, 404, 'no_value'],
  ['a text of what is none', '/documents/there/text?pointer=/list', {}, 422, 'wrong_type'],
  ['HTML of what is no rich text', '/documents/there/html?pointer=/title', {}, 422, 'wrong_type'],
  ['HTML where there is none', '/documents/there/html', {}, 404, 'no_value'],
  ['ProseMirror of a map', '/documents/there/prosemirror?pointer=/meta', {}, 422, 'wrong_type'],
  ['a form that is none', '/documents/there?form=xml', {}, 400, 'invalid_request'],
  ['an unknown parameter', '/documents/there/update?since=1', {}, 400, 'invalid_request'],
  ['a limit that is none', '/documents?limit=0', {}, 400, 'invalid_request'],
  ['a limit that is too large', '/documents?limit=1001', {}, 400, 'invalid_request'],
  ['a cursor that is none', '/documents?cursor=%20', {}, 400, 'invalid_request'],
  ['an interval that is too short', '/documents/there/events?interval=1', {}, 400, 'invalid_request'],
  ['a pointer to follow that is none', '/documents/there/events?mode=patch&pointer=x', {}, 400, 'invalid_pointer'],
  ['a document that is there already', '/documents/there', json('PUT', { title: 'x' }), 409, 'document_exists'],
  ['new content that is no object', '/documents/new', json('PUT', ['x']), 400, 'invalid_request'],
  ['new content with a number at the top', '/documents/new', json('PUT', { n: 1 }), 422, 'wrong_type'],
  [
    'new content that is no update',
    '/documents/new',
    { ...bytes(Uint8Array.of(1, 2, 3)), method: 'PUT' },
    400,
    'malformed_update',
  ],
  ['no content type', '/documents/there', { method: 'PATCH', body: new Uint8Array(2) }, 415, 'unsupported_media_type'],
  ['a patch as JSON', '/documents/there', json('PATCH', []), 415, 'unsupported_media_type'],
  [
    'a form',
    '/documents/there/append?pointer=/title',
    bytes('text=x', 'application/x-www-form-urlencoded'),
    415,
    'unsupported_media_type',
  ],
  ['an update as text', '/documents/there/update', bytes('x', 'text/plain'), 415, 'unsupported_media_type'],
  ['what is no JSON', '/documents/there', { ...mergePatch(null), body: '{"a":' }, 400, 'malformed_json'],
  [
    'JSON that is no UTF-8',
    '/documents/there',
    { ...mergePatch(null), body: Uint8Array.of(0x22, 0xff, 0x22) },
    400,
    'malformed_json',
  ],
  ['a merge patch that is no object', '/documents/there', mergePatch([1]), 400, 'invalid_request'],
  ['a patch that is no list', '/documents/there', jsonPatch({ op: 'remove', path: '/title' }), 400, 'invalid_request'],
  [
    'an operation that is none',
    '/documents/there',
    jsonPatch([{ op: 'spam', path: '/title' }]),
    400,
    'invalid_request',
  ],
  [
    'an operation without a value',
    '/documents/there',
    jsonPatch([{ op: 'add', path: '/title' }]),
    400,
    'invalid_request',
  ],
  [
    'a patch that applies in part',
    '/documents/there',
    jsonPatch([
      { op: 'replace', path: '/title', value: 'changed' },
      { op: 'remove', path: '/nothing' },
    ]),
    409,
    'patch_failed',
  ],
  [
    'a patch whose test fails',
    '/documents/there',
    jsonPatch([
      { op: 'add', path: '/list/-', value: 4 },
      { op: 'test', path: '/title', value: 'x' },
    ]),
    409,
    'patch_failed',
  ],
  [
    'a patch with a bad pointer',
    '/documents/there',
    jsonPatch([{ op: 'add', path: 'x', value: 1 }]),
    400,
    'invalid_pointer',
  ],
  ['a text that shall be a list', '/documents/there', mergePatch({ list: [], title: [1] }), 422, 'wrong_type'],
  ['a number at the top', '/documents/there', mergePatch({ list: [9], count: 1 }), 422, 'wrong_type'],
  [
    'a lone surrogate',
    '/documents/there',
    { ...mergePatch(null), body: '{"title":"\\ud800"}' },
    422,
    'unstorable_value',
  ],
  [
    'the key __proto__',
    '/documents/there',
    { ...mergePatch(null), body: '{"meta":{"__proto__":{"a":1}}}' },
    422,
    'unstorable_value',
  ],
  ['nesting that is too deep', '/documents/there', mergePatch({ list: nested(600) }), 422, 'unstorable_value'],
  ['JSON that is too large', '/documents/there', mergePatch({ title: 'x'.repeat(1024 * 1024) }), 413, 'body_too_large'],
  ['a window for a JSON Patch', '/documents/there?window=10', jsonPatch([]), 400, 'invalid_request'],
  [
    'a window with a precondition',
    '/documents/there?window=10',
    mergePatch({ title: 'x' }, { 'If-Match': '"x"' }),
    400,
    'invalid_request',
  ],
  [
    'another version',
    '/documents/there',
    mergePatch({ title: 'x' }, { 'If-Match': '"0123456789abcdef-1"' }),
    412,
    'precondition_failed',
  ],
  [
    'an ETag that is none',
    '/documents/there',
    mergePatch({ title: 'x' }, { 'If-Match': 'nonsense' }),
    412,
    'precondition_failed',
  ],
  [
    'a key that is too long',
    '/documents/there',
    mergePatch({ title: 'x' }, { 'Idempotency-Key': 'k'.repeat(256) }),
    400,
    'invalid_request',
  ],
  ['an append to nothing', '/documents/there/append?pointer=/meta/x', json('POST', { text: 'x' }), 404, 'no_value'],
  ['text for a list', '/documents/there/append?pointer=/list', json('POST', { text: 'x' }), 422, 'wrong_type'],
  ['items for a text', '/documents/there/append?pointer=/title', json('POST', { items: [1] }), 422, 'wrong_type'],
  ['an append to the document', '/documents/there/append?pointer=', json('POST', { items: [1] }), 422, 'wrong_type'],
  [
    'an append of nothing',
    '/documents/there/append?pointer=/list',
    json('POST', { items: [] }),
    400,
    'invalid_request',
  ],
  ['an append without a pointer', '/documents/there/append', json('POST', { text: 'x' }), 400, 'invalid_request'],
  [
    'bytes that are no update',
    '/documents/there/update',
    bytes(Uint8Array.of(1, 1, 2, 0, 0, 0, 0)),
    400,
    'malformed_update',
  ],
  ['an update with a gap', '/documents/there/update', bytes(gap()), 409, 'incomplete_update'],
  ['an update that is too large', '/documents/there/update', bytes(new Uint8Array(300_000)), 413, 'body_too_large'],
  [
    'awareness that is too large',
    '/documents/there/awareness/bot',
    json('PUT', { state: { x: 'x'.repeat(5_000) } }),
    413,
    'body_too_large',
  ],
  ['awareness that is no object', '/documents/there/awareness/bot', json('PUT', { state: 1 }), 400, 'invalid_request'],
  [
    'awareness for ever',
    '/documents/there/awareness/bot',
    json('PUT', { state: {}, ttl: 1e9 }),
    400,
    'invalid_request',
  ],
  ['awareness that is not there', '/documents/there/awareness/bot', { method: 'DELETE' }, 404, 'no_value'],
  ['a session that is not there', '/documents/there/sessions/12', { method: 'DELETE' }, 404, 'no_session'],
  [
    'a page of another origin',
    '/documents/there',
    { headers: { Origin: 'https://evil.example' } },
    403,
    'forbidden_origin',
  ],
]

/** All that a request may have changed. */
async function stateOf({ ask }: TestApi): Promise<unknown> {
  const read = await ask('/documents/there?form=typed')
  return [await (await ask('/documents')).json(), read.headers.get('ETag'), await read.json()]
}

describe('bad input', () => {
  test('is answered by a status, a code and a sentence, and changes nothing', async () => {
    const api = await startApi({ limits: { updateBytesMax: 200_000 } })
    await api.ask('/documents/there', json('PUT', content))
    const before = await stateOf(api)
    for (const [story, path, init, status, code] of cases) {
      const answer = await api.ask(path, init)
      const problem = await answer.json().catch(() => 'no JSON')
      const told = [story, answer.status, problem.code]
      expect(told, JSON.stringify(problem)).toEqual([story, status, code])
      expect(answer.headers.get('Content-Type')).toBe('application/problem+json')
      expect(problem).toMatchObject({
        type: 'about:blank',
        title: expect.any(String),
        status,
        detail: expect.any(String),
      })
      expect(Object.keys({ ...errorCodes, ...relayErrorCodes })).toContain(code)
      expect(problem.detail.length).toBeGreaterThan(20)
      expect([story, await stateOf(api)]).toEqual([story, before])
    }
    expect(api.relay.stats().exceptions).toBe(0)
  })

  test('a body of unknown length is cut off where it is too large', async () => {
    const { ask } = await startApi()
    await ask('/documents/there', json('PUT', content))
    let sent = 0
    const body = new ReadableStream({
      pull(controller) {
        sent++
        controller.enqueue(new Uint8Array(64 * 1024).fill(0x20))
        if (sent > 1_000) controller.close()
      },
    })
    const headers = { 'Content-Type': 'application/merge-patch+json' }
    const answer = await ask('/documents/there', { method: 'PATCH', body, headers, duplex: 'half' } as RequestInit)
    expect(answer.status).toBe(413)
    expect(sent).toBeLessThan(200)
  })

  test('a document over its size is refused, and stays as it is', async () => {
    const { ask } = await startApi({ limits: { documentBytesMax: 5_000 } })
    await ask('/documents/there', json('PUT', content))
    const large = await ask('/documents/there', mergePatch({ title: 'x'.repeat(10_000) }))
    expect([large.status, (await large.json()).code]).toEqual([413, 'document_too_large'])
    expect((await ask('/documents/there', mergePatch({ title: 'y' }))).status).toBe(200)
    expect(await (await ask('/documents/there?pointer=/title')).json()).toBe('y')
  })
})
