import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chainAfter } from '@syncline/protocol'
import { openLevelLog } from '@syncline/server'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { checkLog, repairLog } from '../../packages/server/src/log/maintenance.js'
import { restoreBackup } from '../../packages/server/src/log/restore.js'
import { flip, keyAt, textOf, Writing, withLog } from '../cli/support.js'
import { bundleProgram } from '../support/bundle.js'
import { writeYLeveldb } from '../support/yLeveldb.js'
import { compactNotes, importFrom } from './changes.js'

const words = Array.from({ length: 40 }, (_, i) => `${i} `)
const whole = words.join('')
const picture = 'p'.repeat(300_000)
const stepsMax = 200

let program: string
let directory: string
/** what each operation begins with */
let prepared: string

beforeAll(async () => {
  program = await bundleProgram('test/crash/operation-process.ts')
  directory = mkdtempSync(join(tmpdir(), 'syncline-steps-'))
  prepared = join(directory, 'prepared')
  const writing = new Writing()
  await withLog(prepared, async (log) => {
    for (const word of words) await log.commit(['notes', 'other', 'deleted'].map((name) => writing.next(name, word)))
    for (const name of ['notes', 'other']) {
      const base = { base: writing.all(name), keepAfter: 30, keepHistory: true }
      await log.replaceBase(name, { point: writing.point(name), ...base })
    }
    await log.remove('deleted', 1)
  })
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** Goes on with the notes that were prepared, some 300 KB at a time. */
async function addPictures(data: string, count: number): Promise<void> {
  await withLog(data, async (log) => {
    const stored = (await log.read('notes'))!
    const doc = new Y.Doc()
    Y.applyUpdate(doc, stored.base!)
    let { position, chain } = stored.records.at(-1)!
    for (let i = 0; i < count; i++) {
      const had = Y.encodeStateVector(doc)
      doc.getText().insert(doc.getText().length, picture)
      const runs = [{ author: 'ada', update: Y.encodeStateAsUpdate(doc, had) }]
      chain = chainAfter(chain, runs)
      await log.commit([
        { document: 'notes', epoch: stored.epoch, record: { position: ++position, chain, time: 1, runs } },
      ])
    }
  })
}

/** Runs it to its n-th step; false where it ended before. */
async function runsInto(step: number, operation: string, data: string, other: string): Promise<boolean> {
  const child = spawn(process.execPath, [program, operation, data, other, String(step)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [code, signal] = await once(child, 'close')
  if (signal === 'SIGKILL') return true
  expect(code, `${operation} without a kill`).toBe(0)
  return false
}

/** Kills an operation at each of its steps, each time on a fresh copy, and looks at what is left. */
async function atEachStep(
  operation: string,
  begin: (data: string) => void,
  look: (data: string, other: string, isKilled: boolean) => Promise<void>,
): Promise<void> {
  for (let step = 1; step < stepsMax; step++) {
    const at = mkdtempSync(join(directory, `${operation}-`))
    const [data, other] = [join(at, 'data'), join(at, 'other')]
    begin(data)
    const isKilled = await runsInto(step, operation, data, other)
    await look(data, other, isKilled)
    rmSync(at, { recursive: true })
    if (isKilled) continue
    console.info(`${operation}: killed at each of ${step - 1} steps`)
    return expect(step).toBeGreaterThan(3)
  }
  throw new Error(`${operation} has more than ${stepsMax} steps`)
}

const copy = (data: string) => cpSync(prepared, data, { recursive: true })
const stateOf = async (data: string) =>
  withLog(data, async (log) => {
    const read = (name: string) => log.read(name).then(textOf, ({ code }) => code as string)
    return { notes: await read('notes'), other: await read('other'), deleted: await read('deleted') }
  })
const before = { notes: whole, other: whole, deleted: 'document_deleted' }
const deleted = { ...before, notes: 'document_deleted' }

describe('a crash at each step', () => {
  test('of a deletion leaves the document or nothing of it; doing it again ends it', { timeout: 120_000 }, async () => {
    const seen = new Set<string>()
    await atEachStep('delete', copy, async (data, _, isKilled) => {
      const state = await stateOf(data)
      expect([before, deleted]).toContainEqual(state)
      if (!isKilled) expect(state).toEqual(deleted)
      seen.add(state.notes)
      await withLog(data, async (log) => {
        await log.remove('notes', 2)
        await expect(log.read('notes')).rejects.toMatchObject({ code: 'document_deleted' })
        expect(await log.create('notes', 'bbbbbbbbbbbbbbbb')).toBe(true)
        expect((await log.read('notes'))?.records).toEqual([])
        expect(await log.history('notes')).toEqual([])
      })
      expect(await stateOf(data)).toEqual({ ...before, notes: '' })
    })
    expect(seen.size).toBe(2)
  })

  test('of a creation leaves it deleted or empty', { timeout: 120_000 }, async () => {
    await atEachStep('create', copy, async (data, _, isKilled) => {
      const state = await stateOf(data)
      expect([before, { ...before, deleted: '' }]).toContainEqual(state)
      if (!isKilled) expect(state.deleted).toBe('')
      await withLog(data, (log) => log.create('deleted', 'bbbbbbbbbbbbbbbb'))
      expect(await stateOf(data)).toEqual({ ...before, deleted: '' })
    })
  })

  test('of a compaction leaves the document as it was; doing it again ends it', { timeout: 120_000 }, async () => {
    const long = mkdtempSync(join(directory, 'long-'))
    copy(long)
    await addPictures(long, 3)
    const state = { ...before, notes: whole + picture.repeat(3) }
    const begin = (data: string) => cpSync(long, data, { recursive: true })
    const seen = new Set<number>()
    await atEachStep('compact', begin, async (data, _, isKilled) => {
      expect(await stateOf(data)).toEqual(state)
      const { basePosition } = await withLog(data, async (log) => (await log.read('notes'))!)
      if (!isKilled) expect(basePosition).toBe(words.length + 3)
      seen.add(basePosition)
      await addPictures(data, 1)
      await withLog(data, compactNotes)
      expect(await stateOf(data)).toEqual({ ...state, notes: state.notes + picture })
      // what the crash left is gone, and the history has each record once
      await checkLog(data, { deep: true, time: 4 }, async ({ faults }) => expect(faults).toEqual([]))
      const history = await withLog(data, (log) => log.history('notes'))
      expect(history.map(({ position }) => position)).toEqual(Array.from({ length: words.length + 3 }, (_, i) => i + 1))
    })
    expect([...seen]).toEqual([words.length, words.length + 3])
  })

  test('of an import leaves whole documents; doing it again brings the others', { timeout: 120_000 }, async () => {
    const names = Array.from({ length: 520 }, (_, i) => `document ${i}`) // three commits
    const source = join(directory, 'source')
    await writeYLeveldb(source, names)
    const seen = new Set<number>()
    const begin = (data: string) => {
      copy(data)
      cpSync(source, join(data, '..', 'other'), { recursive: true })
    }
    await atEachStep('import', begin, async (data, other, isKilled) => {
      await withLog(data, async (log) => {
        const count = (await log.list({ prefix: 'document ' })).length
        if (!isKilled) expect(count).toBe(names.length)
        seen.add(count)
        await importFrom(other, log, data)
        expect(await log.list({ prefix: 'document ' })).toHaveLength(names.length)
        const some = names.filter((_, i) => i % 13 === 0)
        for (const name of some) expect(textOf(await log.read(name), 'text')).toBe(`This is ${name}`)
      })
      expect(await stateOf(data)).toEqual(before)
    })
    expect(seen.size).toBe(4)
  })

  const repairs: readonly {
    readonly story: string
    readonly damage: (data: string) => Promise<void>
    readonly text: string
    readonly quarantined: number
  }[] = [
    {
      story: 'a base, where the history has all that it had',
      damage: (data) => flip(data, keyAt('b', 'notes', 40), 9),
      text: whole,
      quarantined: 1,
    },
    {
      story: 'a record that is in the base too, with others after it: they go into the base',
      damage: async (data) => {
        await addPictures(data, 3)
        await flip(data, keyAt('r', 'notes', 35), 9)
      },
      text: whole + picture.repeat(3),
      quarantined: 10, // those that were kept for resuming
    },
    {
      story: 'a record with megabytes after it: they are set aside, some in each batch',
      damage: async (data) => {
        await addPictures(data, 12)
        await flip(data, keyAt('r', 'notes', 42), 9)
      },
      text: whole + picture,
      quarantined: 11,
    },
  ]
  test.each(repairs)(
    'of a repair of $story leaves the document as it was, or repaired; doing it again ends it',
    async ({ damage, text, quarantined }) => {
      const damaged = mkdtempSync(join(directory, 'damaged-'))
      copy(damaged)
      await damage(damaged)
      const repaired = { ...before, notes: text }
      const again = { time: 3, newEpoch: () => 'cccccccccccccccc' }
      await atEachStep(
        'repair',
        (data) => cpSync(damaged, data, { recursive: true }),
        async (data, _, isKilled) => {
          const state = await stateOf(data)
          expect([{ ...before, notes: 'document_damaged' }, repaired]).toContainEqual(state)
          if (!isKilled) expect(state).toEqual(repaired)
          await repairLog(data, again, async () => {})
          expect(await stateOf(data)).toEqual(repaired)
          const found: Record<string, unknown> = {}
          await checkLog(data, { deep: true, time: 4 }, async (checked) => {
            found[checked.name] = checked
          })
          // each value is set aside once, however often it was begun
          expect(found.notes).toMatchObject({ faults: [], quarantined })
        },
      )
    },
    240_000,
  )

  test('of a backup leaves a whole one or none, and the documents alone', { timeout: 180_000 }, async () => {
    await atEachStep('backup', copy, async (data, target, isKilled) => {
      expect(await stateOf(data)).toEqual(before)
      if (!isKilled) expect(existsSync(target)).toBe(true)
      if (!existsSync(target)) {
        const log = await openLevelLog(data)
        await log.backUp(target, 1) // what the crash left is in nobody's way
        await log.close()
      }
      const restored = `${data}-restored`
      await restoreBackup(target, restored, { time: 1, newEpoch: () => 'cccccccccccccccc' })
      expect(await stateOf(restored)).toEqual(before)
    })
  })

  test('of a restore leaves all documents or no log; doing it again ends it', { timeout: 180_000 }, async () => {
    const backup = join(directory, 'backup')
    const log = await openLevelLog(prepared)
    await log.backUp(backup, 1)
    await log.close()
    const begin = (data: string) => cpSync(backup, join(data, '..', 'other'), { recursive: true })
    await atEachStep('restore', begin, async (data, other, isKilled) => {
      const isThere = existsSync(join(data, 'log'))
      if (!isKilled) expect(isThere).toBe(true)
      if (!isThere) await restoreBackup(other, data, { time: 1, newEpoch: () => 'cccccccccccccccc' })
      expect(await stateOf(data)).toEqual(before)
      expect(readdirSync(data)).toEqual(['log'])
    })
  })
})
