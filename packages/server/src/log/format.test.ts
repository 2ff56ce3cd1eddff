import { readFileSync } from 'node:fs'
import { chainAfter, decodeRecord, encodeRecord, type LogRecord } from '@syncline/protocol'
import { describe, expect, test } from 'vitest'
import { baseKey, documentKey, formatKey, nameOf, positionOf, recordKey } from './keys.js'
import {
  assertFormat,
  type DocumentHead,
  decodeBase,
  decodeDocument,
  encodeBase,
  encodeDocument,
  encodeFormat,
} from './values.js'

const fromHex = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex').replace(/..\B/g, '$& ')
const fromJson = (json: string) =>
  JSON.parse(json, (_, value) =>
    typeof value === 'string' && value.startsWith('hex:') ? fromHex(value.slice(4)) : value,
  )

interface Layout {
  encode(value: never): Uint8Array
  /** throws where a bit is wrong; absent for keys, which LevelDB looks after */
  decode?(bytes: Uint8Array, value: never): unknown
}

const layouts: Record<string, Layout> = {
  record: { encode: (record: LogRecord) => encodeRecord(record), decode: decodeRecord },
  document: { encode: (head: DocumentHead) => encodeDocument(head), decode: decodeDocument },
  base: {
    encode: ({ update, position }: { update: Uint8Array; position: number }) => encodeBase(update, position),
    decode: (bytes, { position }: { position: number }) => ({ update: decodeBase(bytes, position), position }),
  },
  format: { encode: () => encodeFormat(), decode: (bytes) => assertFormat(bytes) ?? {} },
  'record key': { encode: ({ name, position }: { name: string; position: number }) => recordKey(name, position) },
  'document key': { encode: ({ name }: { name: string }) => documentKey(name) },
  'base key': { encode: ({ name }: { name: string }) => baseKey(name) },
  'format key': { encode: () => formatKey },
}

const page = readFileSync(new URL('../../LOG.md', import.meta.url), 'utf8')
const vectors = [...page.matchAll(/```vector (.+)\n(.+)\n(.+)\n```/g)].map(([, what, json, hex]) => ({
  what: what!,
  json: json!,
  hex: hex!,
}))

describe('the golden vectors of LOG.md', () => {
  test('are all there', () => expect(new Set(vectors.map(({ what }) => what))).toEqual(new Set(Object.keys(layouts))))

  test.each(vectors)('$what $json', ({ what, json, hex }) => {
    const { encode, decode } = layouts[what]!
    const value = fromJson(json) as never
    expect(toHex(encode(value))).toBe(hex)
    if (decode !== undefined) expect(decode(fromHex(hex), value)).toEqual(value)
  })

  test('make a chain', () => {
    const records = vectors.filter(({ what }) => what === 'record').map(({ json }) => fromJson(json) as LogRecord)
    expect(records.length).toBeGreaterThan(1)
    let chain = 0
    for (const [i, record] of records.entries()) {
      chain = chainAfter(chain, record.runs)
      expect(record).toMatchObject({ position: i + 1, chain })
    }
  })
})

describe('a stored value', () => {
  const values = vectors.filter(({ what }) => layouts[what]!.decode !== undefined)

  test.each(values)('$what with any one bit flipped is damaged', ({ what, json, hex }) => {
    const bytes = fromHex(hex)
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const flipped = bytes.slice()
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      const read = () => layouts[what]!.decode!(flipped, fromJson(json) as never)
      expect(read, `bit ${bit}`).toThrow(expect.objectContaining({ code: 'document_damaged' }))
    }
  })
})

describe('keys', () => {
  test('give names and positions back', () => {
    for (const name of ['a', 'é/🧮', 'x'.repeat(512)]) expect(nameOf(documentKey(name))).toBe(name)
    for (const position of [1, 255, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      expect(positionOf(recordKey('a', position))).toBe(position)
    }
  })

  test('sort as names do, then as positions do', () => {
    const sorted = ['a', 'a ', 'a/b', 'aa'].flatMap((name) => [1, 2, 256, 2 ** 40].map((at) => recordKey(name, at)))
    expect(sorted.toReversed().toSorted(Buffer.compare)).toEqual(sorted)
  })
})
