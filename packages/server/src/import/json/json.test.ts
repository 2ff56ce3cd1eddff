import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { openQuietDoc, runSession } from '../../../../../test/support/sessions.js'
import { load } from '../verify.js'
import { documentFromJson } from './fromJson.js'
import { encodeAny } from './plain.js'
import { documentToJson } from './toJson.js'

const sessions = Array.from({ length: 150 }, (_, i) => i + 1)

/** What the JSON of a document says to somebody who has only its text. */
function written(doc: Y.Doc): unknown {
  return JSON.parse(JSON.stringify(documentToJson(doc)))
}

/** A document as it is loaded from the log: no root has a class. */
function fresh(doc: Y.Doc): Y.Doc {
  return load([Y.encodeStateAsUpdate(doc)])
}

function edited(edit: (doc: Y.Doc) => void): Y.Doc {
  const doc = new Y.Doc()
  edit(doc)
  return fresh(doc)
}

/** The roots of a document as JSON. */
function rootsOf(edit: (doc: Y.Doc) => void): Record<string, unknown> {
  return (written(edited(edit)) as { roots: Record<string, unknown> }).roots
}

describe('a document as JSON', () => {
  test.each(sessions)('says the same when it comes back: session %i', (seed) => {
    const { edits } = runSession(seed)
    const original = load(edits)
    const json = written(original)
    const again = fresh(documentFromJson(json))
    if (tellsClasses(json)) expect(written(again)).toEqual(json)
    // and Yjs itself sees the same, where it knows which class each root has
    expect(seen(again)).toEqual(seen(original))
  })

  test('tells shared types from values that look like them', () => {
    const roots = rootsOf((doc) => {
      const map = doc.getMap('map')
      map.set('shared', new Y.Map([['a', 1]]))
      map.set('plain', { type: 'map', entries: { a: 1 } })
      map.set('list', [{ type: 'text' }, null])
    })
    expect(roots.map).toEqual({
      type: 'map',
      entries: {
        shared: { type: 'map', entries: { a: 1 } },
        plain: { type: 'json', value: { type: 'map', entries: { a: 1 } } },
        list: [{ type: 'text' }, null],
      },
    })
  })

  test('tells what JSON has no word for', () => {
    const { array } = rootsOf((doc) => {
      doc.getArray('array').insert(0, [new Uint8Array([1, 2]), -0, [undefined], { a: 2n ** 60n }, 'x', 1.5, true, null])
      doc.getArray('array').push([new Y.Doc({ guid: 'inner', meta: { a: 1 } })])
    }) as { array: { items: unknown[] } }
    const any = { type: 'any', base64: expect.any(String) }
    expect(array.items).toEqual([
      { type: 'bytes', base64: 'AQI=' },
      any,
      any,
      any,
      'x',
      1.5,
      true,
      null,
      { type: 'subdocument', guid: 'inner', meta: { type: 'json', value: { a: 1 } } },
    ])
    const values =
      edited(() => {}) &&
      fresh(documentFromJson({ format: 1, roots: { array } }))
        .getArray('array')
        .toArray()
    expect(values.slice(0, 4)).toEqual([new Uint8Array([1, 2]), -0, [undefined], { a: 2n ** 60n }])
  })

  test('keeps formatting, embeds and attributes of texts', () => {
    const { text } = rootsOf((doc) => {
      const text = doc.getText('text')
      text.insert(0, 'plain bold')
      text.format(6, 4, { bold: true, link: { href: 'x' } })
      text.insertEmbed(0, { image: 'a.png' }, { width: 7 })
      text.insertEmbed(0, new Y.XmlText('within'))
      text.setAttribute('lang', 'de')
    })
    expect(text).toEqual({
      type: 'text',
      delta: [
        { insert: { type: 'xmlText', delta: [{ insert: 'within' }] } },
        { insert: { type: 'json', value: { image: 'a.png' } }, attributes: { width: 7 } },
        { insert: 'plain ' },
        { insert: 'bold', attributes: { bold: true, link: { href: 'x' } } },
      ],
      attributes: { lang: 'de' },
    })
  })

  test('keeps what Yjs has no method for', () => {
    const json = {
      format: 1,
      roots: {
        list: {
          type: 'array',
          items: [
            { type: 'any', base64: encodeAny(undefined) },
            { type: 'json', value: { constructor: 1 } },
          ],
          attributes: { key: 'of a root that is used as a map too' },
        },
      },
    }
    expect(written(fresh(documentFromJson(json)))).toEqual(json)
  })

  test('is built in one go, however long it is', () => {
    const items = Array.from({ length: 30_000 }, (_, i) => (i % 2 === 0 ? i : { type: 'map', entries: { i } }))
    const json = { format: 1, roots: { list: { type: 'array', items } } }
    expect(written(fresh(documentFromJson(json)))).toEqual(json)
  }, 5_000)

  test('is the same whoever wrote it in whatever order', () => {
    const [a, b] = [new Y.Doc(), new Y.Doc()]
    for (const key of ['x', 'y', 'z']) a.getMap('map').set(key, key)
    for (const key of ['z', 'x', 'y']) b.getMap('map').set(key, key)
    expect(JSON.stringify(documentToJson(a))).toBe(JSON.stringify(documentToJson(b)))
  })

  test('takes names such as __proto__ for names', () => {
    const doc = edited((doc) => {
      doc.getMap('__proto__').set('__proto__', new Y.Map([['constructor', 1]]))
      doc.getText('text').insert(0, 'a', { ['__proto__']: true } as object)
      doc.getXmlFragment('constructor').push([new Y.XmlElement('p')])
    })
    const text = JSON.stringify(documentToJson(doc))
    expect(text).toContain('"__proto__":{"type":"map","entries":{"__proto__":{"type":"map"')
    const again = fresh(documentFromJson(JSON.parse(text)))
    expect(JSON.stringify(documentToJson(again))).toBe(text)
    expect(({} as { constructor: unknown }).constructor).toBe(Object)
  })

  test('leaves out roots without content, of which nothing tells what they were', () => {
    const roots = rootsOf((doc) => {
      doc.getText('text').insert(0, 'a')
      doc.getText('text').delete(0, 1)
    })
    expect(roots).toEqual({})
  })

  test('can be as deep as 500 types, and deeper is said to be', () => {
    const [deep, deeper] = [nested(499), nested(500)]
    const again = fresh(documentFromJson(written(deep)))
    expect(JSON.stringify(documentToJson(again))).toBe(JSON.stringify(documentToJson(deep)))
    expect(() => documentToJson(deeper)).toThrow(expect.objectContaining({ code: 'document_too_large' }))
    expect(() => documentToJson(nested(20_000))).toThrow(expect.objectContaining({ code: 'document_too_large' }))
  })
})

