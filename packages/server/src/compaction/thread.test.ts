import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { root } from '../../../../test/support/tree.js'
import { until } from '../../../../test/support/until.js'
import { type Clock, systemClock } from '../clock.js'
import { packSync } from '../log/packing.js'
import { cutBase, type StoredBase, updateOf } from '../log/storedBase.js'
import { CompactionThread } from './thread.js'

const program = join(root, 'node_modules/.syncline/compaction-worker.mjs')
const inTime: Clock = systemClock
const late: Clock = { now: () => 0, after: (_, call) => systemClock.after(50, call) }

let thread: CompactionThread

function typed(...texts: readonly string[]): Uint8Array[] {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  for (const each of texts) doc.getText().insert(doc.getText().length, each)
  return updates
}

/** One update of a base and the updates after it, and the base that this is. */
async function made(base: StoredBase | null, updates: readonly Uint8Array[]) {
  const { update, base: after } = await thread.run(base, updates, { position: 9, isUpdateWanted: true })
  return { update: update!, base: after! }
}

function textOf(update: Uint8Array): string {
  const doc = new Y.Doc()
  Y.applyUpdate(doc, update)
  return doc.getText().toString()
}

describe('the compaction thread', () => {
  // bundled from the sources, so that no stale build is tested
  beforeAll(async () => {
    await build({
      entryPoints: [join(root, 'packages/server/src/compaction/worker.ts')],
      outfile: program,
      bundle: true,
      platform: 'node',
      format: 'esm',
      alias: { '@syncline/protocol': join(root, 'packages/protocol/src/index.ts') },
    })
  })
  beforeEach(() => {
    thread = new CompactionThread(inTime, { entry: pathToFileURL(program) })
  })
  afterEach(() => thread.close())

  test('makes one update of many, and a base that is ready to be stored, job after job', async () => {
    const updates = typed('a', 'b', 'c', 'd', 'x'.repeat(1_000_000))
    const first = await made(null, updates.slice(0, 2))
    expect(textOf(first.update)).toBe('ab')
    expect(first.base).toMatchObject({ position: 9, length: first.update.length })
    expect(updateOf(first.base)).toEqual(first.update)
    const second = await made(first.base, updates.slice(2))
    expect(textOf(second.update)).toBe(`abcd${'x'.repeat(1_000_000)}`)
    expect(first.base.values[0]).toHaveLength(0) // it was given away
    expect(second.base.packedBytes).toBeLessThan(1_000)
  })

  test('makes what is wanted, and no more', async () => {
    const updates = typed('a')
    const alone = await thread.run(null, updates, { position: null, isUpdateWanted: true })
    expect(alone).toEqual({ update: updates[0], base: null })
    const { update, base } = await thread.run(null, updates, { position: 1, isUpdateWanted: false })
    expect(update).toBe(null)
    expect(updateOf(base!)).toEqual(updates[0])
  })

  test('leaves a base alone that shares its memory', async () => {
    const [first, second] = typed('a', 'b')
    const base = cutBase(1, first!.length, packSync(first!))
    const values = base.values.map((value) => Buffer.concat([value, Buffer.from('more')]).subarray(0, value.length))
    const shared = { ...base, values }
    expect(textOf((await made(shared, [second!])).update)).toBe('ab')
    expect(textOf(updateOf(shared))).toBe('a')
  })

  test('tells a base that is damaged', async () => {
    const [update] = typed('a'.repeat(1_000))
    const base = cutBase(1, update!.length, packSync(update!))
    const [part] = base.values
    part![part!.length >> 1]! ^= 1
    await expect(made(base, [])).rejects.toMatchObject({ code: 'document_damaged' })
    const short = { ...cutBase(1, update!.length, packSync(update!)), packedBytes: 1_000 }
    await expect(made(short, [])).rejects.toMatchObject({ code: 'document_damaged' })
  })

  test('tells a document that would change from one that cannot be loaded', async () => {
    const mismatch = made(null, typed('a', 'b').slice(1))
    await expect(mismatch).rejects.toMatchObject({ code: 'compaction_mismatch' })
    await expect(made(null, [Uint8Array.of(9)])).rejects.toMatchObject({ code: 'compaction_failed' })
    expect(textOf((await made(null, typed('a'))).update)).toBe('a')
  })

  test('takes one job at a time, of a size that memory allows', async () => {
    const running = made(null, typed('a'))
    await expect(made(null, typed('b'))).rejects.toThrow('a compaction is running')
    await running
    const large = { ...cutBase(1, 2, packSync(Uint8Array.of(0, 0))), length: 97 * 1024 * 1024 }
    await expect(made(large, [])).rejects.toMatchObject({ code: 'compaction_failed' })
    expect(large.values[0]!.length).toBeGreaterThan(0)
  })

  test('gives up its job when it is closed, and takes none any more', async () => {
    const running = made(null, typed('a'))
    await Promise.all([thread.close(), expect(running).rejects.toMatchObject({ code: 'closed' })])
    await expect(made(null, typed('a'))).rejects.toMatchObject({ code: 'closed' })
  })
})

