import type { Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { readInPieces } from './pieces.js'

const read = Buffer.from(Array.from({ length: 64 * 1024 }, (_, i) => i % 251))

/** A stream that is read in pieces, and what was heard of it. */
function streamOf(onPiece: (stream: PassThrough, pieces: readonly Buffer[]) => void = () => {}) {
  const stream = new PassThrough({ highWaterMark: 2 * read.length })
  const pieces: Buffer[] = []
  let readings = 0
  readInPieces(stream as unknown as Socket, (handOn) => {
    readings++
    handOn()
  })
  stream.on('data', (piece: Buffer) => {
    pieces.push(piece)
    onPiece(stream, pieces)
  })
  const ended = new Promise((resolve) => stream.once('end', resolve))
  return { stream, pieces, ended, readings: () => readings }
}

test('what one read brings comes in pieces, in order, and each is within a reading', async () => {
  const { stream, pieces, ended, readings } = streamOf()
  stream.end(read)
  await ended
  expect(pieces.map(({ length }) => length)).toEqual(new Array(8).fill(8 * 1024))
  expect(Buffer.concat(pieces).equals(read)).toBe(true)
  expect(readings()).toBe(8)
})

test('what is little comes as it is', async () => {
  const { stream, pieces, ended, readings } = streamOf()
  stream.end(read.subarray(0, 100))
  await ended
  expect(pieces).toEqual([read.subarray(0, 100)])
  expect(readings()).toBe(0)
})

test('where it is paused in between, the rest waits, and so does its end', async () => {
  const { stream, pieces, ended } = streamOf((stream, { length }) => void (length % 3 === 0 && stream.pause()))
  const pauses: number[] = []
  stream.on('pause', () => {
    pauses.push(pieces.length)
    setImmediate(() => stream.resume())
  })
  stream.end(read)
  await ended
  expect(pauses).toEqual([3, 6])
  expect(Buffer.concat(pieces).equals(read)).toBe(true)
})

test('where nobody listens any more, or it is gone, nothing comes twice', async () => {
  const { stream, pieces } = streamOf((stream) => void stream.pause())
  stream.write(read)
  await new Promise(setImmediate)
  expect(pieces).toHaveLength(1)
  stream.destroy()
  await new Promise((resolve) => stream.once('close', resolve))
  expect(pieces).toHaveLength(1)
})
