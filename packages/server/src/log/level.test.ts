import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Append, type BaseReplacement, chainAfter, encodeRecord, type LogRecord, seal } from '@syncline/protocol'
import { Level } from 'level'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { StillClock } from '../../../../test/support/stillClock.js'
import { until } from '../../../../test/support/until.js'
import type { Database } from './directory.js'
import { baseKey, documentKey, formatKey, recordKey } from './keys.js'
import { LevelLog, openLevelLog } from './level.js'
import { toStored, updateOf } from './storedBase.js'
import { quietMs } from './tidying.js'

const epoch = '00c0ffee00c0ffee'
let directory: string
let log: LevelLog

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'syncline-log-'))
  log = await openLevelLog(directory)
})
afterEach(async () => {
  await log.close()
  await rm(directory, { recursive: true })
})

const heads = new Map<string, LogRecord>()
beforeEach(() => heads.clear())

/** The next append of a document, with this update, or one of so many bytes. */
function next(document: string, content: number | Uint8Array = 3): Append {
  const { position, chain } = heads.get(document) ?? { position: 0, chain: 0 }
  const update = typeof content === 'number' ? new Uint8Array(content).fill(position) : content
  const runs = [{ author: 'ada', update }]
  const record = { position: position + 1, chain: chainAfter(chain, runs), time: 0, runs }
  heads.set(document, record)
  return { document, epoch, record }
}

async function replaceBase(document: string, position: number, changes: Partial<BaseReplacement> = {}) {
  const { records, basePosition } = (await log.read(document))!
  const { chain } = records.find((record) => record.position === position) ?? { chain: 0 }
  expect(basePosition).toBeLessThan(position)
  const point = { epoch, position, chain }
  return log.replaceBase(document, {
    point,
    base: Uint8Array.of(1, 2, 3),
    keepAfter: position,
    keepHistory: false,
    ...changes,
  })
}

/** Does something to the database behind the log's back, and opens the log again. */
async function behindItsBack(action: (database: Database) => Promise<void>): Promise<void> {
  await log.close()
  const database: Database = new Level(join(directory, 'log'), { keyEncoding: 'view', valueEncoding: 'view' })
  await database.open()
  await action(database)
  await database.close()
  log = await openLevelLog(directory)
}

describe('opening', () => {
  test('makes a directory that only its owner can read', async () => {
    const nested = join(directory, 'not', 'there')
    const created = await openLevelLog(nested)
    expect((await stat(nested)).mode & 0o777).toBe(0o700)
    expect((await stat(join(nested, 'log'))).mode & 0o777).toBe(0o700)
    await created.close()
  })

  test('is refused while the log is open elsewhere, which harms neither', async () => {
    await log.commit([next('notes')])
    await expect(openLevelLog(directory)).rejects.toMatchObject({ code: 'data_in_use' })
    await log.commit([next('notes')])
    expect((await log.read('notes'))?.records.length).toBe(2)
  })

  test('by two at once in a new directory lets one in', async () => {
    const fresh = join(directory, 'fresh')
    const opened = await Promise.allSettled(Array.from({ length: 4 }, () => openLevelLog(fresh)))
    const logs = opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    expect(logs.length).toBe(1)
    for (const each of opened)
      if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'data_in_use' })
    await logs[0]!.close()
    expect(await readdir(fresh)).toEqual(['log'])
  })

  test('removes what a power cut left of an earlier attempt', async () => {
    await log.close()
    await mkdir(join(directory, 'log.new-abc123'))
    await writeFile(join(directory, 'log.new-abc123', 'CURRENT'), 'MANIFEST-000001\n')
    await writeFile(join(directory, 'log.old'), 'of somebody else')
    log = await openLevelLog(directory)
    expect(await readdir(directory)).toEqual(['log', 'log.old'])
  })

  test.each([
    ['a newer format', seal(new Uint8Array(9), 0xf, 2), 'unknown_format'],
    ['a damaged format', seal(new Uint8Array(5), 0xf, 1).fill(0, 1, 2), 'document_damaged'],
  ])('is refused for %s, and changes nothing', async (_, format, code) => {
    await log.commit([next('notes')])
    await expect(behindItsBack((database) => database.put(formatKey, format))).rejects.toMatchObject({ code })
    await expect(openLevelLog(directory)).rejects.toMatchObject({ code })
    const database: Database = new Level(join(directory, 'log'), { keyEncoding: 'view', valueEncoding: 'view' })
    expect((await database.keys().all()).length).toBe(3)
    await database.close()
  })

  test('is refused for a LevelDB of something else', async () => {
    await expect(behindItsBack((database) => database.del(formatKey))).rejects.toMatchObject({ code: 'storage_failed' })
  })

  test('is refused where a file is in the way', async () => {
    await writeFile(join(directory, 'file'), '')
    await expect(openLevelLog(join(directory, 'file'))).rejects.toMatchObject({ code: 'storage_failed' })
    await expect(openLevelLog(join(directory, 'file', 'below'))).rejects.toMatchObject({ code: 'storage_failed' })
  })
})