describe('JSON in another form is refused, with the place', () => {
  const text = (delta: unknown) => ({ format: 1, roots: { notes: { type: 'text', delta } } })
  const map = (entries: unknown) => ({ format: 1, roots: { m: { type: 'map', entries } } })

  test.each([
    [null, 'At the top: expected an object'],
    [[], 'At the top: expected an object'],
    [{}, 'At the top: "format" is missing'],
    [{ format: 2, roots: {} }, 'expected the format 1'],
    [{ format: 1, roots: {}, extra: 1 }, '"extra" is one too many'],
    [{ format: 1, roots: [] }, 'At ["roots"]: expected an object'],
    [{ format: 1, roots: { a: 'x' } }, 'At ["roots"]["a"]: expected an object'],
    [{ format: 1, roots: { a: { type: 'list' } } }, 'At ["roots"]["a"]: expected the type map, array, text'],
    [{ format: 1, roots: { a: { type: 'array' } } }, '"items" is missing'],
    [text([{ insert: '' }]), 'At ["roots"]["notes"]["delta"][0]["insert"]: expected a string that is not empty'],
    [text([{ insert: null }]), 'expected a string'],
    [text([{ insert: { type: 'json', value: 'text' } }]), 'expected a string'],
    [text([{ insert: { type: 'bytes', base64: '' } }]), 'expected a string'],
    [text([{ retain: 1 }]), '"insert" is missing'],
    [text([{ insert: 'a', attributes: [] }]), 'expected an object'],
    [map({ a: { b: 1 } }), 'At ["roots"]["m"]["entries"]["a"]: expected an object with a known type'],
    [map({ a: { type: 'bytes', base64: '?' } }), 'base64'],
    [map({ a: { type: 'any', base64: 'AQI=' } }), 'base64'],
    [map({ a: { type: 'xmlElement', children: [] } }), '["name"]: expected a string'],
    [map({ a: { type: 'subdocument', guid: 1 } }), '["guid"]: expected a string'],
    [map({ a: { type: 'subdocument', guid: 'a', gc: 1 } }), 'expected true or false'],
    [map(JSON.parse('{"a": [{"__proto__": 1}]}')), 'the key __proto__'],
    [{ format: 1, roots: { x: { type: 'xmlFragment', children: ['a'] } } }, '["children"][0]: expected an object'],
    [{ format: 1, roots: { x: { type: 'xmlFragment', children: [{ type: 'map', entries: {} }] } } }, 'xmlElement'],
  ])('%j', (json, message) => {
    expect(() => documentFromJson(json)).toThrow(
      expect.objectContaining({ code: 'malformed_json', message: expect.stringContaining(message) }),
    )
  })

  test('nesting without end', () => {
    const malformed = expect.objectContaining({ code: 'malformed_json' })
    const plain = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    expect(() => documentFromJson(map({ a: JSON.parse(plain) }))).toThrow(malformed)
    let shared: unknown = 1
    for (let level = 0; level < 20_000; level++) shared = { type: 'map', entries: { a: shared } }
    expect(() => documentFromJson(map({ a: shared }))).toThrow(malformed)
  })
})

