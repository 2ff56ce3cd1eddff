/**
 * `npm run measure:log`: durable updates per second with 1, 100 and 2,000 outstanding, through the committer and the log,
 * and beside them what LevelDB itself does with the same sync setting: once with a write for each update, as many of them
 * at a time as are outstanding, and once with one batch of all that is. All in one run, in turns; it measures what was
 * built last. Directories to measure in may be given: `npm run measure:log -- /dev/shm /var/tmp`.
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'

const built = (/** @type {string} */ path) => new URL(`../packages/${path}`, import.meta.url).href
const { chainAfter } = await import(built('protocol/dist/index.js'))
/** @type {typeof import('../packages/server/src/log/committer.js')} */
const { Committer } = await import(built('server/dist/log/committer.js'))
/** @type {typeof import('../packages/server/src/index.js')} */
const { openLevelLog, systemClock } = await import(built('server/dist/index.js'))

const outstanding = [1, 100, 2_000]
const rounds = 3
const measureMs = 1_500
const updateBytes = 30 // a key that was pressed
const recordBytes = 58 // what the log stores for it, on the average here
const epoch = '00c0ffee00c0ffee'

/** @typedef {(directory: string, count: number) => Promise<number>} Way what measures updates per second */

/** Each in a document of its own, through the committer: the next one when the last one is on disk. @type {Way} */
async function throughLog(directory, count) {
  const log = await openLevelLog(directory)
  const committer = new Committer(log, {
    clock: systemClock,
    onError: (error) => {
      throw error
    },
  })
  let [done, isOver] = [0, false]
  const update = new Uint8Array(updateBytes)
  const sources = Array.from({ length: count }, (_, i) => {
    const document = `document ${i}`
    let [position, chain] = [0, 0]
    const source = {
      take: (/** @type {number} */ time) => {
        const runs = [{ author: '', update }]
        chain = chainAfter(chain, runs)
        return { document, epoch, record: { position: ++position, chain, time, runs } }
      },
      committed: () => {
        done++
        if (!isOver) committer.request(source)
      },
      failed: (/** @type {Error} */ error) => {
        throw error
      },
    }
    return source
  })
  for (const source of sources) committer.request(source)
  const rate = await rateOf(() => done)
  isOver = true
  await committer.drain()
  await log.close()
  return rate
}

/** @type {Way} */
async function bareWrites(directory, count) {
  return withLevel(directory, async (database, isOver, finished) => {
    let key = 0
    const writers = Array.from({ length: count }, async () => {
      while (!isOver()) {
        await database.put(keyOf(key++), randomBytes(recordBytes), { sync: true })
        finished(1)
      }
    })
    await Promise.all(writers)
  })
}

/** @type {Way} */
async function bareBatches(directory, count) {
  return withLevel(directory, async (database, isOver, finished) => {
    let key = 0
    while (!isOver()) {
      const batch = database.batch()
      for (let i = 0; i < count; i++) batch.put(keyOf(key++), randomBytes(recordBytes))
      await batch.write({ sync: true })
      finished(count)
    }
  })
}

/**
 * @param {string} directory
 * @param {(database: ClassicLevel<Uint8Array, Uint8Array>, isOver: () => boolean, finished: (count: number) => void) => Promise<void>} run
 */
async function withLevel(directory, run) {
  /** @type {ClassicLevel<Uint8Array, Uint8Array>} */
  const database = new ClassicLevel(directory, { keyEncoding: 'view', valueEncoding: 'view' })
  await database.open()
  let [done, isOver] = [0, false]
  const running = run(
    database,
    () => isOver,
    (count) => {
      done += count
    },
  )
  const rate = await rateOf(() => done)
  isOver = true
  await running
  await database.close()
  return rate
}

/** How fast a counter moves, after it has begun to. @param {() => number} count */
async function rateOf(count) {
  await pause(measureMs / 5)
  const [began, before] = [performance.now(), count()]
  await pause(measureMs)
  return ((count() - before) / (performance.now() - began)) * 1_000
}

/** @param {number} number @returns {Uint8Array} */
function keyOf(number) {
  const key = Buffer.alloc(8)
  key.writeBigUInt64BE(BigInt(number))
  return key
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** @param {string} place @param {Way} way @param {number} count */
async function measure(place, way, count) {
  const directory = mkdtempSync(join(place, 'syncline-measure-'))
  try {
    return await way(directory, count)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const ways = { 'the log': throughLog, 'LevelDB, a write each': bareWrites, 'LevelDB, one batch': bareBatches }
const given = process.argv.slice(2)
for (const place of given.length > 0 ? given : [tmpdir()]) {
  console.log(`durable updates per second in ${place}: median of ${rounds} rounds (least to most)`)
  for (const count of outstanding) {
    /** @type {Map<string, number[]>} */
    const rates = new Map(Object.keys(ways).map((name) => [name, []]))
    for (let round = 0; round < rounds; round++) {
      for (const [name, way] of Object.entries(ways)) rates.get(name)?.push(await measure(place, way, count))
    }
    const cells = [...rates].map(([name, found]) => {
      const [least, median, most] = found.sort((a, b) => a - b).map(Math.round)
      return `${name} ${median} (${least} to ${most})`
    })
    console.log(`  ${String(count).padStart(5)} outstanding: ${cells.join('; ')}`)
  }
}