describe('what is not needed any more', () => {
  const clock = new StillClock()

  beforeEach(async () => {
    await log.close()
    log = await openLevelLog(directory, clock)
  })

  /** Commits two megabytes to a document, of no use to a compressor. */
  async function fill(document: string): Promise<void> {
    for (let i = 0; i < 8; i++) await log.commit([next(document, Uint8Array.from(randomBytes(256 * 1024)))])
  }

  async function diskBytes(): Promise<number> {
    const names = await readdir(join(directory, 'log'))
    // LevelDB removes files meanwhile
    const sizes = names.map((name) =>
      stat(join(directory, 'log', name)).then(
        ({ size }) => size,
        () => 0,
      ),
    )
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
  }

  test.each([
    ['a base has taken its place', () => replaceBase('a', 8)],
    ['it was deleted', () => log.remove('a', 0)],
  ])('is on the disk until nothing is written for a while: %s', async (_, shrink) => {
    await fill('a')
    await fill('b')
    await shrink()
    expect(await diskBytes()).toBeGreaterThan(4_000_000)
    clock.pass(quietMs)
    await until('it to be gone', async () => (await diskBytes()) < 2_200_000)
    expect((await log.read('b'))!.records.length).toBe(8)
    await log.close()
    log = await openLevelLog(directory)
    expect((await log.read('b'))!.records.length).toBe(8)
  })
})

describe('a failed write', () => {
  test('ends the log: everything is refused, until it is opened again with all that was acknowledged', async () => {
    await log.close()
    const database: Database = new Level(join(directory, 'log'), { keyEncoding: 'view', valueEncoding: 'view' })
    await database.open()
    log = new LevelLog(database)
    await log.commit([next('a'), next('b')])
    const batch = database.batch.bind(database)
    database.batch = (() => {
      database.batch = batch // the disk has room again
      return Object.assign(batch(), { write: () => Promise.reject(new Error('No space left on device')) })
    }) as never
    const refused = next('a')
    const failed = { code: 'storage_failed' }
    await expect(log.commit([refused])).rejects.toMatchObject({
      ...failed,
      cause: { message: 'No space left on device' },
    })
    await expect(log.commit([refused])).rejects.toMatchObject(failed)
    await expect(log.commit([next('b')])).rejects.toMatchObject(failed)
    await expect(log.read('b')).rejects.toMatchObject(failed)
    await expect(log.list()).rejects.toMatchObject(failed)

    await log.close()
    log = await openLevelLog(directory)
    for (const document of ['a', 'b']) expect((await log.read(document))?.records.length).toBe(1)
    await log.commit([refused])
  })

  test('is not what a commit is that does not fit', async () => {
    await log.commit([next('a')])
    await expect(log.commit([{ ...next('b'), document: 'a' }])).rejects.toMatchObject({ code: 'internal' })
    await log.commit([next('a')])
  })
})

