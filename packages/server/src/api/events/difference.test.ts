import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { composed } from '../../documents/coalescer.js'
import { applyMergePatch, applyPatch } from '../../documents/patch.js'
import { plainOf } from '../../documents/plain.js'
import { isEqual, type JsonObject } from '../../documents/values.js'
import { differenceBetween } from './difference.js'

const key = fc.constantFrom('a', 'b', 'c/d', '~')
const { json } = fc.letrec((tie) => ({
  json: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, true, 0, 1, 'x', 'yz'),
    fc.array(tie('json'), { maxLength: 4 }),
    fc.dictionary(key, tie('json'), { maxKeys: 3, noNullPrototype: true }),
  ),
}))
const object = fc.dictionary(key, json, { maxKeys: 3, noNullPrototype: true }) as fc.Arbitrary<JsonObject>

function documentOf(root: JsonObject): Y.Doc {
  const doc = new Y.Doc()
  applyPatch(doc, [{ op: 'add', path: '/root', value: root }])
  return doc
}

const rootOf = (doc: Y.Doc) => plainOf(doc).root ?? {}

test('a difference, applied as a patch, makes one value of the other', () => {
  fc.assert(
    fc.property(object, object, (before, after) => {
      const doc = documentOf({ at: before })
      const operations = differenceBetween({ at: before }, { at: after })
      applyPatch(
        doc,
        operations.map((operation) => ({ ...operation, path: `/root${operation.path}` })),
      )
      expect(isEqual(rootOf(doc), { at: after })).toBe(true)
    }),
    { numRuns: 500 },
  )
})

test('merge patches that are composed do what they do one after the other', () => {
  fc.assert(
    fc.property(object, fc.array(object, { maxLength: 4 }), (before, patches) => {
      const [one, all] = [documentOf(before), documentOf(before)]
      for (const patch of patches) applyMergePatch(one, { root: patch })
      for (const patch of composed(patches)) applyMergePatch(all, { root: patch })
      expect(isEqual(rootOf(all), rootOf(one))).toBe(true)
    }),
    { numRuns: 500 },
  )
})
