import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { runSession } from '../../../../test/support/sessions.js'
import { SynclineError } from '../errors.js'
import { defaultLimits } from '../limits.js'
import { admitUpdate, Coverage } from './index.js'

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))

function refusal(update: Uint8Array, coverage = new Coverage()): string {
  try {
    admitUpdate(coverage, update, defaultLimits)
    return 'none'
  } catch (error) {
    return error instanceof SynclineError ? error.code : String(error)
  }
}

/** An update with one struct, of client 2 at clock 5; `rest` is what follows the struct's first byte. */
const struct = (info: string, rest: string) => `01 01 02 05 ${info} ${rest} 00`
/** Content of kind `kind` in the root type "t". */
const content = (kind: string, rest: string) => struct(kind, `01 01 74 ${rest}`)

const tooLong = 'ff ff ff ff ff ff ff 1f' // 2^53
const longest = 'ff ff ff ff ff ff ff 0f' // 2^53 - 1

const refused: Record<string, [why: string, hex: string][]> = {
  'the frame of an update': [
    ['nothing at all', ''],
    ['one byte', '00'],
    ['a byte too much', '00 00 00'],
    ['more sections than there are', '02 01 02 00 00 01 00'],
    ['as many sections as there can be', `${longest} 01 02 00 00 01 00`],
    ['a section of no structs', '01 00 02 00 00'],
    ['more structs than there are', '01 02 02 00 00 01'],
    ['as many structs as there can be', `01 ${longest} 02 00 00 01 00`],
    ['a client twice', '02 01 02 00 00 01 01 02 01 00 01 00'],
    ['clients in ascending order', '02 01 02 00 00 01 01 03 00 00 01 00'],
    ['a client without deletions', '00 01 02 00'],
    ['more deletions than there are', '00 01 02 02 00 01'],
    ['a deletion of nothing', '00 01 02 01 00 00'],
  ],
  numbers: [
    ['a client beyond 2^53 - 1', `01 01 ${tooLong} 00 00 01 00`],
    ['a clock beyond 2^53 - 1', `01 01 02 ${tooLong} 00 01 00`],
    ['a length beyond 2^53 - 1', `01 01 02 00 00 ${tooLong} 00`],
    ['a clock that ends beyond 2^53 - 1', `01 01 02 ${longest} 00 01 00`],
    ['a length that ends beyond 2^53 - 1', `01 01 02 01 00 ${longest} 00`],
    ['a deletion that ends beyond 2^53 - 1', `00 01 02 01 01 ${longest}`],
    ['an origin beyond 2^53 - 1', struct('84', `03 ${tooLong} 01 61`)],
    ['a number of nine bytes', '01 01 80 80 80 80 80 80 80 80 01 00 00 01 00'],
    ['a number that lib0 reads as NaN', `01 01 ${'80 '.repeat(200)} 00 00 00 01 00`],
    ['a number longer than needed', '01 01 82 00 00 00 01 00'],
  ],
  'structs of no length': [
    ['a GC: the poison of seven bytes', '01 01 02 00 00 00 00'],
    ['a Skip', struct('0a', '00')],
    ['a Skip beyond what Yjs writes', struct('0a', '')],
    ['deleted content', content('01', '00')],
    ['a JSON array', content('02', '00')],
    ['a string', content('04', '00')],
    ['an array of values', content('08', '00')],
  ],
  'kinds and references': [
    ['a GC with an origin', struct('80', '02 04 01')],
    ['a GC with a key', struct('20', '01')],
    ['a Skip with an origin', struct('8a', '02 04 01')],
    ['a Skip with a right origin', struct('4a', '01')],
    ...[11, 12, 15, 16, 17, 20, 24, 31].map((kind): [string, string] => [
      `kind ${kind}`,
      content(kind.toString(16).padStart(2, '0'), '01 61'),
    ]),
    ['itself as its origin', struct('84', '02 05 01 61')],
    ['itself as its right origin', struct('44', '02 05 01 61')],
    ['itself as its parent', struct('04', '00 02 05 01 61')],
    ['a later one of its client as its origin', '01 02 02 00 84 02 01 01 61 04 01 01 74 01 62 00'],
    ['a later one of its client as its right origin', '01 02 02 00 44 02 01 01 61 04 01 01 74 01 62 00'],
    ['a later one of its client as its parent', '01 02 02 00 04 00 02 01 01 61 07 01 01 74 00 00'],
    ['a clock inside its own string as its origin', struct('84', '02 06 03 61 62 63')],
    ['a parent that is neither a name nor an id', struct('04', '02 01 74 01 61')],
    ['a shared type of number 7', content('07', '07')],
    ['an XML element without a name', content('07', '03')],
  ],
  'text that is not UTF-8': [
    ['a lone continuation', content('04', '01 80')],
    ['a lead without its continuation', content('04', '02 c3 28')],
    ['an overlong NUL', content('04', '02 c0 80')],
    ['an overlong slash', content('04', '03 e0 80 af')],
    ['an overlong character of four bytes', content('04', '04 f0 80 80 80')],
    ['half a surrogate pair', content('04', '03 ed a0 80')],
    ['a character beyond U+10FFFF', content('04', '04 f4 90 80 80')],
    ['a lead beyond all characters', content('04', '04 f5 80 80 80')],
    ['a character that ends too early', content('04', '03 f0 9f 99')],
    ['damage after much that is right', content('04', `80 01 ${'61 '.repeat(127)} ff`)],
    ['in the name of a root type', struct('04', '01 01 ff 01 61')],
    ['in the key of a map', struct('28', '01 01 74 01 ff 01 7e')],
    ['in the key of a format', content('06', '01 ff 04 6e 75 6c 6c')],
    ['in the value of a format', content('06', '01 61 03 22 ff 22')],
    ['in an embed', content('05', '03 22 ff 22')],
    ['in a JSON array', content('02', '01 03 22 ff 22')],
    ['in the name of an XML element', content('07', '03 01 ff')],
    ['in the name of an XML hook', content('07', '05 01 ff')],
    ['in the id of a subdocument', content('09', '01 ff 76 00')],
    ['in a value', content('08', '01 77 01 ff')],
    ['in a key of a value', content('08', '01 76 01 01 ff 7e')],
  ],
  'embedded values': [
    ['an embed that is no JSON', content('05', '01 7b')],
    ['an embed of nothing', content('05', '00')],
    ['an embed that is undefined', content('05', '09 75 6e 64 65 66 69 6e 65 64')],
    ['a format whose value is no JSON', content('06', '01 61 01 2c')],
    ['an element of a JSON array that is no JSON', content('02', '01 02 7b 2c')],
    ['fewer elements of a JSON array than announced', content('02', '02 01 31')],
    ['JSON with something behind it', content('05', '03 31 20 32')],
    ['JSON nested a thousand times', content('05', `d0 0f ${'5b '.repeat(1000)}${'5d '.repeat(1000)}`)],
    ['a value with an unknown tag below', content('08', '01 73')],
    ['a value with an unknown tag above', content('08', '01 80')],
    ['fewer values than announced', content('08', '02 7e')],
    ['a value that ends too early', content('08', '01 7b 00 00')],
    ['an integer beyond 2^53 - 1', content('08', '01 7d bf ff ff ff ff ff ff 7f')],
    ['an integer longer than needed', content('08', '01 7d 81 00')],
    ['values nested a thousand times', content('08', `01 ${'75 01 '.repeat(1000)} 7e`)],
    ['objects nested a thousand times', content('08', `01 ${'76 01 01 61 '.repeat(1000)} 7e`)],
    ['an object with bytes for its prototype', content('08', '01 76 01 09 5f 5f 70 72 6f 74 6f 5f 5f 74 00')],
    [
      'such an object in the options of a subdocument',
      content('09', '01 67 76 01 04 6d 65 74 61 76 01 09 5f 5f 70 72 6f 74 6f 5f 5f 74 00'),
    ],
    ['bytes that are not there', content('03', `${longest}`)],
    ['a subdocument whose options are null', content('09', '01 67 7e')],
    ['a subdocument whose options are undefined', content('09', '01 67 7f')],
    ['a subdocument whose options replace its id', content('09', '01 67 76 01 04 67 75 69 64 7e')],
    ['a subdocument with a filter that is no function', content('09', '01 67 76 01 08 67 63 46 69 6c 74 65 72 78')],
  ],
}

