import { afterEach, describe, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { applyMergePatch, applyPatch, type PatchOperation } from './patch.js'
import { plainOf } from './plain.js'
import type { JsonObject } from './values.js'

/** A document that says this. */
function documentOf(content: JsonObject): Y.Doc {
  const doc = new Y.Doc()
  doc.transact(() => applyPatch(doc, [{ op: 'replace', path: '', value: content }]))
  return doc
}

/** What a document comes to after a patch; and as a fresh load of it has it, which must be the same. */
function patched(content: JsonObject, ...operations: PatchOperation[]): unknown {
  const doc = documentOf(content)
  doc.transact(() => applyPatch(doc, operations))
  const fresh = new Y.Doc()
  Y.applyUpdate(fresh, Y.encodeStateAsUpdate(doc))
  expect(plainOf(fresh)).toEqual(plainOf(doc))
  return plainOf(doc)
}

const content = {
  title: 'Hello',
  tasks: [{ id: 1, text: 'milk' }, { id: 2, text: 'bread' }, 'eggs'],
  meta: { tags: ['a', 'b'], 'a/b': 1, 'm~n': 2, deep: { deeper: { deepest: null } } },
}

describe('a JSON Patch', () => {
  test.each<[PatchOperation, unknown]>([
    [
      { op: 'add', path: '/meta/new', value: { x: [1, { y: 2 }] } },
      { meta: { ...content.meta, new: { x: [1, { y: 2 }] } } },
    ],
    [{ op: 'add', path: '/meta/tags/1', value: 'x' }, { meta: { ...content.meta, tags: ['a', 'x', 'b'] } }],
    [{ op: 'add', path: '/meta/tags/-', value: 'c' }, { meta: { ...content.meta, tags: ['a', 'b', 'c'] } }],
    [{ op: 'replace', path: '/meta/a~1b', value: 3 }, { meta: { ...content.meta, 'a/b': 3 } }],
    [{ op: 'replace', path: '/meta/m~0n', value: null }, { meta: { ...content.meta, 'm~n': null } }],
    [{ op: 'replace', path: '/title', value: 'Hello you' }, { title: 'Hello you' }],
    [{ op: 'remove', path: '/tasks/1' }, { tasks: [content.tasks[0], 'eggs'] }],
    [
      { op: 'move', from: '/meta/deep/deeper', path: '/meta/top' },
      { meta: { ...content.meta, deep: {}, top: { deepest: null } } },
    ],
    [{ op: 'copy', from: '/title', path: '/meta/title' }, { meta: { ...content.meta, title: 'Hello' } }],
    [{ op: 'move', from: '/tasks/0', path: '/tasks/2' }, { tasks: [content.tasks[1], 'eggs', content.tasks[0]] }],
    [{ op: 'test', path: '/meta', value: content.meta }, {}],
    [{ op: 'add', path: '/notes', value: ['new root'] }, { notes: ['new root'] }],
  ])('%j', (operation, change) => {
    expect(patched(content, operation)).toEqual({ ...content, ...(change as object) })
  })

  test('removes roots, and all of them', () => {
    expect(patched(content, { op: 'remove', path: '/meta' })).toEqual({ title: 'Hello', tasks: content.tasks })
    expect(patched(content, { op: 'remove', path: '' })).toEqual({})
  })

  test('edits plain values within shared types', () => {
    const doc = new Y.Doc()
    doc.getMap('settings').set('theme', { colors: ['red', 'blue'], size: { x: 1 } })
    applyPatch(doc, [
      { op: 'replace', path: '/settings/theme/colors/1', value: 'green' },
      { op: 'add', path: '/settings/theme/size/y', value: 2 },
      { op: 'remove', path: '/settings/theme/size/x' },
    ])
    expect(plainOf(doc)).toEqual({ settings: { theme: { colors: ['red', 'green'], size: { y: 2 } } } })
    expect(doc.getMap('settings').get('theme')).not.toBeInstanceOf(Y.Map)
  })

  test.each<[PatchOperation, string]>([
    [{ op: 'replace', path: '/nothing', value: 1 }, 'patch_failed'],
    [{ op: 'remove', path: '/tasks/9' }, 'patch_failed'],
    [{ op: 'remove', path: '/tasks/-' }, 'patch_failed'],
    [{ op: 'add', path: '/tasks/4', value: 1 }, 'patch_failed'],
    [{ op: 'add', path: '/tasks/01', value: 1 }, 'patch_failed'],
    [{ op: 'add', path: '/meta/none/x', value: 1 }, 'patch_failed'],
    [{ op: 'add', path: '/title/x', value: 1 }, 'wrong_type'],
    [{ op: 'add', path: '/meta/a~1b/x', value: 1 }, 'wrong_type'],
    [{ op: 'replace', path: '/title', value: ['x'] }, 'wrong_type'],
    [{ op: 'add', path: '/count', value: 1 }, 'wrong_type'],
    [{ op: 'replace', path: '', value: 'x' }, 'wrong_type'],
    [{ op: 'add', path: 'title', value: 'x' }, 'invalid_pointer'],
    [{ op: 'add', path: '/~2', value: 'x' }, 'invalid_pointer'],
    [{ op: 'test', path: '/title', value: 'hello' }, 'patch_failed'],
    [{ op: 'move', from: '/meta', path: '/meta/deep/meta' }, 'patch_failed'],
    [{ op: 'copy', from: '/nothing', path: '/x' }, 'patch_failed'],
  ])('%j does not apply: %s', (operation, code) => {
    expect(() => applyPatch(documentOf(content), [operation])).toThrow(expect.objectContaining({ code }))
  })
})

describe('a merge patch', () => {
  // the examples of RFC 7396, under a root
  test.each<[JsonObject, JsonObject, JsonObject]>([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('of %j by %j is %j', (target, patch, result) => {
    const doc = documentOf({ root: target })
    applyMergePatch(doc, { root: patch })
    expect(plainOf(doc)).toEqual(Object.keys(result).length === 0 ? {} : { root: result })
  })

  test('merges into plain values, which stay plain', () => {
    const doc = new Y.Doc()
    doc.getMap('m').set('plain', { a: 1, b: { c: 2 } })
    applyMergePatch(doc, { m: { plain: { a: null, b: { d: 3 } } } })
    expect(plainOf(doc)).toEqual({ m: { plain: { b: { c: 2, d: 3 } } } })
    expect(doc.getMap('m').get('plain')).not.toBeInstanceOf(Y.Map)
  })

  test('takes roots away', () => {
    const doc = documentOf(content)
    applyMergePatch(doc, { title: null, meta: { tags: null } })
    expect(plainOf(doc)).toEqual({ tasks: content.tasks, meta: { ...content.meta, tags: undefined } })
  })
})

describe('what costs more than its size pays for', () => {
  afterEach(() => void vi.restoreAllMocks())

  test('copies of copies are refused before they fill the memory', () => {
    vi.spyOn(performance, 'now').mockReturnValue(0) // however slow this machine is
    const copies = Array.from({ length: 40 }, (_, i) => ({ op: 'copy', from: '/m', path: `/m/${i}` }) as const)
    expect(() => patched({ m: { text: 'x'.repeat(100) } }, ...copies)).toThrow(
      /^Operation 1\d, copy .*copies more than/,
    )
  })

  test('so is a long value that is replaced as a whole for each of its members', () => {
    vi.spyOn(performance, 'now').mockReturnValue(0)
    const doc = new Y.Doc()
    doc.getMap('m').set('plain', new Array(100_000).fill(0))
    const edits = Array.from({ length: 100 }, (_, i) => ({ op: 'replace', path: `/m/plain/${i}`, value: 1 }) as const)
    expect(() => applyPatch(doc, edits)).toThrow(expect.objectContaining({ code: 'patch_failed' }))
  })

  test('nobody waits for more than a quarter of a second', () => {
    let now = 0
    let isOurs = true
    vi.spyOn(performance, 'now').mockImplementation(() => (now += 1))
    vi.spyOn(process, 'cpuUsage').mockImplementation((before) => {
      return { user: isOurs ? now * 1_000 - (before?.user ?? 0) : 0, system: 0 }
    })
    const edits = Array.from({ length: 1_000 }, (_, i) => ({ op: 'add', path: `/m/${i}`, value: i }) as const)
    expect(() => patched({ m: { first: 0 } }, ...edits)).toThrow(/takes more than 250 ms/)
    const merge = { m: Object.fromEntries(edits.map(({ value }) => [value, value])) }
    expect(() => applyMergePatch(documentOf({ m: { first: 0 } }), merge)).toThrow(/takes more than 250 ms/)
    isOurs = false // the core was with other processes
    expect(() => applyMergePatch(documentOf({ m: { first: 0 } }), merge)).not.toThrow()
  })
})

describe('what is not changed', () => {
  test('keeps its identity: an item that somebody edits meanwhile is the same item', () => {
    const doc = documentOf({
      list: [
        { id: 'a', n: 1 },
        { id: 'b', n: 2 },
        { id: 'c', n: 3 },
      ],
      body: 'one two three',
    })
    const other = new Y.Doc()
    Y.applyUpdate(other, Y.encodeStateAsUpdate(doc))
    const b = other.getArray<Y.Map<unknown>>('list').get(1)
    b.set('note', 'typed meanwhile')
    other.getText('body').insert(13, ' four')
    doc.transact(() =>
      applyPatch(doc, [
        {
          op: 'replace',
          path: '/list',
          value: [
            { id: 'new', n: 0 },
            { id: 'b', n: 20 },
            { id: 'c', n: 3 },
          ],
        },
        { op: 'replace', path: '/body', value: 'zero one two three' },
      ]),
    )
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(other))
    expect(plainOf(doc)).toEqual({
      list: [
        { id: 'new', n: 0 },
        { id: 'b', n: 20, note: 'typed meanwhile' },
        { id: 'c', n: 3 },
      ],
      body: 'zero one two three four',
    })
  })

  test('costs no edit', () => {
    const doc = documentOf(content)
    const before = Y.encodeStateVector(doc)
    applyPatch(doc, [{ op: 'replace', path: '', value: content }])
    applyMergePatch(doc, { title: 'Hello', meta: { tags: ['a', 'b'] } })
    expect(Y.encodeStateVector(doc)).toEqual(before)
  })
})