describe('a document with a base', () => {
  const base = Uint8Array.of(1, 2, 3)

  /** Base up to 4, records from 4 on. */
  beforeEach(async () => {
    for (let i = 0; i < 6; i++) await log.commit([next('notes'), next('other')])
    expect(await replaceBase('notes', 4, { base, keepAfter: 3 })).toBe(true)
  })

  test('is read as base and the records from its start on', async () => {
    const stored = (await log.read('notes'))!
    expect(stored).toMatchObject({ epoch, base, basePosition: 4, start: { position: 3 } })
    expect(stored.records.map(({ position }) => position)).toEqual([4, 5, 6])
    const [info] = await log.list()
    expect(info).toMatchObject({ name: 'notes', position: 6 })
    expect(info!.storedBytes).toBe(base.length + 3 * encodeRecord(stored.records[0]!).length)
  })

  test('goes on where the base ends when there are no records, also for a log that was just opened', async () => {
    await replaceBase('notes', 6)
    await behindItsBack(async () => {})
    expect((await log.read('notes'))!.records).toEqual([])
    expect((await log.list())[0]).toMatchObject({ position: 6, storedBytes: base.length })
    const seventh = next('notes')
    await expect(log.commit([next('notes')])).rejects.toMatchObject({ code: 'internal' })
    await log.commit([seventh])
  })

  test.each<[string, (database: Database) => Promise<void>]>([
    ['its base is missing', (database) => database.del(baseKey('notes', 4, 0))],
    [
      'its base is that of another document',
      (database) => exchange(database, baseKey('notes', 4, 0), baseKey('long', 2, 0)),
    ],
    ['its base has a flipped bit', (database) => flip(database, baseKey('notes', 4, 0))],
    ['its base has a part too many', (database) => copy(database, baseKey('notes', 4, 0), baseKey('notes', 4, 1))],
    ['its head has a flipped bit', (database) => flip(database, documentKey('notes'))],
    ['its head is missing', (database) => database.del(documentKey('notes'))],
    ['a record has a flipped bit', (database) => flip(database, recordKey('notes', 6))],
    ['a record that serves resuming has a flipped bit', (database) => flip(database, recordKey('notes', 4))],
    ['the first record is missing', (database) => database.del(recordKey('notes', 4))],
    ['the first record after the base is missing', (database) => database.del(recordKey('notes', 5))],
    ['two records are exchanged', (database) => exchange(database, recordKey('notes', 5), recordKey('notes', 6))],
    [
      'a record is that of another document',
      (database) => exchange(database, recordKey('notes', 5), recordKey('long', 5)),
    ],
    [
      'all its records are missing, of which the base has one',
      (database) => database.clear({ gte: recordKey('notes', 1), lte: recordKey('notes', 6) }),
    ],
  ])('is damaged where %s, and it alone', async (_, damage) => {
    for (let i = 0; i < 5; i++) await log.commit([next('long', 7)])
    await replaceBase('long', 2)
    await behindItsBack(damage)
    await expect(log.read('notes')).rejects.toMatchObject({ code: 'document_damaged' })
    expect((await log.read('other'))?.records.length).toBe(6)
    await log.commit([next('other')])
  })

  test('whose head is missing is never begun anew over its records', async () => {
    await behindItsBack((database) => database.del(documentKey('notes')))
    const first = { ...next('new'), document: 'notes' }
    await expect(log.commit([first])).rejects.toMatchObject({ code: 'internal' })
  })

  test('whose head is damaged is listed without an epoch', async () => {
    await behindItsBack((database) => flip(database, documentKey('notes')))
    expect(await log.list()).toMatchObject([
      { name: 'notes', epoch: '', position: 6 },
      { name: 'other', epoch, position: 6 },
    ])
  })
})

