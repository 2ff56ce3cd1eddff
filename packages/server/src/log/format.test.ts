import { readFileSync } from 'node:fs'
import { chainAfter, decodeRecord, encodeRecord, type LogRecord } from '@syncline/protocol'
import { describe, expect, test } from 'vitest'
import {
  baseKey,
  documentKey,
  formatKey,
  historyKey,
  nameOf,
  pastKey,
  positionOf,
  quarantineKey,
  recordKey,
} from './keys.js'
import { decodeNote, encodeNote } from './notes.js'
import { pack, unpack } from './packing.js'
import {
  assertFormat,
  type BasePart,
  type DocumentHead,
  decodeBasePart,
  decodeDocument,
  decodePast,
  encodeBasePart,
  encodeDocument,
  encodeFormat,
  encodePast,
  type Past,
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
  'base part': { encode: (part: BasePart) => encodeBasePart(part), decode: decodeBasePart },
  format: { encode: () => encodeFormat(), decode: (bytes) => assertFormat(bytes) ?? {} },
  'record key': { encode: ({ name, position }: { name: string; position: number }) => recordKey(name, position) },
  'document key': { encode: ({ name }: { name: string }) => documentKey(name) },
  'base key': {
    encode: ({ name, position, index }: { name: string; position: number; index: number }) =>
      baseKey(name, position, index),
  },
  'history key': { encode: ({ name, position }: { name: string; position: number }) => historyKey(name, position) },
  note: { encode: encodeNote, decode: decodeNote },
  past: { encode: (past: Past) => encodePast(past), decode: decodePast },
  'past key': { encode: ({ name }: { name: string }) => pastKey(name) },
  'quarantine key': {
    encode: ({ name, time, key }: { name: string; time: number; key: Uint8Array }) => quarantineKey(name, time, key),
  },
  'format key': { encode: () => formatKey },
}

const page = readFileSync(new URL('../../LOG.md', import.meta.url), 'utf8')
const allVectors = [...page.matchAll(/```vector (.+)\n(.+)\n(.+)\n```/g)].map(([, what, json, hex]) => ({
  what: what!,
  json: json!,
  hex: hex!,
}))
// another version of brotli may pack otherwise; what was packed once is unpacked for ever
const vectors = allVectors.filter(({ what }) => what !== 'packed base')
const packedVectors = allVectors.filter(({ what }) => what === 'packed base')

describe('the golden vectors of LOG.md', () => {
  test('are all there', () => expect(new Set(vectors.map(({ what }) => what))).toEqual(new Set(Object.keys(layouts))))

  test.each(vectors)('$what $json', ({ what, json, hex }) => {
    const { encode, decode } = layouts[what]!
    const value = fromJson(json) as never
    expect(toHex(encode(value))).toBe(hex)
    if (decode !== undefined) expect(decode(fromHex(hex), value)).toEqual(value)
  })

  test.each(packedVectors)('$what $json', async ({ json, hex }) => {
    const { packing, update } = fromJson(json) as { packing: number; update: Uint8Array }
    expect(await unpack({ packing, bytes: fromHex(hex) })).toEqual(update)
    expect(await unpack(await pack(update))).toEqual(update)
  })

  test('of packed bases are one for each packing', () => {
    expect(packedVectors.map(({ json }) => (fromJson(json) as { packing: number }).packing)).toEqual([0, 1])
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

describe('a packed base', () => {
  test('is small where that can be, and comes back whatever it is', async () => {
    const text = Buffer.from('and so on, '.repeat(20_000))
    expect((await pack(text)).bytes.length).toBeLessThan(1_000)
    for (const update of [Uint8Array.of(0, 0), Uint8Array.of(7), new Uint8Array(1_000_000), text]) {
      expect(Buffer.compare(await unpack(await pack(update)), update)).toBe(0)
    }
  })

  test('that does not unpack is damaged; of a later packing it is of an unknown format', async () => {
    const { packing, bytes } = await pack(new Uint8Array(1_000))
    const more = Uint8Array.of(bytes[0]! + 1, ...bytes.subarray(1))
    for (const wrong of [bytes.subarray(0, -1), bytes.subarray(1), more, new Uint8Array(0)]) {
      await expect(unpack({ packing, bytes: wrong })).rejects.toMatchObject({ code: 'document_damaged' })
    }
    await expect(unpack({ packing: 2, bytes })).rejects.toMatchObject({ code: 'unknown_format' })
  })
})
