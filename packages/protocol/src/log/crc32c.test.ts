import { describe, expect, test } from 'vitest'
import { crc32c } from './crc32c.js'

const bytesOf = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0))
const counting = (length: number) => Uint8Array.from({ length }, (_, i) => i)

/** The definition, bit by bit. */
function slowly(bytes: Uint8Array, seed = 0): number {
  let crc = ~seed
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}

describe('CRC-32C', () => {
  test.each([
    ['nothing', new Uint8Array(0), 0x00000000],
    ['the usual check', bytesOf('123456789'), 0xe3069283],
    ['one letter', bytesOf('a'), 0xc1d04330],
    // RFC 3720, B.4
    ['32 zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['32 counting up', counting(32), 0x46dd794e],
    ['32 counting down', counting(32).reverse(), 0x113fdb5c],
  ])('of %s', (_, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected)
  })

  test('is the same at every length and offset as its definition says', () => {
    const bytes = counting(80).map((byte) => byte * 37)
    for (let start = 0; start < 9; start++) {
      for (let end = start; end <= bytes.length; end++) {
        const part = bytes.subarray(start, end)
        expect(crc32c(part)).toBe(slowly(part))
      }
    }
  })

  test('goes on from a seed', () => {
    const bytes = counting(100)
    for (let cut = 0; cut <= bytes.length; cut++) {
      expect(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut)))).toBe(crc32c(bytes))
    }
  })
})
