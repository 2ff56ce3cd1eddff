import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { SynclineError } from '../errors.js'
import {
  assertStateVector,
  decodeStateVector,
  emptyStateVector,
  encodeStateVector,
  hashStateVector,
} from './stateVector.js'

const vectors = fc
  .array(fc.tuple(fc.maxSafeNat(), fc.maxSafeNat()), { maxLength: 20 })
  .map((entries) => new Map(entries))

function codeOf(action: () => unknown): string {
  try {
    action()
    return 'none'
  } catch (error) {
    return error instanceof SynclineError ? error.code : String(error)
  }
}

describe('a state vector', () => {
  test('is encoded to the byte as Yjs does, and read back', () => {
    fc.assert(
      fc.property(vectors, (vector) => {
        const encoded = encodeStateVector(vector)
        expect(encoded).toEqual(Y.encodeStateVector(vector))
        expect(decodeStateVector(encoded)).toEqual(vector)
        assertStateVector(encoded)
      }),
    )
    expect(encodeStateVector(new Map())).toEqual(emptyStateVector)
  })

  test('has one hash, whatever the order and whoever has clock 0', () => {
    fc.assert(
      fc.property(vectors, fc.maxSafeNat(), (vector, stranger) => {
        const hash = hashStateVector(encodeStateVector(vector))
        expect(hash).toBe(hash >>> 0)
        const reversed = Buffer.concat([...vector].reverse().map((entry) => pair(...entry)))
        expect(hashStateVector(Buffer.concat([uint(vector.size), reversed]))).toBe(hash)
        if (!vector.has(stranger)) vector.set(stranger, 0)
        expect(hashStateVector(encodeStateVector(vector))).toBe(hash)
      }),
    )
    expect(hashStateVector(emptyStateVector)).toBe(0)
  })

  test('has another hash where one client is a clock further', () => {
    fc.assert(
      fc.property(vectors, fc.maxSafeNat(), fc.nat(2 ** 31), (vector, client, clock) => {
        const before = hashStateVector(encodeStateVector(vector.set(client, clock)))
        expect(hashStateVector(encodeStateVector(vector.set(client, clock + 1)))).not.toBe(before)
      }),
    )
    const hashes = new Set<number>()
    for (let client = 1; client <= 200; client++) {
      for (let clock = 1; clock <= 200; clock++)
        hashes.add(hashStateVector(encodeStateVector(new Map([[client, clock]]))))
    }
    expect(40_000 - hashes.size).toBeLessThan(5)
  })

  test.each([
    ['nothing', ''],
    ['fewer clients than announced', '020101'],
    ['a client without a clock', '0105'],
    ['something behind it', '0000'],
    ['a client twice', '0205010502'],
    ['a number beyond 2^53 - 1', '01ffffffffffffff1f01'],
    ['a number that never ends', '01808080808080808080808080808001'],
    ['a number longer than needed', '01850001'],
    ['as many clients as there are not', 'ffffffff07'],
  ])('is refused: %s', (_, hex) => {
    const encoded = Buffer.from(hex, 'hex')
    expect(codeOf(() => assertStateVector(encoded))).toBe('malformed_frame')
    expect(codeOf(() => decodeStateVector(encoded))).toBe('malformed_frame')
    expect(codeOf(() => hashStateVector(encoded))).toBe('malformed_frame')
  })

  test('is refused where it names more clients than it may', () => {
    const encoded = encodeStateVector(new Map([1, 2, 3].map((client) => [client, 1])))
    assertStateVector(encoded, 3)
    expect(codeOf(() => assertStateVector(encoded, 2))).toBe('malformed_frame')
  })
})

function pair(client: number, clock: number): Uint8Array {
  return Buffer.concat([uint(client), uint(clock)])
}

/** A varUint: what follows the count in a state vector of one client with clock 0. */
function uint(value: number): Uint8Array {
  return encodeStateVector(new Map([[value, 0]])).slice(1, -1)
}
