import { expect, test } from 'vitest'
import { share } from './share.js'

test('what is equal is what was there before', () => {
  const before = { a: [1, { b: 2 }], c: null }
  expect(share(before, { a: [1, { b: 2 }], c: null })).toBe(before)
  expect(share(before.a, [1, { b: 2 }])).toBe(before.a)
})

test('what differs is new, and what is beside it is not', () => {
  const before = { changed: [1], same: { deep: [2] } }
  const after = share(before, { changed: [1, 2], same: { deep: [2] } })
  expect(after).toEqual({ changed: [1, 2], same: { deep: [2] } })
  expect(after).not.toBe(before)
  expect(after.same).toBe(before.same)
})

test.each([
  [{ a: undefined }, {}],
  [{}, { a: undefined }],
  [{ a: undefined }, { b: undefined }],
  [[1, 2], [1]],
  [[1], [1, 2]],
  [[], {}],
  [{}, []],
  [0, -0],
  ['a', new String('a')],
])('%j and %j are not equal', (before, after) => {
  expect(share(before, after)).toEqual(after)
  expect(share(before, after)).not.toBe(before)
})

test('what is no plain data is equal to itself alone', () => {
  const before = { bytes: new Uint8Array([1]) }
  const after = { bytes: new Uint8Array([1]) }
  expect(share(before, after)).toEqual(after)
  expect(share(before, after)).not.toBe(before)
})

test('neither side is changed', () => {
  const before = Object.freeze({ a: Object.freeze([1]) })
  const after = Object.freeze({ a: Object.freeze([1, Object.freeze({ b: 1 })]) })
  expect(share(before, after)).toEqual(after)
})

test('a key of the prototype is a key like another', () => {
  const after = share({}, JSON.parse('{"__proto__": 1}'))
  expect(Object.keys(after)).toEqual(['__proto__'])
})
