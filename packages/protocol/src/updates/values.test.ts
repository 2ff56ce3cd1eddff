import fc from 'fast-check'
import * as encoding from 'lib0/encoding'
import { writeAny } from 'lib0/encoding'
import { describe, expect, test } from 'vitest'
import { StructCursor } from './struct.js'
import { skipAny, skipJson, skipJsonElement, valueDepthMax } from './values.js'

const utf8 = new TextEncoder()

function textBytes(text: string): Uint8Array {
  const encoder = encoding.createEncoder()
  encoding.writeVarString(encoder, text)
  return encoding.toUint8Array(encoder)
}

/** Whether all of the bytes were skipped. */
function skips(bytes: Uint8Array, skip: (cursor: StructCursor) => void): boolean {
  const cursor = new StructCursor('malformed_update')
  cursor.open(bytes)
  try {
    skip(cursor)
  } catch {
    return false
  }
  return cursor.at === bytes.length
}

function parses(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

describe('JSON', () => {
  test('is accepted where JSON.parse takes it', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom('', ' ', '\n\t\r '), (text, blank) => {
        expect(skips(textBytes(blank + text + blank), skipJson)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  test('that was damaged is accepted just where JSON.parse takes it', () => {
    const characters = [
      ...'{}[],:"\\/bfnrtu0123456789.eE+- \n\u0000\u001f\u007fé漢🙂aT',
      'null',
      'true',
      'false',
      '\ufeff',
    ]
    const damage = fc.tuple(fc.nat(), fc.nat(3), fc.array(fc.constantFrom(...characters), { maxLength: 3 }))
    fc.assert(
      fc.property(fc.json({ maxDepth: 3 }), fc.array(damage, { minLength: 1, maxLength: 3 }), (json, damages) => {
        let text = json
        for (const [place, removed, added] of damages) {
          const at = place % (text.length + 1)
          text = text.slice(0, at) + added.join('') + text.slice(at + removed)
        }
        // what is a lone surrogate here is U+FFFD in bytes, there and here
        const sent = new TextDecoder('utf-8', { ignoreBOM: true }).decode(utf8.encode(text))
        expect([sent, skips(textBytes(sent), skipJson)]).toEqual([sent, parses(sent)])
      }),
      { numRuns: 5_000 },
    )
  })

  test.each(['0', '-0', '1.5e+7', '-1E-2', '"\\u00e9\\ud800"', '[]', '{ }', '[1 , {"a":[null]}]', '"\u007f"'])(
    '%s',
    (text) => expect(skips(textBytes(text), skipJson)).toBe(true),
  )

  test.each([
    '',
    ' ',
    '01',
    '+1',
    '1.',
    '.5',
    '1e',
    '-',
    '"',
    '"\\x"',
    '"\\u12g4"',
    '[1,]',
    '{"a"}',
    '{a:1}',
    'nul',
    'NaN',
    'undefined',
    '1 2',
    '\ufeff1',
    '"\n"',
    ']',
  ])('not %j', (text) => expect(skips(textBytes(text), skipJson)).toBe(false))

  test('may be `undefined` as an element of an array', () => {
    expect(skips(textBytes('undefined'), skipJsonElement)).toBe(true)
    expect(skips(textBytes('undefined '), skipJsonElement)).toBe(false)
    expect(skips(textBytes('[undefined]'), skipJsonElement)).toBe(false)
  })

  test('is nested so deep and no deeper', () => {
    const nested = (depth: number) => textBytes('['.repeat(depth) + ']'.repeat(depth))
    expect(skips(nested(valueDepthMax), skipJson)).toBe(true)
    expect(skips(nested(valueDepthMax + 1), skipJson)).toBe(false)
    expect(skips(textBytes('[{"a":'.repeat(1_000_000)), skipJson)).toBe(false)
  })
})

describe('a value in the encoding of lib0', () => {
  const values = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom<unknown>(
        null,
        undefined,
        true,
        false,
        0,
        -0,
        2 ** 31,
        -(2 ** 31),
        2 ** 53,
        Number.NaN,
        1n,
        -(2n ** 62n),
      ),
      fc.integer(),
      fc.double(),
      fc.string({ unit: 'grapheme' }),
      fc.uint8Array(),
      fc.array(tie('value')),
      fc.dictionary(fc.string(), tie('value')),
    ),
  })).value

  const bytesOf = (value: unknown) => {
    const encoder = encoding.createEncoder()
    writeAny(encoder, value as never)
    return encoding.toUint8Array(encoder)
  }

  test('is skipped to its last byte, and not a byte earlier', () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = bytesOf(value)
        expect(skips(bytes, skipAny)).toBe(true)
        for (let length = 0; length < bytes.length; length++)
          expect(skips(bytes.subarray(0, length), skipAny)).toBe(false)
      }),
      { numRuns: 300 },
    )
  })

  test('is nested so deep and no deeper', () => {
    const nested = (depth: number) => Uint8Array.from([...new Array(depth).fill([117, 1]).flat(), 126])
    expect(skips(nested(valueDepthMax), skipAny)).toBe(true)
    expect(skips(nested(valueDepthMax + 1), skipAny)).toBe(false)
    expect(skips(nested(1_000_000), skipAny)).toBe(false)
  })
})
