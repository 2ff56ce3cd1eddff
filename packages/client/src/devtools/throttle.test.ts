import { expect, test, vi } from 'vitest'
import type { WebSocketLike } from '../types.js'
import { fullSpeed, Throttle } from './throttle.js'

class FakeSocket implements WebSocketLike {
  binaryType = ''
  readyState = 1
  bufferedAmount = 0
  onopen: ((event: never) => void) | null = null
  onmessage: ((event: never) => void) | null = null
  onclose: ((event: never) => void) | null = null
  onerror: ((event: never) => void) | null = null
  readonly sent: number[] = []
  closedWith: unknown[] | null = null

  send(data: Uint8Array<ArrayBuffer>): void {
    this.sent.push(data.length)
  }

  close(...how: unknown[]): void {
    this.closedWith = how
  }

  arrive(bytes: number): void {
    this.onmessage?.({ data: new ArrayBuffer(bytes) } as never)
  }
}

function open() {
  vi.useFakeTimers()
  const under = new FakeSocket()
  const throttle = new Throttle(() => under)
  const socket = throttle.webSocket('ws://relay.test', [])
  const heard: number[] = []
  socket.onmessage = (event: { readonly data: ArrayBuffer }) => heard.push(event.data.byteLength)
  const send = (bytes: number) => socket.send(new Uint8Array(bytes))
  return { under, throttle, socket, heard, send }
}

test('at full speed everything passes in the same turn', () => {
  const { under, socket, heard, send } = open()
  send(3)
  under.arrive(4)
  expect([under.sent, heard, socket.bufferedAmount]).toEqual([[3], [4], 0])
})

test('a slow network takes its time for the way and for the bytes, each way by itself', () => {
  const { under, throttle, socket, heard, send } = open()
  throttle.slowness = { latencyMs: 100, bytesPerSecond: 1_000 }
  send(500)
  send(500)
  under.arrive(10)
  expect(socket.bufferedAmount).toBe(1_000)
  vi.advanceTimersByTime(111)
  expect([under.sent, heard]).toEqual([[], [10]])
  vi.advanceTimersByTime(490)
  expect(under.sent).toEqual([500])
  vi.advanceTimersByTime(500)
  expect([under.sent, socket.bufferedAmount]).toEqual([[500, 500], 0])
})

test('order is kept where the network becomes fast in the middle', () => {
  const { under, throttle, heard } = open()
  throttle.slowness = { latencyMs: 1_000, bytesPerSecond: 0 }
  under.arrive(1)
  under.arrive(2)
  throttle.slowness = fullSpeed
  under.arrive(3)
  expect(heard).toEqual([])
  vi.advanceTimersByTime(1_001)
  vi.advanceTimersByTime(1)
  expect(heard).toEqual([1, 2, 3])
})

test('closing comes behind what was sent', () => {
  const { under, throttle, socket, send } = open()
  throttle.slowness = { latencyMs: 50, bytesPerSecond: 0 }
  send(1)
  socket.close(4000, 'bye')
  expect([under.closedWith, socket.readyState]).toEqual([null, 2])
  vi.advanceTimersByTime(51)
  vi.advanceTimersByTime(1)
  expect([under.sent, under.closedWith]).toEqual([[1], [4000, 'bye']])
})

test('what is no slowness is refused, and listeners hear of the others', () => {
  const { throttle } = open()
  const listener = vi.fn()
  throttle.on('slowness', listener)
  expect(() => {
    throttle.slowness = { latencyMs: -1, bytesPerSecond: 0 }
  }).toThrow(expect.objectContaining({ code: 'invalid_option' }))
  expect(listener).not.toHaveBeenCalled()
  throttle.slowness = { latencyMs: 1, bytesPerSecond: 0 }
  expect(listener).toHaveBeenCalledOnce()
})
