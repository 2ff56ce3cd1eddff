/**
 * `npm run measure:compaction`: what a document takes on disk after it was typed key by key, and how long commits of
 * others wait while a document of 5 MB is compacted. It measures what was built last.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { ClassicLevel } from 'classic-level'
import * as Y from 'yjs'

/** @typedef {import('@syncline/protocol').LogRecord} LogRecord */
/** @typedef {import('@syncline/protocol').Append} Append */

const built = (/** @type {string} */ path) => new URL(`../packages/server/dist/${path}`, import.meta.url).href
const { chainAfter } = await import(new URL('../packages/protocol/dist/index.js', import.meta.url).href)
/** @type {typeof import('../packages/server/src/compaction/compactor.js')} */
const { Compactor } = await import(built('compaction/compactor.js'))
/** @type {typeof import('../packages/server/src/compaction/thread.js')} */
const { CompactionThread } = await import(built('compaction/thread.js'))
/** @type {typeof import('../packages/server/src/compaction/policy.js')} */
const { heavier, weightOf } = await import(built('compaction/policy.js'))
/** @type {typeof import('../packages/server/src/index.js')} */
const { openLevelLog, systemClock } = await import(built('index.js'))
/** @type {typeof import('../packages/server/src/counters.js')} */
const { newCounters } = await import(built('counters.js'))

const traces = process.env.SYNCLINE_TRACES ?? fileURLToPath(new URL('../../shared/traces', import.meta.url))
const trace = join(traces, 'automerge-paper.json.gz')
const epoch = '00c0ffee00c0ffee'
const rounds = 10
const KiB = 1024
const MiB = 1024 * KiB

/** What each key that was pressed gave. @returns {Uint8Array[]} */
function typeTrace() {
  const { txns, endContent } = JSON.parse(gunzipSync(readFileSync(trace)).toString('utf8'))
  const doc = new Y.Doc()
  const text = doc.getText()
  /** @type {Uint8Array[]} */
  const updates = []
  doc.on('update', (update) => updates.push(update))
  for (const { patches } of txns) {
    for (const [position, deleted, inserted] of patches) {
      doc.transact(() => {
        if (deleted > 0) text.delete(position, deleted)
        if (inserted !== '') text.insert(position, inserted)
      })
    }
  }
  if (text.toString() !== endContent) throw new Error('the recording did not end as it should')
  return updates
}

/** A log in a directory of its own, with a compactor beside it. @param {boolean} isOpen whether somebody has the document open */
async function openWorld(isOpen) {
  const directory = mkdtempSync(join(tmpdir(), 'syncline-measure-'))
  const log = await openLevelLog(directory)
  const counters = newCounters()
  /** @type {((document: string, compacted: import('../packages/server/src/compaction/compactor.js').Compacted) => void)[]} */
  const listeners = []
  const nothing = () => {}
  const say = (/** @type {object} */ fields, /** @type {string} */ message) => console.error(message, fields)
  const compactor = new Compactor(log, {
    clock: systemClock,
    counters,
    logger: { debug: nothing, info: nothing, warn: say, error: say },
    thread: new CompactionThread(systemClock),
    isOpen: () => isOpen,
    keepsHistory: () => false,
    compacted: (document, compacted) => {
      for (const listener of listeners) listener(document, compacted)
    },
    storageFailed: (error) => {
      throw error
    },
  })
  return { directory, log, counters, compactor, listeners }
}

/** Records of one update each. */
class Document {
  #position = 0
  #chain = 0
  #name

  /** @param {string} name */
  constructor(name) {
    this.#name = name
  }

