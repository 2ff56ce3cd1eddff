import { expect, test } from 'vitest'
import { Interleaver } from './interleaver.js'

/** A message that says which it is. */
const message = (name: number, length = 1) => new Uint8Array(length).fill(name)
const names = (messages: readonly Uint8Array[]) => messages.map(([name]) => name)

test('channels take turns, each in its order', () => {
  const line = new Interleaver()
  line.push(1, [message(10), message(11), message(12), message(13)])
  line.push(2, [message(20)])
  line.push(3, [message(30), message(31)])
  expect(names(line.take(100))).toEqual([10, 20, 30, 11, 31, 12, 13])
  expect(line.bytes).toBe(0)
})

test('no more is taken than asked for, but never nothing', () => {
  const line = new Interleaver()
  line.push(1, [message(10, 50), message(11, 60)])
  line.push(2, [message(20, 30)])
  expect(names(line.take(100))).toEqual([10, 20])
  expect([line.bytes, line.bytesOf(1), line.bytesOf(2), line.channels]).toEqual([60, 60, 0, 1])
  expect(names(line.take(5))).toEqual([11])
  expect(line.take(5)).toEqual([])
})

test('who was served goes to the end of the line', () => {
  const line = new Interleaver()
  line.push(1, [message(10), message(11)])
  line.push(2, [message(20), message(21)])
  expect([1, 2, 3, 4].map(() => names(line.take(1))[0])).toEqual([10, 20, 11, 21])
})

test('a long line is taken as fast as a short one, and counted', () => {
  const line = new Interleaver()
  line.push(
    1,
    Array.from({ length: 200_000 }, (_, i) => message(i % 256)),
  )
  line.push(2, [message(20), message(21)])
  expect(line.count).toBe(200_002)
  line.drop(2)
  line.drop(3)
  // shifting an array of that length a few thousand times takes a second
  const taken = Array.from({ length: 150_000 }, () => line.take(1)[0]![0]!)
  expect(taken.every((name, i) => name === i % 256)).toBe(true)
  expect([line.count, line.bytes]).toEqual([50_000, 50_000])
  line.clear()
  expect([line.count, line.bytes, line.channels]).toEqual([0, 0, 0])
})
