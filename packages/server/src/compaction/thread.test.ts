import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { root } from '../../../../test/support/tree.js'
import { type Clock, systemClock } from '../clock.js'
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

  test('makes one update of many, job after job', async () => {
    const updates = typed('a', 'b', 'c', 'd')
    const base = await thread.run(null, updates.slice(0, 2))
    expect(textOf(base)).toBe('ab')
    expect(textOf(await thread.run(base, updates.slice(2)))).toBe('abcd')
    expect(base.length).toBe(0) // it was given away
    expect(textOf(await thread.run(null, typed('x'.repeat(1_000_000))))).toHaveLength(1_000_000)
  })

  test('leaves a base alone that shares its memory', async () => {
    const [first, second] = typed('a', 'b')
    const shared = Buffer.concat([first!, Buffer.from('and more')]).subarray(0, first!.length)
    expect(textOf(await thread.run(shared, [second!]))).toBe('ab')
    expect(textOf(shared)).toBe('a')
  })

  test('tells a document that would change from one that cannot be loaded', async () => {
    const mismatch = thread.run(null, typed('a', 'b').slice(1))
    await expect(mismatch).rejects.toMatchObject({ code: 'compaction_mismatch' })
    await expect(thread.run(null, [Uint8Array.of(9)])).rejects.toMatchObject({ code: 'compaction_failed' })
    expect(textOf(await thread.run(null, typed('a')))).toBe('a')
  })

  test('takes one job at a time, of a size that memory allows', async () => {
    const running = thread.run(null, typed('a'))
    await expect(thread.run(null, typed('b'))).rejects.toThrow('a compaction is running')
    await running
    const large = new Uint8Array(97 * 1024 * 1024)
    await expect(thread.run(large, [])).rejects.toMatchObject({ code: 'compaction_failed' })
    expect(large.length).toBeGreaterThan(0)
  })

  test('gives up its job when it is closed, and takes none any more', async () => {
    const running = thread.run(null, typed('a'))
    await Promise.all([thread.close(), expect(running).rejects.toMatchObject({ code: 'closed' })])
    await expect(thread.run(null, typed('a'))).rejects.toMatchObject({ code: 'closed' })
  })
})

/** A program that does what the first byte of its job says. */
const unwell = new URL(
  `data:text/javascript,${encodeURIComponent(`
  import { parentPort } from 'node:worker_threads'
  parentPort.on('message', ({ tail: [what] }) => {
    if (what === 1) for (;;);
    if (what === 2) throw new Error('it is unwell')
    if (what === 3) process.exit(0)
    if (what === 4) for (const kept = [];;) kept.push(new Array(1e6).fill({}))
    parentPort.postMessage({ base: Uint8Array.of(what) })
  })
`)}`,
)

describe('a compaction thread', () => {
  const byte = (what: number) => thread.run(null, [Uint8Array.of(what)])
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

  test('that cannot start says so', async () => {
    thread = new CompactionThread(inTime, { entry: new URL('file:///nowhere.js') })
    await expect(byte(9)).rejects.toMatchObject({ code: 'compaction_failed' })
  })
})
