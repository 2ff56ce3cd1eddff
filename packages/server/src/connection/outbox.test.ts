import { describe, expect, test } from 'vitest'
import type { WebSocket } from 'ws'
import { Outbox } from './outbox.js'

const KiB = 1024

/** A socket that takes what it is given when the test says so. */
class TestSocket {
  readonly given: { readonly bytes: number; readonly fin: boolean }[] = []
  readonly #callbacks: (() => void)[] = []

  send(data: Uint8Array, { fin }: { fin: boolean }, callback: () => void): void {
    this.given.push({ bytes: data.length, fin })
    this.#callbacks.push(callback)
  }

  takeAll(): void {
    while (this.#callbacks.length > 0) this.#callbacks.shift()!()
  }
}

function setUp() {
  const socket = new TestSocket()
  const told: [number, boolean][] = []
  const outbox = new Outbox(socket as unknown as WebSocket, {
    bytesHigh: 256 * KiB,
    pack: (messages) => [Buffer.concat(messages)],
    onCongested: (channel, isCongested) => told.push([channel, isCongested]),
    guarded: (run) => run(),
  })
  return { socket, outbox, told }
}

const endOfTurn = () => new Promise((resolve) => setImmediate(resolve))

describe('an outbox', () => {
  test('sends what one turn brings as one frame', async () => {
    const { socket, outbox } = setUp()
    for (let channel = 1; channel <= 3; channel++) outbox.push(channel, [new Uint8Array(100)])
    expect(socket.given).toEqual([])
    await endOfTurn()
    expect(socket.given).toEqual([{ bytes: 300, fin: true }])
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