describe.each(Object.entries(refused))('%s', (_, cases) => {
  test.each(cases)('refused: %s', (_, hex) => {
    expect(refusal(bytes(hex))).toBe('malformed_update')
  })
})

describe('what Yjs writes, strange as it looks, is no reason to refuse', () => {
  test.each([
    ['nothing', '00 00'],
    ['deletions alone', '00 01 02 01 00 03'],
    ['deletions in any order, one over the other', '00 01 02 03 05 03 00 02 01 06'],
    ['deletions of clients in any order', '00 02 02 01 00 01 03 01 00 01'],
    ['a Skip first', '01 02 02 00 0a 03 00 01 00'],
    ['a Skip last', '01 02 02 00 00 01 0a 03 00'],
    ['nothing but a Skip', '01 01 02 00 0a 03 00'],
    ['a key announced and, since there is an origin, not written', struct('a8', '02 04 01 7e')],
    ['an undefined element of a JSON array', content('02', '01 09 75 6e 64 65 66 69 6e 65 64')],
    ['the last clock there is', `01 01 02 ${longest.replace('ff', 'fe')} 00 01 00`],
    ['the last client there is', `01 01 ${longest} 00 00 01 00`],
    ['a byte order mark and a NUL', content('04', '04 ef bb bf 00')],
    ['a name of no length', struct('04', '01 00 01 61')],
    ['a prototype that is no bytes', content('08', '01 76 01 09 5f 5f 70 72 6f 74 6f 5f 5f 76 00')],
    ['a subdocument with an option of another implementation', content('09', '01 67 76 01 03 65 6e 63 7d 01')],
    [
      'a subdocument with all its options',
      content('09', '01 67 76 03 02 67 63 79 08 61 75 74 6f 4c 6f 61 64 78 04 6d 65 74 61 7e'),
    ],
  ])('%s', (_, hex) => {
    expect(refusal(bytes(hex))).toBe('none')
  })
})

