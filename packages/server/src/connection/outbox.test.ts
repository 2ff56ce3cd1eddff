import type { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { Outbox } from './outbox.js'

const KiB = 1024

/** A WebSocket and the stream below it, which takes what it is given at once, or when the test says so. */
class TestSocket {
  readyState: number = WebSocket.OPEN
  readonly given: { readonly bytes: number; readonly fin: boolean }[] = []
  /** what was written beside the WebSocket */
  readonly written: Uint8Array[] = []
  takesAtOnce = false
  bytesWritten = 0
  writableLength = 0
  readonly #waiting: { readonly bytes: number; readonly callback: () => void }[] = []

  send(data: Uint8Array, { fin }: { fin: boolean }, callback: () => void): void {
    this.given.push({ bytes: data.length, fin })
    this.#wait(data.length, callback)
  }

  write(frame: Uint8Array): void {
    this.written.push(frame)
    this.#wait(frame.length, () => {})
  }

  takeAll(): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      this.writableLength -= next.bytes
      next.callback()
    }
  }

  #wait(bytes: number, callback: () => void): void {
    this.bytesWritten += bytes
    this.writableLength += bytes
    this.#waiting.push({ bytes, callback })
    if (this.takesAtOnce) this.takeAll()
  }
}

function setUp(socket = new TestSocket()) {
  const told: [number, boolean][] = []
  const errors: unknown[] = []
  const outbox = new Outbox(socket as unknown as WebSocket, socket as unknown as Socket, {
    bytesHigh: 256 * KiB,
    pack: (messages) => [Buffer.concat(messages)],
    onCongested: (channel, isCongested) => told.push([channel, isCongested]),
    failed: (error) => errors.push(error),
  })
  return { socket, outbox, told, errors }
}

const endOfTurn = () => new Promise((resolve) => setImmediate(resolve))

describe('an outbox', () => {
  test('sends what one turn brings as one frame', async () => {
    const { socket, outbox } = setUp()
    for (let channel = 1; channel <= 3; channel++) outbox.push(channel, [new Uint8Array(100)])
    expect(socket.written).toEqual([])
    await endOfTurn()
    expect(socket.written.map(({ length }) => length)).toEqual([4 + 300])
    expect(socket.given).toEqual([])
  })

  test('shares the frame of a message with all that are sent the same', async () => {
    const outboxes = [setUp(), setUp(), setUp()]
    const message = new Uint8Array(100).fill(7)
    for (const { outbox } of outboxes) outbox.push(1, [message])
    await endOfTurn()
    const frames = outboxes.map(({ socket }) => socket.written[0])
    expect(frames[0]).toEqual(Buffer.from([0x82, 100, ...message]))
    expect(frames[1]).toBe(frames[0])
    expect(frames[2]).toBe(frames[0])
  })

  test('has the socket say when it has taken something, where it has not taken all before', async () => {
    const { socket, outbox } = setUp()
    for (const bytes of [100, 200, 300]) {
      outbox.push(1, [new Uint8Array(bytes)])
      await endOfTurn()
    }
    expect([socket.written.length, socket.given.map(({ bytes }) => bytes)]).toEqual([1, [200, 300]])
    expect([outbox.bytes, outbox.takenBytes]).toEqual([602, 0])
    socket.takeAll()
    expect([outbox.bytes, outbox.takenBytes]).toEqual([0, 602])
  })

  test('writes nothing beside a WebSocket that is closing', async () => {
    const { socket, outbox } = setUp()
    socket.readyState = WebSocket.CLOSING
    outbox.push(1, [new Uint8Array(100)])
    await endOfTurn()
    expect([socket.written.length, socket.given.length]).toEqual([0, 1]) // `ws` drops it
  })

  test('harms nobody else where its socket throws', async () => {
    const bad = new TestSocket()
    bad.write = () => {
      throw new Error('no')
    }
    const outboxes = [setUp(), setUp(bad), setUp()]
    for (const { outbox } of outboxes) outbox.push(1, [new Uint8Array(100)])
    await endOfTurn()
    expect(outboxes.map(({ socket }) => socket.written.length)).toEqual([1, 0, 1])
    expect(outboxes.map(({ errors }) => errors.length)).toEqual([0, 1, 0])
  })

  test('gives the socket no more than it can take, in fragments', async () => {
    const { socket, outbox } = setUp()
    outbox.push(1, [new Uint8Array(400 * KiB)])
    await endOfTurn()
    expect(socket.given).toEqual([1, 2, 3, 4].map(() => ({ bytes: 64 * KiB, fin: false })))
    expect(outbox.bytes).toBe(400 * KiB)
    socket.takeAll()
    expect(socket.given.slice(4)).toEqual([
      { bytes: 64 * KiB, fin: false },
      { bytes: 64 * KiB, fin: false },
      { bytes: 16 * KiB, fin: true },
    ])
    expect([outbox.bytes, outbox.takenBytes]).toEqual([0, 400 * KiB])
  })

  test('calls a channel congested where more than its share waits, until half of that has gone', async () => {
    const { socket, outbox, told } = setUp()
    outbox.push(
      1,
      Array.from({ length: 20 }, () => new Uint8Array(64 * KiB)),
    )
    await endOfTurn()
    expect(told).toEqual([[1, true]])
    outbox.push(2, [new Uint8Array(100 * KiB)]) // of two, each has 128 KiB
    await endOfTurn()
    expect(told).toEqual([[1, true]])
    outbox.push(2, [new Uint8Array(100 * KiB)])
    await endOfTurn()
    expect(told).toEqual([
      [1, true],
      [2, true],
    ])
    socket.takeAll()
    expect(told.slice(2).sort()).toEqual([
      [1, false],
      [2, false],
    ])
  })

  test('says when all was given, and when there is room for something large', async () => {
    const { socket, outbox } = setUp()
    const story: string[] = []
    outbox.whenRoom(() => story.push('room'))
    outbox.push(1, [new Uint8Array(17 * KiB * KiB)])
    outbox.whenRoom(() => story.push('room again'))
    outbox.whenGiven(() => story.push('given'))
    await endOfTurn()
    expect(story).toEqual(['room'])
    socket.takeAll()
    expect(story).toEqual(['room', 'room again', 'given'])
    outbox.whenGiven(() => story.push('at once'))
    expect(story.at(-1)).toBe('at once')
  })

  test('forgets what the socket was not given', async () => {
    const { socket, outbox } = setUp()
    outbox.push(1, [new Uint8Array(400 * KiB)])
    await endOfTurn()
    outbox.clear()
    socket.takeAll()
    expect([socket.given.length, outbox.bytes]).toEqual([4, 0])
  })
})