describe('a replacement of the base', () => {
  const records = 2_500 // so that they are moved in several batches
  const large = new Uint8Array(randomBytes(1024 * 1024 + 1)) // so that it has five parts
  const positions = (records: readonly LogRecord[] | undefined) => records?.map(({ position }) => position)
  const upTo = (end: number, start = 0) => Array.from({ length: end - start }, (_, i) => start + i + 1)

  beforeEach(() => log.commit(Array.from({ length: records }, () => next('notes'))))

  // 5 parts with the head in the last one, then 3 batches of records
  test.each(upTo(8))('that is cut short at its write %i is there as a whole or not at all', async (fatal) => {
    const { chain } = (await log.read('notes'))!.records.at(-1)!
    const whole = fatal > 5
    await behindItsBack(async (database) => {
      let writes = 0
      const failing = watched(database, () => {
        if (++writes === fatal) throw new Error('No space left on device')
      })
      const replaced = failing.replaceBase('notes', {
        point: { epoch, position: records, chain },
        base: large,
        keepAfter: records - 10,
        keepHistory: true,
      })
      await expect(replaced).rejects.toMatchObject({ code: 'storage_failed' })
      expect(writes).toBe(fatal)
      await expect(failing.commit([next('other')])).rejects.toMatchObject({ code: 'storage_failed' })
    })
    const stored = (await log.read('notes'))!
    expect(stored).toMatchObject({ basePosition: whole ? records : 0, start: { position: whole ? records - 10 : 0 } })
    expect(positions(stored.records)).toEqual(upTo(records, whole ? records - 10 : 0))
    if (whole) expect(Buffer.compare(stored.base!, large)).toBe(0)

    // the next one leaves nothing of it behind
    await log.commit([next('notes')])
    expect(await replaceBase('notes', records + 1, { base: Uint8Array.of(1), keepHistory: true })).toBe(true)
    expect(positions(await log.history('notes', { limit: 2 * records }))).toEqual(upTo(records + 1))
    await behindItsBack(async (database) => {
      const spaces = (await database.keys().all()).map((key) => String.fromCharCode(key[0]!))
      expect(spaces.filter((space) => space !== 'h')).toEqual(['b', 'd', 'f'])
    })
  })

  test('of 5 MB is many small writes: a commit waits for one of them at most', async () => {
    const { chain } = (await log.read('notes'))!.records.at(-1)!
    const base = new Uint8Array(randomBytes(5 * 1024 * 1024))
    await behindItsBack(async (database) => {
      const writes: number[] = []
      const log = watched(database, (bytes) => void writes.push(bytes))
      const point = { epoch, position: records, chain }
      expect(await log.replaceBase('notes', { point, base, keepAfter: records, keepHistory: true })).toBe(true)
      expect(writes.reduce((sum, bytes) => sum + bytes)).toBeGreaterThan(base.length)
      expect(Math.max(...writes)).toBeLessThan(300 * 1024)
    })
  })

  test('is given and taken as it is stored, for others to unpack and to pack', async () => {
    expect((await log.readPacked('notes'))?.base).toBe(null)
    const { chain } = heads.get('notes')!
    const base = await toStored(large, records)
    const replacement = { point: { epoch, position: records, chain }, keepAfter: records, keepHistory: false }
    expect(await log.replacePacked('notes', { ...replacement, base })).toBe(true)
    expect(await log.replacePacked('notes', { ...replacement, base })).toBe(false)
    const { base: stored, ...rest } = (await log.readPacked('notes'))!
    expect(stored).toMatchObject({ position: records, length: large.length })
    expect(Buffer.compare(updateOf(stored!), large)).toBe(0)
    expect({ ...rest, base: null }).toEqual({ ...(await log.read('notes')), base: null })

    await behindItsBack((database) => database.del(baseKey('notes', records, 2)))
    const torn = (await log.readPacked('notes'))!.base!
    expect(() => updateOf(torn)).toThrow('has a part that is not its own')
  })

  test('does not confuse a commit that asks meanwhile where the document ends', async () => {
    for (let round = 0; round < 20; round++) {
      await behindItsBack(async () => {}) // it remembers nothing
      const { position } = heads.get('notes')!
      await Promise.all([replaceBase('notes', position), log.commit([next('notes')])])
    }
    expect(positions((await log.read('notes'))?.records)).toEqual([records + 20])
  })
})

