import {
  type BaseReplacement,
  chainAfter,
  type LogRecord,
  type StoredDocument,
  SynclineError,
} from '@syncline/protocol'
import { beforeEach, describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { systemClock } from '../clock.js'
import { newCounters } from '../counters.js'
import { MemoryLog } from '../log/memory.js'
import { packedBasesOf } from '../log/packedBases.js'
import { toStored, updateOf } from '../log/storedBase.js'
import type { LogFields } from '../logger.js'
import { QuietHours } from '../maintenance/quietHours.js'
import { collect } from './collect.js'
import { type Compacted, Compactor, type CompactorOptions } from './compactor.js'
import { type Weight, weightOf } from './policy.js'

const epoch = '00c0ffee00c0ffee'

/** Someone typing into documents of a log, and a compactor beside it. */
class Story {
  readonly kept = new MemoryLog()
  readonly counters = newCounters()
  readonly lines: { readonly level: string; readonly fields: LogFields }[] = []
  readonly told: { readonly document: string; readonly compacted: Compacted }[] = []
  readonly reads: string[] = []
  /** called at each step; what it throws is what goes wrong there */
  fault: (step: 'read' | 'run' | 'write' | 'written') => void | Promise<void> = () => {}
  storageFailures = 0
  compactor: Compactor
  readonly #docs = new Map<string, Y.Doc>()

  constructor() {
    this.compactor = this.startCompactor()
  }

  startCompactor(options: Partial<CompactorOptions> = {}): Compactor {
    const at = (level: string) => (fields: LogFields) => void this.lines.push({ level, fields })
    const debug = () => {}
    const log = {
      read: async (document: string) => {
        this.reads.push(document)
        await this.fault('read')
        return this.kept.read(document)
      },
      replaceBase: async (document: string, replacement: BaseReplacement) => {
        await this.fault('write')
        const isReplaced = await this.kept.replaceBase(document, replacement)
        await this.fault('written')
        return isReplaced
      },
    }
    return new Compactor(packedBasesOf(log), {
      clock: systemClock,
      counters: this.counters,
      logger: { debug, info: at('info'), warn: at('warn'), error: at('error') },
      thread: {
        run: async (base, updates, { position, isUpdateWanted }) => {
          await this.fault('run')
          const update = collect(base ? [updateOf(base), ...updates] : updates) as Uint8Array<ArrayBuffer>
          return { update: isUpdateWanted ? update : null, base: await toStored(update, position!) }
        },
        close: async () => {},
      },
      isOpen: (document) => document !== 'shut',
      keepsHistory: (document) => document.startsWith('kept/'),
      compacted: (document, compacted) => void this.told.push({ document, compacted }),
      storageFailed: () => void this.storageFailures++,
      ...options,
    })
  }

  /** Each edit is a record of its own. */
  async type(document: string, edits: number, text = 'some words '): Promise<void> {
    const doc = this.#docs.get(document) ?? new Y.Doc()
    this.#docs.set(document, doc)
    const stored = await this.kept.read(document)
    let { position, chain } = stored?.records.at(-1) ?? {
      position: stored?.basePosition ?? 0,
      chain: stored?.start.chain ?? 0,
    }
    const appends = Array.from({ length: edits }, () => {
      const before = Y.encodeStateVector(doc)
      doc.getText().insert(0, text)
      const runs = [{ author: '', update: Y.encodeStateAsUpdate(doc, before) }]
      chain = chainAfter(chain, runs)
      const record: LogRecord = { position: ++position, chain, time: Date.now(), runs }
      return { document, epoch, record }
    })
    await this.kept.commit(appends)
  }

  async weight(document: string): Promise<Weight> {
    return weightOf((await this.kept.read(document))!)
  }

  async compact(document: string): Promise<void> {
    this.compactor.request(document, await this.weight(document), 'closed')
    await this.compactor.idle()
  }

  /** A fresh load of what the log has is what was typed. */
  async expectWhole(document: string): Promise<StoredDocument> {
    const stored = (await this.kept.read(document))!
    const tail = stored.records.filter(({ position }) => position > stored.basePosition)
    const doc = new Y.Doc()
    for (const update of [stored.base, ...tail.map(({ runs }) => runs[0]!.update)])
      if (update) Y.applyUpdate(doc, update)
    const typed = this.#docs.get(document)!
    expect(doc.getText().toString()).toBe(typed.getText().toString())
    expect(Y.encodeStateVector(doc)).toEqual(Y.encodeStateVector(typed))
    return stored
  }

  codes(): unknown[] {
    return this.lines.flatMap(({ fields }) => (fields.error instanceof SynclineError ? [fields.error.code] : []))
  }
}

let story: Story
beforeEach(() => {
  story = new Story()
})

describe('a compactor', () => {
  test('puts one update in the place of the records, and tells what it has done', async () => {
    await story.type('notes', 500)
    const before = await story.weight('notes')
    await story.compact('notes')
    const { basePosition, base } = await story.expectWhole('notes')
    expect(basePosition).toBe(500)
    expect(base!.length).toBeLessThan(before.bytes)
    expect(story.told).toEqual([{ document: 'notes', compacted: { update: base, baseBytes: base!.length, before } }])
    expect(story.counters).toMatchObject({ compactions: 1, compactionBytesSaved: before.bytes - base!.length })
    expect(story.lines).toMatchObject([{ level: 'info', fields: { document: 'notes', position: 500 } }])

    await story.type('notes', 500)
    await story.compact('notes')
    expect((await story.expectWhole('notes')).basePosition).toBe(1_000)
  })

  test('hands the new update to who has the document open, and to nobody else', async () => {
    for (const document of ['notes', 'shut']) {
      await story.type(document, 500)
      await story.compact(document)
    }
    const [open, shut] = [(await story.expectWhole('notes')).base!, (await story.expectWhole('shut')).base!]
    expect(story.told.map(({ compacted: { update, baseBytes } }) => ({ update, baseBytes }))).toEqual([
      { update: open, baseBytes: open.length },
      { update: null, baseBytes: shut.length },
    ])
  })

  test('leaves what can wait to the quiet hours, and what cannot it compacts at once', async () => {
    let now = new Date('2026-03-10T12:00:00').getTime()
    const timers: { readonly ms: number; readonly run: () => void }[] = []
    const clock = {
      now: () => now,
      after: (ms: number, run: () => void) => {
        timers.push({ ms, run })
        return () => {}
      },
    }
    const quietHours = QuietHours.parse('13:00-14:00')!
    story.compactor = story.startCompactor({ clock, quietHours })
    await story.type('notes', 500)
    await story.compact('notes')
    expect((await story.expectWhole('notes')).basePosition).toBe(0)
    await story.compactor.compact('notes')
    expect((await story.expectWhole('notes')).basePosition).toBe(500)

    await story.type('heavy', 20, 'x'.repeat(200_000))
    await story.compact('heavy')
    expect((await story.expectWhole('heavy')).basePosition).toBe(20)

    await story.type('notes', 500)
    await story.compact('notes')
    // it looks every quarter of an hour
    for (let looks = 0; looks < 4; looks++) {
      expect((await story.expectWhole('notes')).basePosition).toBe(500)
      const { ms, run } = timers.at(-1)!
      now += ms
      run()
    }
    expect(quietHours.isAt(now)).toBe(true)
    await story.compactor.idle()
    expect((await story.expectWhole('notes')).basePosition).toBe(1_000)
  })

  test('keeps the last records for those who come back, and all of them where history is kept', async () => {
    for (const document of ['notes', 'kept/notes']) {
      await story.type(document, 500)
      await story.compact(document)
      const { start, records } = await story.expectWhole(document)
      expect(start.position).toBeGreaterThan(0)
      expect(records.map(({ position }) => position)).toEqual(
        Array.from({ length: 500 - start.position }, (_, i) => start.position + 1 + i),
      )
    }
    const { start } = (await story.kept.read('kept/notes'))!
    expect((await story.kept.history('kept/notes')).length).toBe(start.position)
    expect(await story.kept.history('notes')).toEqual([])
  })

  test('takes one document after the other, each once, however often it is asked', async () => {
    let running = 0
    story.fault = async (step) => {
      if (step === 'read') expect(++running).toBe(1)
      await new Promise((resolve) => setImmediate(resolve))
      if (step === 'written') running--
    }
    const documents = ['a', 'b', 'c']
    for (const document of documents) await story.type(document, 200)
    const weights = await Promise.all(documents.map((document) => story.weight(document)))
    for (let i = 0; i < 5; i++)
      for (const [j, document] of documents.entries()) story.compactor.request(document, weights[j]!, 'closed')
    await story.compactor.idle()
    expect(story.reads).toEqual(documents)
    expect(story.counters.compactions).toBe(3)
    // what they ask with is old by now
    story.compactor.request('a', weights[0]!, 'closed')
    await story.compactor.idle()
    expect(story.counters.compactions).toBe(3)
  })

  test('reads nothing of a document that is not worth it', async () => {
    await story.type('notes', 10)
    await story.compact('notes')
    await story.type('notes', 200)
    story.compactor.request('notes', await story.weight('notes'), 'open')
    await story.compactor.idle()
    expect(story.reads).toEqual([])
  })

  test('takes what was committed meanwhile the next time', async () => {
    story.fault = (step) => (step === 'run' ? story.type('notes', 300) : undefined)
    await story.type('notes', 200)
    await story.compact('notes')
    expect(await story.expectWhole('notes')).toMatchObject({ basePosition: 200 })
    expect(story.told[0]?.compacted.before).toMatchObject({ records: 200 })
  })
})

describe('a document that would change', () => {
  beforeEach(() => {
    story.fault = (step) => {
      if (step === 'run') throw new SynclineError('compaction_mismatch', 'The content would change')
    }
  })

  test('stays as it is, is counted, and is not tried again before much more has come', async () => {
    await story.type('notes', 200)
    for (let i = 0; i < 3; i++) await story.compact('notes')
    expect(await story.expectWhole('notes')).toMatchObject({ base: null, basePosition: 0 })
    expect(story.counters).toMatchObject({ compactions: 0, compactionMismatches: 1, compactionFailures: 0 })
    expect(story.lines).toMatchObject([{ level: 'error', fields: { document: 'notes', position: 200 } }])
    expect(story.codes()).toEqual(['compaction_mismatch'])
    expect(story.told).toEqual([])

    await story.type('notes', 999)
    await story.compact('notes')
    expect(story.counters.compactionMismatches).toBe(1)
    await story.type('notes', 1)
    await story.compact('notes')
    expect(story.counters.compactionMismatches).toBe(2)
    story.fault = () => {}
    await story.type('notes', 1_000)
    await story.compact('notes')
    expect(await story.expectWhole('notes')).toMatchObject({ basePosition: 2_200 })
  })

  test('does not keep others from being compacted', async () => {
    await story.type('notes', 200)
    await story.compact('notes')
    story.fault = () => {}
    await story.type('other', 200)
    await story.compact('other')
    expect(await story.expectWhole('other')).toMatchObject({ basePosition: 200 })
  })
})

describe('a crash', () => {
  test.each(['read', 'run', 'write', 'written'] as const)('at the step “%s” loses nothing', async (fatal) => {
    await story.type('notes', 300)
    let crash = () => {}
    const crashed = new Promise<void>((resolve) => {
      crash = resolve
    })
    story.fault = (step) => {
      if (step !== fatal) return
      crash()
      return new Promise(() => {}) // the process is gone: nothing comes after it
    }
    void story.compact('notes')
    await crashed
    const { basePosition } = await story.expectWhole('notes')
    expect(basePosition).toBe(fatal === 'written' ? 300 : 0)

    // the next process, and the next ones to type
    story.fault = () => {}
    story.compactor = story.startCompactor()
    await story.type('notes', 200)
    await story.compact('notes')
    expect(await story.expectWhole('notes')).toMatchObject({ basePosition: 500 })
  })
})

describe('what fails', () => {
  const failing = (fatal: string, error: Error) => (step: string) => {
    if (step === fatal) throw error
  }

  test.each([
    ['write', new SynclineError('storage_failed')],
    ['write', new Error('ENOSPC')],
    ['written', new SynclineError('storage_failed')],
  ] as const)('where the log fails at “%s”, the log has failed', async (step, error) => {
    await story.type('notes', 200)
    story.fault = failing(step, error)
    await story.compact('notes')
    expect(story.storageFailures).toBe(1)
    expect(story.told).toEqual([])
    await story.expectWhole('notes')
    // it says nothing of the document
    story.fault = () => {}
    await story.type('notes', 100)
    await story.compact('notes')
    expect(await story.expectWhole('notes')).toMatchObject({ basePosition: 300 })
  })

  test.each([
    ['read', 'document_damaged', 1],
    ['read', 'storage_failed', 0],
    ['read', 'closed', 0],
    ['run', 'compaction_failed', 1],
    ['run', 'internal', 1],
    ['write', 'closed', 0],
    ['write', 'document_damaged', 1],
  ] as const)('elsewhere (%s: %s) is that document’s alone', async (step, code, failures) => {
    const error = code === 'internal' ? new TypeError('a bug') : new SynclineError(code)
    await story.type('notes', 200)
    story.fault = failing(step, error)
    await story.compact('notes')
    expect(story.storageFailures).toBe(0)
    expect(story.counters).toMatchObject({ compactions: 0, compactionFailures: failures, compactionMismatches: 0 })
    expect(story.lines.map(({ level }) => level)).toEqual(Array(failures).fill('error'))
    story.fault = () => {}
    await story.type('other', 200)
    await story.compact('other')
    expect(story.counters.compactions).toBe(1)
  })

  test('a document that went another way meanwhile is left alone', async () => {
    await story.type('notes', 200)
    story.fault = async (step) => {
      if (step !== 'write') return
      const { position, chain } = (await story.kept.read('notes'))!.records.at(-1)!
      const point = { epoch, position, chain }
      await story.kept.replaceBase('notes', { point, base: Uint8Array.of(0, 0), keepAfter: 0, keepHistory: false })
    }
    await story.compact('notes')
    expect((await story.kept.read('notes'))!.base).toEqual(Uint8Array.of(0, 0))
    expect(story.told).toEqual([])
    expect(story.counters).toMatchObject({ compactions: 0, compactionFailures: 0 })
  })

  test('closing waits for what is being written, and takes nothing more', async () => {
    await story.type('a', 200)
    await story.type('b', 200)
    const [a, b] = [await story.weight('a'), await story.weight('b')]
    let release = () => {}
    const writing = new Promise<void>((begun) => {
      story.fault = (step) => {
        if (step !== 'write') return
        begun()
        return new Promise((resolve) => {
          release = resolve
        })
      }
    })
    story.compactor.request('a', a, 'closed')
    story.compactor.request('b', b, 'closed')
    await writing
    const closed = story.compactor.close()
    story.compactor.request('b', b, 'closed')
    release()
    await closed
    expect(story.reads).toEqual(['a'])
    expect(await story.expectWhole('a')).toMatchObject({ basePosition: 200 })
  })
})