  /** @param {Uint8Array} update @returns {Append} */
  next(update) {
    const runs = [{ author: '', update }]
    this.#chain = chainAfter(this.#chain, runs)
    const record = { position: ++this.#position, chain: this.#chain, time: Date.now(), runs }
    return { document: this.#name, epoch, record }
  }
}

/** @param {readonly Uint8Array[]} updates */
async function measureDisk(updates) {
  const { directory, log, counters, compactor, listeners } = await openWorld(true)
  const document = new Document('paper')
  let weight = { basePosition: 0, baseBytes: 0, records: 0, bytes: 0 }
  listeners.push((_, { baseBytes, before }) => {
    const basePosition = before.basePosition + before.records
    const [records, bytes] = [weight.records - before.records, weight.bytes - before.bytes]
    weight = { basePosition, baseBytes, records, bytes }
  })
  const began = performance.now()
  const perCommit = 100 // a record each, as for somebody who types alone
  for (let at = 0; at < updates.length; at += perCommit) {
    const appends = updates.slice(at, at + perCommit).map((update) => document.next(update))
    await log.commit(appends)
    for (const { record } of appends) weight = heavier(weight, record)
    compactor.request('paper', weight, 'open')
    await compactor.idle()
  }
  compactor.request('paper', weight, 'closed')
  await compactor.idle()
  const seconds = ((performance.now() - began) / 1_000).toFixed(1)
  const stored = await log.read('paper')
  if (stored === null) throw new Error('it is not there')
  const opening = await medianOf(20, async () => void (await log.read('paper')))
  const [info] = await log.list()
  await compactor.close()
  await log.close()
  const location = join(directory, 'log')
  /** @type {ClassicLevel<Uint8Array, Uint8Array>} */
  const database = new ClassicLevel(location, { keyEncoding: 'view', valueEncoding: 'view' })
  await database.open()
  await database.compactRange(Uint8Array.of(0), Uint8Array.of(0xff))
  const sizes = { b: 0, d: 0, f: 0, r: 0, h: 0 }
  for await (const [key, value] of database.iterator()) {
    const space = /** @type {keyof typeof sizes} */ (String.fromCharCode(key[0] ?? 0))
    sizes[space] += value.length
  }
  await database.close()
  const { kept, blocks } = diskBytes(directory)
  rmSync(directory, { recursive: true })

  const { basePosition, base, records, start } = stored
  const after = weightOf(stored)
  console.log(`automerge-paper, typed key by key: ${updates.length} records in ${seconds} s`)
  console.log(`  ${counters.compactions} compactions, ${counters.compactionMismatches} mismatches`)
  console.log(`  base up to ${basePosition}: ${base?.length} bytes, ${sizes.b} on disk (brotli)`)
  console.log(
    `  ${records.length} records from ${start.position + 1} on, ${after.records} of them after the base: ${sizes.r} bytes`,
  )
  console.log(
    `  the directory: ${kept} bytes in its files, ${blocks} in blocks of the file system; listed: ${info?.storedBytes}`,
  )
  console.log(`  reading it: ${opening.toFixed(1)} ms`)
}

/**
 * Commits of others, one after the other, while a document of 5 MB is compacted.
 *
 * @param {string} what @param {(i: number) => Uint8Array} makePart what each of its parts gives
 * @param {boolean} isOpen whether somebody has the document open
 */
async function measureStall(what, makePart, isOpen) {
  const { directory, log, compactor, counters } = await openWorld(isOpen)
  const [large, other] = [new Document('large'), new Document('other')]
  /** @type {Append[]} */
  const waiting = []
  /** @type {{ quiet: number[], busy: number[] }} */
  const times = { quiet: [], busy: [] }
  /** @type {{ phase: 'quiet' | 'busy' | 'writing' | 'done' }} */
  const now = { phase: 'writing' }
  const committing = (async () => {
    while (now.phase !== 'done') {
      const { phase } = now
      const more = waiting.splice(0, 1_000)
      const began = performance.now()
      await log.commit([other.next(new Uint8Array(30)), ...more])
      const ms = performance.now() - began
      // one that was running when compaction began may have waited for it
      const counted = now.phase === 'busy' ? 'busy' : phase
      if (counted === 'quiet' || counted === 'busy') times[counted].push(ms)
      await pause(1)
    }
  })()
  const written = async (/** @type {Append[]} */ appends) => {
    waiting.push(...appends)
    while (waiting.length > 0) await pause(5)
    await pause(100)
  }
  const typist = new Y.Doc()
  const parts = []
  for (let bytes = 0; bytes < 5 * MiB; bytes += parts.at(-1)?.length ?? 0) parts.push(makePart(parts.length))
  await written(parts.map((part) => large.next(part)))
  const keys = Array.from({ length: rounds }, () => Array.from({ length: 1_500 }, () => nextKey(typist)))
  let bytes = 0
  for (let round = 0; round < rounds; round++) {
    // so many keys make a document of 5 MB due when all have left; making them takes the thread that commits
    await written((keys[round] ?? []).map((key) => large.next(key)))
    const stored = await log.read('large') // a room knows what it weighs
    if (stored === null) throw new Error('it is not there')
    const weight = weightOf(stored)
    await pause(50)
    now.phase = 'quiet'
    await pause(500)
    now.phase = 'busy'
    compactor.request('large', weight, 'closed')
    await compactor.idle()
    await pause(100) // what LevelDB does about it in its background
    now.phase = 'writing'
    await pause(50) // for the commit that is under way
    bytes = (await log.read('large'))?.base?.length ?? 0
  }
  now.phase = 'done'
  await committing
  await compactor.close()
  await log.close()
  rmSync(directory, { recursive: true })
  const open = isOpen ? 'that somebody has open' : 'that nobody has open'
  console.log(`commits of others while ${bytes} bytes of ${what} ${open} are compacted, ${counters.compactions} times`)
  for (const [name, results] of Object.entries(times)) {
    results.sort((a, b) => a - b)
    const at = (/** @type {number} */ share) => results[Math.floor(share * (results.length - 1))]?.toFixed(1)
    console.log(`  ${name}: ${results.length}, median ${at(0.5)} ms, 99% ${at(0.99)} ms, longest ${at(1)} ms`)
  }
}

/** What one more key gives. @param {Y.Doc} typist */
function nextKey(typist) {
  const before = Y.encodeStateVector(typist)
  typist.getText('keys').insert(0, 'k')
  return Y.encodeStateAsUpdate(typist, before)
}

/** A paragraph of words that nobody knows, by somebody new. @returns {Uint8Array} */
function makeParagraph() {
  const doc = new Y.Doc()
  const text = doc.getText('words')
  for (let i = 0; i < 40; i++)
    text.insert(Math.floor(Math.random() * text.length), `${randomBytes(60).toString('base64')} `)
  return Y.encodeStateAsUpdate(doc)
}

/** @returns {Uint8Array} */
function makePicture() {
  const doc = new Y.Doc()
  doc.getArray('pictures').push([new Uint8Array(randomBytes(100 * KiB))])
  return Y.encodeStateAsUpdate(doc)
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** @param {number} times @param {() => Promise<void>} run */
async function medianOf(times, run) {
  const results = []
  for (let i = 0; i < times; i++) {
    const began = performance.now()
    await run()
    results.push(performance.now() - began)
  }
  return results.sort((a, b) => a - b)[times >> 1] ?? 0
}

/** @param {string} directory */
function diskBytes(directory) {
  // what du counts: in its second figure the directories, too
  let [kept, blocks] = [0, 512 * statSync(directory).blocks]
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const stats = statSync(join(directory, name))
    if (stats.isFile()) kept += stats.size
    blocks += 512 * stats.blocks
  }
  return { kept, blocks }
}

if (!existsSync(trace)) {
  console.log(
    `There is no recording at ${trace}: its size on disk is not measured. SYNCLINE_TRACES names a folder that has it.`,
  )
} else {
  await measureDisk(typeTrace())
}
await measureStall('words', makeParagraph, false)
await measureStall('words', makeParagraph, true)
await measureStall('pictures', makePicture, false)
