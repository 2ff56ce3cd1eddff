import { describe, expect, test } from 'vitest'
import {
  decodeHocuspocus,
  encodeHocuspocus,
  type HocuspocusReply,
  type HocuspocusRequest,
} from './hocuspocusMessages.js'

const bytes = Uint8Array.of(7, 8, 9)
const key = [1, 97] // "a"

describe('a message of a Hocuspocus provider', () => {
  test.each<[number[], HocuspocusRequest | null]>([
    [[0, 0, 3, 7, 8, 9], { type: 'step1', stateVector: bytes }],
    [[0, 1, 3, 7, 8, 9], { type: 'step2', update: bytes }],
    [[0, 2, 3, 7, 8, 9], { type: 'update', update: bytes }],
    [[1, 3, 7, 8, 9], { type: 'awareness', update: bytes }],
    [[2, 0, 2, 104, 105], { type: 'token', token: 'hi', version: null }],
    [[2, 0, 0, 1, 52], { type: 'token', token: '', version: '4' }],
    [[3], { type: 'queryAwareness' }],
    [[5, 2, 104, 105], { type: 'stateless', payload: 'hi' }],
    [[6, 2, 104, 105], { type: 'broadcastStateless' }],
    [[7], { type: 'close' }],
    [[4, 1, 2], null],
    [[100, 1, 2], null],
  ])('%j after its key is %j', (body, request) => {
    expect(decodeHocuspocus(Uint8Array.from([...key, ...body]))).toEqual({ type: 'document', key: 'a', request })
  })

  test('the key may hold a session', () => {
    const frame = decodeHocuspocus(Uint8Array.of(3, 97, 0, 98, 7))
    expect(frame).toEqual({ type: 'document', key: 'a\0b', request: { type: 'close' } })
  })

  test('one byte is about the connection', () => {
    expect(decodeHocuspocus(Uint8Array.of(9))).toEqual({ type: 'ping' })
    expect(decodeHocuspocus(Uint8Array.of(10))).toEqual({ type: 'pong' })
  })

  test.each([
    [[]],
    [[8]],
    [key],
    [[...key, 0]],
    [[...key, 0, 3, 0]],
    [[...key, 0, 2, 4, 7, 8, 9]],
    [[...key, 0, 2, 2, 7, 8, 9]],
    [[...key, 2, 1, 0]],
    [[...key, 2, 0, 5, 97]],
    [[...key, 7, 0]],
    [[255, 255, 255, 255, 255, 255, 255, 255, 255, 255]],
  ])('%j is none', (frame) => {
    expect(() => decodeHocuspocus(Uint8Array.from([frame].flat()))).toThrow(
      expect.objectContaining({ code: 'malformed_frame' }),
    )
  })
})

test.each<[HocuspocusReply, number[]]>([
  [{ type: 'step1', stateVector: bytes }, [0, 0, 3, 7, 8, 9]],
  [{ type: 'step2', update: bytes }, [0, 1, 3, 7, 8, 9]],
  [{ type: 'update', update: bytes }, [0, 2, 3, 7, 8, 9]],
  [{ type: 'awareness', update: bytes }, [1, 3, 7, 8, 9]],
  [{ type: 'authenticated', scope: 'readonly' }, [2, 2, 8, ...Buffer.from('readonly')]],
  [{ type: 'denied', reason: 'no' }, [2, 1, 2, 110, 111]],
  [{ type: 'stateless', payload: 'hi' }, [5, 2, 104, 105]],
  [{ type: 'closed', reason: 'no' }, [7, 2, 110, 111]],
  [{ type: 'saved' }, [8, 1]],
])('the reply %j is %j after its key', (reply, body) => {
  expect([...encodeHocuspocus('a', reply)]).toEqual([...key, ...body])
})