const mark = join(root, 'node_modules/.syncline/compaction-mark')

/** A program that does what the first byte of its job says. */
const unwell = new URL(
  `data:text/javascript,${encodeURIComponent(`
  import { writeFileSync } from 'node:fs'
  import { parentPort } from 'node:worker_threads'
  parentPort.on('message', ({ tail: [what] }) => {
    const mark = (text) => writeFileSync(${JSON.stringify(mark)}, text)
    if (what === 1) {
      mark('begun')
      for (;;);
    }
    if (what === 2) throw new Error('it is unwell')
    if (what === 3) process.exit(0)
    if (what === 4) for (const kept = [];;) kept.push(new Array(1e6).fill({}))
    if (what === 5) {
      mark('begun')
      for (const until = Date.now() + 300; Date.now() < until; );
      mark('done')
    }
    parentPort.postMessage({ update: Uint8Array.of(what), base: null })
  })
`)}`,
)

describe('a compaction thread', () => {
  const byte = async (what: number) => (await made(null, [Uint8Array.of(what)])).update
  afterEach(() => thread.close())

  test.each([
    ['is lost in a job', 1, late, 'more than'],
    ['throws', 2, inTime, 'it is unwell'],
    ['ends', 3, inTime, 'ended'],
    ['exhausts its memory', 4, inTime, 'memory'],
  ] as const)('that %s is replaced', async (_, what, clock, reason) => {
    thread = new CompactionThread(clock, { entry: unwell, timeoutMs: 25_000, heapMiBMax: 64 })
    for (let i = 0; i < 2; i++) {
      const failed = { code: 'compaction_failed', message: expect.stringContaining(reason) }
      await expect(byte(what)).rejects.toMatchObject(failed)
      if (clock === inTime) expect(await byte(9)).toEqual(Uint8Array.of(9))
    }
  })

  test('that is closed comes to the end of its job', async () => {
    expect(await markOf(5)).toBe('done')
  })

  test('that is closed is not waited for where its job has no end', async () => {
    expect(await markOf(1)).toBe('begun')
  })

  /** What a job has marked when the thread is closed within it. */
  async function markOf(what: number): Promise<string> {
    rmSync(mark, { force: true })
    thread = new CompactionThread(inTime, { entry: unwell })
    const running = byte(what)
    running.catch(() => undefined)
    await until('the job to begin', () => existsSync(mark))
    await thread.close()
    await expect(running).rejects.toMatchObject({ code: 'closed' })
    return readFileSync(mark, 'utf8')
  }

  test('that cannot start says so', async () => {
    thread = new CompactionThread(inTime, { entry: new URL('file:///nowhere.js') })
    await expect(byte(9)).rejects.toMatchObject({ code: 'compaction_failed' })
  })
})