describe('where a document ends is learnt when it is read', () => {
  /** Opens the log anew, which remembers nothing then, on a database that was changed a little. */
  async function reopened(change: (database: Database) => object): Promise<void> {
    await log.close()
    const database: Database = new Level(join(directory, 'log'), { keyEncoding: 'view', valueEncoding: 'view' })
    await database.open()
    log = new LevelLog(Object.assign(database, change(database)) as Database)
  }

  /** The first read goes on only when it is told to, with what it found. */
  async function withHeldRead(): Promise<() => void> {
    let release = () => {}
    let isFirst = true
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    await reopened((database) => {
      const open = database.snapshot.bind(database)
      const snapshot = () => {
        const each = open()
        const close = each.close.bind(each)
        if (isFirst) Object.assign(each, { close: () => released.then(close) })
        isFirst = false
        return each
      }
      return { snapshot }
    })
    return release
  }

  test('so that the first commit after that reads nothing', async () => {
    await log.commit([next('notes'), next('notes')])
    let reads = 0
    await reopened((database) => {
      const get = database.get.bind(database)
      return { get: (...args: Parameters<typeof get>) => [get(...args), reads++][0] }
    })
    await log.read('notes')
    await log.read('new')
    const readsBefore = reads
    expect(readsBefore).toBeGreaterThan(0)
    await log.commit([next('notes'), next('new')])
    expect(reads).toBe(readsBefore)
  })

  test('unless somebody has written meanwhile', async () => {
    await log.commit([next('notes')])
    const release = await withHeldRead()
    const reading = log.read('notes')
    await log.commit([next('notes')])
    release()
    expect((await reading)?.records.length).toBe(1)
    await log.commit([next('notes')])
    expect((await log.read('notes'))?.records.length).toBe(3)
  })

  test('unless it was deleted meanwhile', async () => {
    await log.commit([next('notes')])
    const release = await withHeldRead()
    const reading = log.read('notes')
    await log.remove('notes', 1)
    release()
    expect((await reading)?.records.length).toBe(1)
    await expect(log.commit([next('notes')])).rejects.toMatchObject({ code: 'document_deleted' })
  })
})

describe('a listing', () => {
  test('estimates the size of a document with many records', async () => {
    const appends = Array.from({ length: 3_000 }, (_, i) => next('long', 30 + (i % 7)))
    await log.commit(appends)
    const [info] = await log.list()
    expect(info).toMatchObject({ name: 'long', position: 3_000 })
    const exact = appends.reduce((sum, { record }) => sum + encodeRecord(record).length, 0)
    expect(info!.storedBytes).toBeGreaterThan(0.95 * exact)
    expect(info!.storedBytes).toBeLessThan(1.05 * exact)
  })
})

/** A log on a database whose batches are announced: so many bytes are about to be written. */
function watched(database: Database, beforeWrite: (bytes: number) => void): LevelLog {
  const batch = database.batch.bind(database)
  const watchedBatch = () => {
    const each = batch()
    const [put, write] = [each.put.bind(each), each.write.bind(each)]
    let bytes = 0
    return Object.assign(each, {
      put(key: Uint8Array, value: Uint8Array) {
        bytes += key.length + value.length
        return put(key, value)
      },
      async write(options: object) {
        beforeWrite(bytes)
        await write(options)
      },
    })
  }
  return new LevelLog(Object.assign(database, { batch: watchedBatch }) as Database)
}

async function flip(database: Database, key: Uint8Array): Promise<void> {
  const value = Uint8Array.from((await database.get(key))!)
  value[value.length >> 1]! ^= 4
  await database.put(key, value)
}

async function copy(database: Database, from: Uint8Array, to: Uint8Array): Promise<void> {
  await database.put(to, (await database.get(from))!)
}

async function exchange(database: Database, a: Uint8Array, b: Uint8Array): Promise<void> {
  const [valueOfA, valueOfB] = [(await database.get(a))!, (await database.get(b))!]
  await database.put(a, valueOfB)
  await database.put(b, valueOfA)
}
