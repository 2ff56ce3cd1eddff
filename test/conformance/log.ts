import type { Append, Log } from '@syncline/protocol'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { basesConformance } from './bases.js'
import { epoch, Histories, type LogUnderTest, plain, plainRecord } from './histories.js'

const MiB = 1024 * 1024

/**
 * What every adapter of the log port has to do.
 *
 * @param name of the adapter
 * @param open a new, empty log for each test
 */
export function logConformance(name: string, open: () => Promise<LogUnderTest>): void {
  describe(`${name} as a log`, () => {
    let under: LogUnderTest
    let histories: Histories

    beforeEach(async () => {
      under = await open()
      histories = new Histories()
    })
    afterEach(() => under.close())

    const commit = (...appends: readonly Append[]) => under.log.commit(appends)
    const names = async (options?: Parameters<Log['list']>[0]) =>
      (await under.log.list(options)).map(({ name }) => name)
    const expectStored = async (...documents: readonly string[]) => {
      for (const document of documents)
        expect(plain(await under.log.read(document)), document).toEqual(plain(histories.stored(document)))
    }

    describe('reading and committing', () => {
      test('a document that was never written is null', async () => {
        expect(await under.log.read('notes')).toBeNull()
        await commit(histories.text('notes', 'a'))
        expect(await under.log.read('note')).toBeNull()
        expect(await under.log.read('notes/')).toBeNull()
      })

      test('records come back in order, with all that is in them', async () => {
        for (let i = 0; i < 300; i++) await commit(histories.text('notes', `update ${i}`))
        await commit(
          histories.next(
            'notes',
            { author: '', update: new Uint8Array(0) },
            { author: 'Ada Lovelace 🧮', update: Uint8Array.of(0, 255) },
            { author: 'ben', update: Uint8Array.of(1) },
          ),
        )
        await expectStored('notes')
      })

      test('a commit of nothing does nothing', async () => {
        await commit()
        expect(await names()).toEqual([])
      })

      test('what the caller does to its bytes afterwards changes nothing', async () => {
        const update = Uint8Array.of(1, 2, 3)
        await commit(histories.next('notes', { author: 'ada', update }))
        update.fill(9)
        expect((await under.log.read('notes'))?.records[0]?.runs[0]?.update).toEqual(Uint8Array.of(1, 2, 3))
      })

      test('large updates, up to 16 MiB', async () => {
        const update = (bytes: number) => Uint8Array.from({ length: bytes }, (_, i) => (i * bytes) >> 5)
        await commit(
          histories.next('large', { author: 'ada', update: update(16 * MiB) }),
          histories.next('other', { author: 'ben', update: update(MiB + 1) }),
        )
        await commit(histories.text('large', 'small'))
        for (const document of ['large', 'other']) {
          const records = (await under.log.read(document))?.records
          expect(records?.length).toBe(histories.recordsOf(document).length)
          for (const [i, record] of records!.entries()) {
            const expected = histories.recordsOf(document)[i]!
            expect(record.chain).toBe(expected.chain)
            // a matcher would take seconds for 16 MiB
            expect(Buffer.compare(record.runs[0]!.update, expected.runs[0]!.update)).toBe(0)
          }
        }
      })
    })

    describe('a commit that does not fit', () => {
      const positions = async (document: string) =>
        (await under.log.read(document))?.records.map(({ position }) => position) ?? []
      const at = (append: Append, position: number): Append => ({ ...append, record: { ...append.record, position } })

      test.each([
        ['leaves a gap at the beginning', [2]],
        ['begins before the beginning', [0]],
        ['leaves a gap', [1, 3]],
        ['writes over a record', [1, 2, 2]],
        ['writes over the first record', [1, 2, 1]],
      ])('is refused: one that %s', async (_, [...wanted]) => {
        const refused = wanted.pop()!
        for (const _position of wanted) await commit(histories.text('notes', 'kept'))
        await expect(commit(at(histories.text('notes', 'refused'), refused))).rejects.toMatchObject({
          code: 'internal',
        })
        expect(await positions('notes')).toEqual(wanted)
      })

      test('is refused as a whole: no other document gets its part', async () => {
        await commit(histories.text('a', '1'), histories.text('b', '1'))
        const a = histories.text('a', '2')
        const b = histories.text('b', '2')
        await expect(commit(a, at(b, 9), histories.text('new', '1'))).rejects.toMatchObject({ code: 'internal' })
        expect([await positions('a'), await positions('b'), await positions('new')]).toEqual([[1], [1], []])
        expect(await names()).toEqual(['a', 'b'])
        await commit(a, b)
        await expectStored('a', 'b')
      })

      test('does not stop what fits: also two records of one document in one commit', async () => {
        await expect(commit(at(histories.text('other', '1'), 5))).rejects.toMatchObject({ code: 'internal' })
        await commit(histories.text('notes', '1'), histories.text('notes', '2'))
        await commit(histories.text('notes', '3'))
        await expectStored('notes')
      })

      test.each([
        ['is empty', ''],
        ['has a control character', 'a\0b'],
        ['has half a surrogate pair', 'a\ud800'],
      ])('is refused: one whose name %s', async (_, document) => {
        await expect(commit(histories.text(document, '1'))).rejects.toMatchObject({ code: 'invalid_name' })
        expect(await names()).toEqual([])
      })
    })

    basesConformance(() => under)

    describe('deleting a document', () => {
      const deleted = { code: 'document_deleted' }
      const type = async (document: string, count: number) => {
        for (let i = 0; i < count; i++) await commit(histories.text(document, `update ${i}`))
      }
      /** the history of a name begins anew, in another epoch */
      const beginAnew = async (document: string, epoch: string) => {
        expect(await under.log.create(document, epoch)).toBe(true)
        histories = new Histories()
        return (text: string) => commit({ ...histories.text(document, text), epoch })
      }

      test('takes it away for good, and no other', async () => {
        await type('notes', 3)
        await type('note', 2)
        await type('notes/a', 2)
        expect(await under.log.remove('notes', 1_767_225_600_000)).toBe(true)
        for (const when of ['at once', 'after it was opened again']) {
          await expect(under.log.read('notes'), when).rejects.toMatchObject(deleted)
          await expect(commit(histories.text('notes', 'again')), when).rejects.toMatchObject(deleted)
          expect(await under.log.history('notes')).toEqual([])
          expect(await names()).toEqual(['note', 'notes/a'])
          await expectStored('note', 'notes/a')
          await under.reopen?.()
        }
        expect(await under.log.remove('notes', 1_767_225_600_001)).toBe(false)
        expect(await under.log.remove('other', 1_767_225_600_001)).toBe(false)
        expect(await under.log.read('other')).toBeNull()
      })

      test('refuses a commit to it as a whole', async () => {
        await type('notes', 1)
        await type('note', 1)
        await under.log.remove('notes', 1)
        await expect(commit(histories.text('note', 'with it'), histories.text('notes', 'x'))).rejects.toMatchObject(
          deleted,
        )
        expect((await under.log.read('note'))?.records.length).toBe(1)
      })

      test('takes base, history and kept records with it, and a compaction of it comes too late', async () => {
        await type('notes', 9)
        await under.log.replaceBase('notes', histories.replacement('notes', 5, { keepAfter: 3, keepHistory: true }))
        const late = histories.replacement('notes', 8)
        const [removed] = await Promise.all([under.log.remove('notes', 1), under.log.replaceBase('notes', late)])
        expect(removed).toBe(true)
        expect(await under.log.replaceBase('notes', late)).toBe(false)
        await expect(under.log.read('notes')).rejects.toMatchObject(deleted)
        const say = await beginAnew('notes', 'aaaaaaaaaaaaaaaa')
        await say('new')
        await under.reopen?.()
        const stored = (await under.log.read('notes'))!
        expect([stored.base, stored.basePosition, stored.start.position]).toEqual([null, 0, 0])
        expect(stored.records.map(plainRecord)).toEqual(histories.recordsOf('notes').map(plainRecord))
        expect(await under.log.history('notes')).toEqual([])
      })

      test('leaves its epoch behind, also when it was created anew, more than once', async () => {
        await type('notes', 3)
        await under.log.remove('notes', 1)
        await beginAnew('notes', 'aaaaaaaaaaaaaaaa')
        const anew = { epoch: 'aaaaaaaaaaaaaaaa', records: [], base: null, deletedEpochs: [epoch] }
        expect(await under.log.read('notes')).toMatchObject(anew)
        await under.reopen?.()
        expect(await under.log.read('notes')).toMatchObject(anew)
        expect(await names()).toEqual(['notes'])
        await under.log.remove('notes', 2)
        await expect(under.log.read('notes')).rejects.toMatchObject(deleted)
        const say = await beginAnew('notes', 'bbbbbbbbbbbbbbbb')
        await say('third')
        expect(await under.log.read('notes')).toMatchObject({
          epoch: 'bbbbbbbbbbbbbbbb',
          deletedEpochs: [epoch, 'aaaaaaaaaaaaaaaa'],
        })
      })

      test('creating is for what was deleted only', async () => {
        await type('notes', 1)
        expect(await under.log.create('notes', 'aaaaaaaaaaaaaaaa')).toBe(false)
        expect(await under.log.create('other', 'aaaaaaaaaaaaaaaa')).toBe(false)
        await expectStored('notes')
        expect(await under.log.read('other')).toBeNull()
      })

      test('after close is refused', async () => {
        await type('notes', 1)
        await under.log.close()
        await expect(under.log.remove('notes', 1)).rejects.toMatchObject({ code: 'closed' })
        await expect(under.log.create('notes', epoch)).rejects.toMatchObject({ code: 'closed' })
      })
    })

    describe('documents of all names', () => {
      // in the order of their UTF-8 bytes; in UTF-16, 🧮 would come before ﬀ
      const odd = [
        ' ',
        '../../etc/passwd',
        '/',
        '//',
        '__proto__',
        'a',
        'a ',
        'a/b',
        'a/b/',
        'a/b/c',
        'aa',
        'constructor',
        'd',
        'da',
        'r',
        'ra',
        'toString',
        'x'.repeat(511),
        'x'.repeat(512),
        'é',
        '日本語/メモ',
        'ﬀ',
        '🧮',
        '🧮'.repeat(128),
      ]
      const shuffled = odd.toSorted((a, b) => ((a.length * 7919) % 13) - ((b.length * 7919) % 13) || (a < b ? 1 : -1))

      test('keep apart', async () => {
        for (let round = 0; round < 3; round++) {
          await commit(...shuffled.map((document) => histories.text(document, `${document} ${round}`)))
        }
        await expectStored(...odd)
        await under.reopen?.()
        await expectStored(...odd)
        for (const document of odd) await commit(histories.text(document, 'again'))
        await expectStored(...odd)
      })

      test('are listed in the order of their UTF-8 bytes', async () => {
        await commit(...shuffled.map((document) => histories.text(document, '1')))
        expect(await names()).toEqual(odd)
        expect(await names({ prefix: 'a' })).toEqual(['a', 'a ', 'a/b', 'a/b/', 'a/b/c', 'aa'])
        expect(await names({ prefix: 'a/b' })).toEqual(['a/b', 'a/b/', 'a/b/c'])
        expect(await names({ prefix: '日本' })).toEqual(['日本語/メモ'])
        expect(await names({ prefix: '🧮' })).toEqual(['🧮', '🧮'.repeat(128)])
        expect(await names({ prefix: 'b' })).toEqual([])
        expect(await names({ prefix: 'a', after: 'a/b' })).toEqual(['a/b/', 'a/b/c', 'aa'])
        expect(await names({ prefix: 'a', after: 'a/a' })).toEqual(['a/b', 'a/b/', 'a/b/c', 'aa'])
        expect(await names({ prefix: 'd', after: 'a' })).toEqual(['d', 'da'])
        expect(await names({ prefix: 'd', after: 'x' })).toEqual([])
        expect(await names({ after: '🧮'.repeat(128) })).toEqual([])
      })

      test('are listed page by page', async () => {
        await commit(...shuffled.map((document) => histories.text(document, '1')))
        for (const limit of [1, 5, odd.length, 100]) {
          const seen: string[] = []
          for (let page = await names({ limit }); page.length > 0; page = await names({ limit, after: seen.at(-1)! })) {
            expect(page.length).toBeLessThanOrEqual(limit)
            seen.push(...page)
          }
          expect(seen).toEqual(odd)
        }
        expect(await names({ limit: 0 })).toEqual([])
      })

      test('are listed a thousand at a time where nobody says how many', async () => {
        const many = Array.from({ length: 1_005 }, (_, i) => `document ${String(i).padStart(4, '0')}`)
        await commit(...many.map((document) => histories.text(document, '1')))
        expect(await names()).toEqual(many.slice(0, 1_000))
        expect(await names({ after: many[999]! })).toEqual(many.slice(1_000))
      })
    })

    test('a listing tells epoch, position and size', async () => {
      await commit(histories.text('short', '1'))
      for (let i = 0; i < 40; i++) await commit(histories.text('long', 'x'.repeat(100)))
      const [long, short] = await under.log.list()
      expect(long).toMatchObject({ name: 'long', epoch, position: 40 })
      expect(short).toMatchObject({ name: 'short', epoch, position: 1 })
      expect(long!.storedBytes).toBeGreaterThan(40 * 100)
      expect(long!.storedBytes).toBeLessThan(40 * 130)
      expect(short!.storedBytes).toBeGreaterThan(0)
      expect(short!.storedBytes).toBeLessThan(40)
    })

    test('a listing tells when a document was created and changed', async () => {
      await commit(histories.text('short', '1'))
      await commit(histories.text('long', '1'))
      await commit(histories.text('long', '2'))
      const [long, short] = await under.log.list()
      const times = async (name: string) => (await under.log.read(name))!.records.map(({ time }) => time)
      const [first, last] = await times('long')
      expect([long!.createdAt, long!.changedAt]).toEqual([first, last])
      expect([short!.createdAt, short!.changedAt]).toEqual([(await times('short'))[0], (await times('short'))[0]])
    })

    test('what is read while commits run is a beginning of the history, and never half a commit', async () => {
      const documents = ['a', 'b', 'c']
      await commit(...documents.map((document) => histories.text(document, '0')))
      let done = false
      const writing = (async () => {
        for (let i = 1; i <= 200; i++) await commit(...documents.map((document) => histories.text(document, `${i}`)))
        done = true
      })()
      let seen = 0
      for (let reads = 0; !done || reads === 0; reads++) {
        const acknowledged = histories.recordsOf('b').length - 1 // the last one may be in flight
        const records = (await under.log.read('b'))!.records
        expect(records.length).toBeGreaterThanOrEqual(Math.max(seen, acknowledged))
        expect(records.at(-1)!.chain).toBe(histories.recordsOf('b')[records.length - 1]!.chain)
        seen = records.length
        await new Promise((resolve) => setImmediate(resolve))
      }
      await writing
      await expectStored(...documents)
    })

    test('after close every call rejects, and closing again does no harm', async () => {
      await commit(histories.text('notes', '1'))
      const { log } = under
      await log.close()
      await log.close()
      const closed = { code: 'closed' }
      await expect(log.read('notes')).rejects.toMatchObject(closed)
      await expect(log.commit([histories.text('notes', '2')])).rejects.toMatchObject(closed)
      await expect(log.list()).rejects.toMatchObject(closed)
    })

    test('all is there after it was closed and opened again, and goes on from there', async ({ skip }) => {
      if (under.reopen === undefined) return skip('it stores nothing')
      for (let round = 0; round < 3; round++) {
        for (let i = 0; i < 20; i++)
          await commit(histories.text('a', `${round} ${i}`), histories.text(`b${round}`, `${i}`))
        await under.reopen()
        await expectStored('a', 'b0', `b${round}`)
        const gap = { ...histories.text('gap', '1'), document: 'a' }
        await expect(commit(gap)).rejects.toMatchObject({ code: 'internal' })
      }
      expect(await names()).toEqual(['a', 'b0', 'b1', 'b2'])
    })

    test('damage to a record is noticed, and is that document’s alone', async ({ skip }) => {
      if (under.damage === undefined) return skip('nobody can get at its bytes')
      const documents = ['a', 'b', 'c', 'd']
      for (let i = 0; i < 10; i++) await commit(...documents.map((document) => histories.text(document, `${i}`)))
      await under.damage('a', 1)
      await under.damage('b', 5)
      await under.damage('c', 10)
      for (const document of ['a', 'b', 'c'])
        await expect(under.log.read(document)).rejects.toMatchObject({ code: 'document_damaged' })
      await expectStored('d')
      await commit(histories.text('d', 'and on it goes'))
      await expectStored('d')
      expect(await names()).toEqual(documents)
    })
  })
}