/** A map with so many maps within each other in it. */
function nested(levels: number): Y.Doc {
  const doc = new Y.Doc({ gc: false })
  doc.transact(() => {
    let map: Y.Map<unknown> = doc.getMap('map')
    for (let level = 0; level < levels; level++) {
      const inner = new Y.Map<unknown>()
      map.set('a', inner)
      map = inner
    }
    map.set('end', true)
  })
  return doc
}

/** A text with nothing but types in it looks like an array, once formatting of nothing is gone. */
function tellsClasses(json: unknown): boolean {
  const roots = Object.values((json as { roots: Record<string, { delta?: { insert: { type?: string } }[] }> }).roots)
  return roots.every(({ delta }) => !delta?.every(({ insert: { type } }) => type !== undefined && type !== 'json'))
}

/** What Yjs itself gives to somebody who knows the class of each root. */
function seen(doc: Y.Doc): unknown {
  const open = openQuietDoc()
  Y.applyUpdate(open, Y.encodeStateAsUpdate(doc))
  return [...open.share].map(([name, root]) => [name, seenIn(root)])
}

function seenIn(value: unknown): unknown {
  if (value instanceof Y.Text) return [joined(value.toDelta()), attributesIn(value)]
  if (value instanceof Y.Map) return [...value.entries()].sort(byName).map(([key, inner]) => [key, seenIn(inner)])
  if (value instanceof Y.Array) return value.toArray().map(seenIn)
  if (value instanceof Y.XmlElement) return [value.nodeName, attributesIn(value), value.toArray().map(seenIn)]
  if (value instanceof Y.XmlFragment) return value.toArray().map(seenIn)
  if (value instanceof Y.Doc) return [value.guid, value.gc, value.autoLoad, seenIn(value.meta)]
  return encodeAny(value)
}

function attributesIn(type: Y.Text | Y.XmlElement): unknown {
  return Object.entries(type.getAttributes())
    .sort(byName)
    .map(([key, value]) => [key, seenIn(value)])
}

function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1
}

/** A delta in which neighbours with the same formatting are one, which Yjs leaves apart here and there. */
function joined(delta: { insert: unknown; attributes?: object }[]): unknown[] {
  const all: { insert: unknown; attributes: string }[] = []
  for (const { insert, attributes = {} } of delta) {
    const last = all.at(-1)
    const signature = JSON.stringify(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)))
    if (typeof insert === 'string' && typeof last?.insert === 'string' && last.attributes === signature) {
      last.insert += insert
    } else {
      all.push({ insert: typeof insert === 'string' ? insert : seenIn(insert), attributes: signature })
    }
  }
  return all
}
