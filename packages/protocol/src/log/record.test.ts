import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SynclineError } from '../errors.js'
import { crc32c } from './crc32c.js'
import type { LogRecord, Run } from './port.js'
import { chainAfter, decodeRecord, encodeRecord } from './record.js'
import { seal } from './sealed.js'

const update = (...bytes: number[]) => Uint8Array.from(bytes)
const keystroke: LogRecord = {
  position: 16_383,
  chain: 0xfedcba98,
  time: 1_767_225_600_000,
  runs: [{ author: 'ada', update: update(1, 1, 200, 1, 7, 132, 200, 1, 6, 1, 97, 0) }],
}
const crowded: LogRecord = {
  position: 2 ** 53 - 1,
  chain: 0,
  time: 0,
  runs: [
    { author: '', update: update() },
    { author: 'Ada Lovelace 🧮', update: update(0, 0) },
    { author: 'x'.repeat(300), update: new Uint8Array(70_000).fill(9) },
  ],
}

function codeOf(action: () => unknown): string {
  try {
    action()
    return 'none'
  } catch (error) {
    return error instanceof SynclineError ? error.code : String(error)
  }
}

describe('a record', () => {
  const runs = fc.array(
    fc.record({ author: fc.string({ unit: 'grapheme' }), update: fc.uint8Array({ maxLength: 300 }) }),
  )
  const records = fc.record({
    position: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    chain: fc.integer({ min: 0, max: 0xffff_ffff }),
    time: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    runs,
  })

  test('comes back as it was', () => {
    expect(decodeRecord(encodeRecord(crowded))).toEqual(crowded)
    fc.assert(
      fc.property(records, (record) => {
        expect(decodeRecord(encodeRecord(record))).toEqual(record)
      }),
    )
  })

  test('of one keystroke costs 20 bytes beside the update and the name', () => {
    expect(encodeRecord(keystroke).length - 12 - 3).toBe(20)
  })

  test('is read from the middle of a larger buffer, and its updates are no Buffers', () => {
    const stored = Buffer.concat([Buffer.of(1, 2, 3), encodeRecord(keystroke), Buffer.of(4, 5, 6)])
    const read = decodeRecord(stored.subarray(3, -3))
    expect(read).toEqual(keystroke)
    expect(Object.getPrototypeOf(read.runs[0]!.update)).toBe(Uint8Array.prototype)
  })

  test('with any one bit flipped is damaged', () => {
    const bytes = encodeRecord(keystroke)
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const flipped = bytes.slice()
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      expect(
        codeOf(() => decodeRecord(flipped)),
        `bit ${bit}`,
      ).toBe('document_damaged')
    }
  })

  test('with any one byte changed, a cut end or something behind it is damaged', () => {
    const bytes = encodeRecord(keystroke)
    for (let i = 0; i < bytes.length; i++) {
      const changed = bytes.slice()
      changed[i] = ~changed[i]!
      expect(codeOf(() => decodeRecord(changed))).toBe('document_damaged')
      expect(codeOf(() => decodeRecord(bytes.subarray(0, i)))).toBe('document_damaged')
      expect(codeOf(() => decodeRecord(bytes.subarray(i + 1)))).toBe('document_damaged')
    }
    expect(codeOf(() => decodeRecord(Buffer.concat([bytes, Buffer.of(0)])))).toBe('document_damaged')
  })

  test('of a newer version says so, whatever its layout', () => {
    const newer = seal(Uint8Array.from([0, 1, 2, 3, 0, 0, 0, 0]), 0xa, 2)
    expect(codeOf(() => decodeRecord(newer))).toBe('unknown_format')
  })

  test.each([
    ['another kind of value', seal(encodeRecord(keystroke), 0xd, 1)],
    ['version 0', seal(encodeRecord(keystroke), 0xa, 0)],
    ['nothing in it', seal(new Uint8Array(5), 0xa, 1)],
    ['no chain', seal(Uint8Array.from([0, 1, 1, 0, 0, 0, 0, 0, 0]), 0xa, 1)],
    ['a length that is not that of its runs', seal(Uint8Array.from([0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]), 0xa, 1)],
    [
      'a run that is longer than the runs',
      seal(Uint8Array.from([0, 1, 1, 3, 0, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0]), 0xa, 1),
    ],
    ['an author that is no UTF-8', seal(Uint8Array.from([0, 1, 1, 3, 1, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0]), 0xa, 1)],
  ])('that is whole but has %s is damaged', (_, bytes) => {
    expect(codeOf(() => decodeRecord(bytes))).toBe('document_damaged')
  })
})

describe('a chain', () => {
  const a = { author: 'ada', update: update(1) }
  const b = { author: 'ben', update: update(2) }
  const chainOf = (...records: (readonly Run[])[]) => records.reduce(chainAfter, 0)

  test('begins at 0 and is an unsigned 32-bit number', () => {
    expect(chainAfter(0, keystroke.runs)).toBe(chainOf(keystroke.runs))
    fc.assert(
      fc.property(fc.nat(), fc.uint8Array(), (chain, bytes) => {
        const next = chainAfter(chain, [{ author: '', update: bytes }])
        return Number.isInteger(next) && next >= 0 && next <= 0xffff_ffff
      }),
    )
  })

  test.each([1, 64 * 1024 - 5, 64 * 1024 - 4, 64 * 1024])(
    'covers the runs as they are stored, of %i bytes too',
    (length) => {
      const runs = [{ author: '', update: new Uint8Array(length).fill(7) }]
      const stored = encodeRecord({ position: 1, chain: 0, time: 0, runs }).subarray(3, -8)
      expect(chainAfter(5, runs)).toBe(crc32c(stored, 5))
    },
  )

  test('tells histories apart by order, author, update and division into records', () => {
    const histories = [
      [[a], [b]],
      [[b], [a]],
      [[a, b]],
      [[a, b], []],
      [[], [a, b]],
      [[a], [a]],
      [[{ ...a, author: 'ben' }], [b]],
      [[{ author: 'ad', update: update(97, 1) }], [b]],
    ]
    expect(new Set(histories.map((records) => chainOf(...records))).size).toBe(histories.length)
  })
})