test('an update that ends early or late is refused, wherever it ends', () => {
  for (let seed = 1; seed <= 6; seed++) {
    const { docs, edits } = runSession(seed)
    for (const update of [...edits.slice(-5), Y.encodeStateAsUpdate(docs[0]!)]) {
      for (let length = 0; length < update.length; length++) {
        // in a buffer that goes on: a scanner that reads too far would see the rest
        const early = update.subarray(0, length)
        expect([seed, length, refusal(early)]).toEqual([seed, length, 'malformed_update'])
      }
      const late = new Uint8Array(update.length + 1)
      late.set(update)
      expect(refusal(late)).toBe('malformed_update')
    }
  }
})

test('the poison would have been taken by Yjs, and made its document unloadable', () => {
  const doc = new Y.Doc()
  Y.applyUpdate(doc, bytes('01 01 02 00 00 00 00'))
  Y.applyUpdate(doc, bytes('01 01 03 00 04 01 01 74 01 61 00'))
  expect(() => Y.applyUpdate(new Y.Doc(), Y.encodeStateAsUpdate(doc))).toThrow()
})

test('bytes as a prototype would have been taken by Yjs, and made its document unwritable', () => {
  const doc = new Y.Doc()
  Y.applyUpdate(doc, bytes(content('08', '01 76 01 09 5f 5f 70 72 6f 74 6f 5f 5f 74 00').replace('02 05', '02 00')))
  expect(() => Y.encodeStateAsUpdate(doc)).toThrow()
})

describe('an update that is too large', () => {
  test('for its ranges of deletions', () => {
    const limits = { ...defaultLimits, updateDeleteRangesMax: 3 }
    const coverage = new Coverage()
    admitUpdate(coverage, bytes('01 01 02 00 00 20 00'), limits)
    const three = bytes('00 01 02 03 00 01 02 01 04 01')
    const four = bytes('00 02 03 01 00 01 02 03 00 01 02 01 04 01')
    expect(() => admitUpdate(coverage, four, limits)).toThrow(expect.objectContaining({ code: 'update_too_large' }))
    expect(admitUpdate(coverage, three, limits).update).toBe(three)
  })

  test('for its holes', () => {
    const holes = bytes(`01 c0 84 3d 02 00 ${'00 01 0a 01 '.repeat(500_000)} 00`)
    expect(refusal(holes)).toBe('update_too_large')
  })

  test('for the clients that its document would get', () => {
    const limits = { ...defaultLimits, stateVectorClientsMax: 2 }
    const coverage = new Coverage()
    admitUpdate(coverage, bytes('02 01 03 00 00 01 01 02 00 00 01 00'), limits)
    const third = bytes('02 01 04 00 00 01 01 03 01 00 01 00')
    expect(() => admitUpdate(coverage, third, limits)).toThrow(expect.objectContaining({ code: 'document_too_large' }))
    const known = bytes('02 01 03 01 00 01 01 02 01 00 01 00')
    expect(admitUpdate(coverage, known, limits).update).toBe(known)
  })
})

test('a refused update leaves the coverage as it was', () => {
  const coverage = new Coverage()
  coverage.add(bytes('01 01 02 00 00 05 01 02 01 01 02'))
  const before = coverage.encodeStateVector()
  // new structs and a new deletion, then a byte too much
  expect(refusal(bytes('01 01 02 05 00 05 01 02 01 00 07 00'), coverage)).toBe('malformed_update')
  expect(coverage.encodeStateVector()).toEqual(before)
  expect(coverage.deleteRanges).toBe(1)
})
