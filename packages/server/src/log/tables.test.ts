import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Level } from 'level'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededRandom } from '../../../../test/support/random.js'
import { compactRange, type Database } from './directory.js'
import { damagedBlocks, markDamagedBlocks } from './tables.js'

const encodings = { keyEncoding: 'view', valueEncoding: 'view' } as const
const count = 3_000
const keyOf = (i: number) => Buffer.from(`key ${String(i).padStart(6, '0')}`)

let directory: string
let whole: string
let tableName: string
const random = seededRandom(20)
/** words, which compress, and between them what does not */
const values = Array.from({ length: count }, (_, i) => {
  if (Math.floor(i / 500) % 2 === 0) return Buffer.from(`value ${i} of ${count}, and what others are like`)
  return Buffer.from(Array.from({ length: 40 }, () => Math.floor(random() * 256)))
})

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'syncline-tables-'))
  whole = join(directory, 'whole')
  const database: Database = new Level(whole, encodings)
  await database.open()
  for (const [i, value] of values.entries()) await database.put(keyOf(i), value)
  await compactRange(database, { gte: Buffer.of(0), lte: Buffer.of(255) })
  await database.close()
  tableName = readdirSync(whole).find((name) => name.endsWith('.ldb'))!
})
afterAll(() => rmSync(directory, { recursive: true }))

const tableBytes = () => readFileSync(join(whole, tableName))

/** Offsets all over a table, and all of its last ones. */
function offsets(many: number, last: number): number[] {
  const { length } = tableBytes()
  const spread = Array.from({ length: many }, (_, i) => Math.floor((i * (length - last)) / many))
  return [...spread, ...Array.from({ length: last }, (_, i) => length - last + i)]
}

test('a table that is whole has no damaged block', () => {
  expect(damagedBlocks(tableBytes())).toEqual([])
})

test('a flip is in one block, or where the blocks are named', () => {
  let unnamed = 0
  for (const at of offsets(400, 400)) {
    const table = tableBytes()
    table[at]! ^= 1 << (at % 8)
    const damaged = damagedBlocks(table)
    if (damaged === null) unnamed++
    // the footer has bytes that stand for nothing
    else if (at < table.length - 48) {
      expect(damaged.length, `byte ${at}`).toBe(1)
      const { offset, size } = damaged[0]!
      expect(offset <= at && at < offset + size + 5, `byte ${at}`).toBe(true)
    }
  }
  expect(unnamed).toBeGreaterThan(20)
  expect(unnamed).toBeLessThan(600)
})

test('what is no table, or a part of one, tells of no blocks, and throws nothing', () => {
  const table = tableBytes()
  for (let length = 0; length < 200; length++) expect(damagedBlocks(table.subarray(0, length))).toBe(null)
  for (const cut of [1, 48, 1_000]) expect(damagedBlocks(table.subarray(0, -cut))).toBe(null)
  // the names of the blocks are whole, and the blocks are not where they say
  for (const cut of [1, 5_000]) expect(damagedBlocks(table.subarray(cut))).toBe(null)
})

test('LevelDB repairs what is marked, wherever it was damaged: what it keeps is what was written', async () => {
  let kept = 0
  const tried = offsets(60, 20)
  for (const at of tried) {
    const location = join(directory, `damaged at ${at}`)
    cpSync(whole, location, { recursive: true })
    const table = tableBytes()
    table[at]! ^= 1
    writeFileSync(join(location, tableName), table)
    await markDamagedBlocks(location)
    await (Level as unknown as { repair(location: string): Promise<void> }).repair(location)
    const database: Database = new Level(location, encodings)
    await database.open()
    for await (const [key, value] of database.iterator()) {
      const i = Number(Buffer.from(key).toString().slice(4))
      expect(Buffer.from(value).equals(values[i]!), `byte ${at}, key ${i}`).toBe(true)
      kept++
    }
    await database.close()
    rmSync(location, { recursive: true })
  }
  // a block of some 100 entries each, but for what is named nowhere
  expect(kept / tried.length).toBeGreaterThan(0.7 * count)
})
