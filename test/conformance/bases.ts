import type { Append, BaseReplacement, Log } from '@syncline/protocol'
import { beforeEach, describe, expect, test } from 'vitest'
import { epoch, Histories, type LogUnderTest, latin1, plain, plainRecord } from './histories.js'

const MiB = 1024 * 1024

/**
 * What every adapter of the log port has to do about bases: part of `logConformance`.
 *
 * @param log gives the log of the test that runs
 */
export function basesConformance(log: () => LogUnderTest): void {
  describe('replacing the base', () => {
    let under: LogUnderTest
    let histories: Histories

    beforeEach(() => {
      under = log()
      histories = new Histories()
    })

    const commit = (...appends: readonly Append[]) => under.log.commit(appends)
    const names = async () => (await under.log.list()).map(({ name }) => name)
    const expectStored = async (...documents: readonly string[]) => {
      for (const document of documents)
        expect(plain(await under.log.read(document)), document).toEqual(plain(histories.stored(document)))
    }
    const replace = async (document: string, replacement: BaseReplacement) => {
      expect(await under.log.replaceBase(document, replacement), `${document}: replaced`).toBe(true)
      histories.replaced(document, replacement)
    }
    const type = async (document: string, count: number) => {
      for (let i = 0; i < count; i++) await commit(histories.text(document, `update ${i}`))
    }

    test('leaves the base and the records after it, and the document goes on', async () => {
      await type('notes', 5)
      await type('note', 2)
      await replace('notes', histories.replacement('notes', 3))
      await expectStored('notes', 'note')
      await type('notes', 2)
      await replace('notes', histories.replacement('notes', 7))
      await expectStored('notes', 'note')
      await under.reopen?.()
      await expectStored('notes', 'note')
      await type('notes', 1)
      await expectStored('notes')
    })

    test('keeps records for resuming where it is asked to, until a later one lets them go', async () => {
      await type('notes', 10)
      await replace('notes', histories.replacement('notes', 6, { keepAfter: 4 }))
      await expectStored('notes')
      // what is gone is gone
      await replace('notes', histories.replacement('notes', 8, { keepAfter: 2 }))
      await expectStored('notes')
      await under.reopen?.()
      await expectStored('notes')
      await replace('notes', histories.replacement('notes', 10, { keepAfter: 99 }))
      await expectStored('notes')
      expect((await under.log.read('notes'))?.records).toEqual([])
      await type('notes', 1)
      await expectStored('notes')
    })

    test('moves records to the history where it is asked to, and reading does not see them', async () => {
      const moved = async (options?: Parameters<Log['history']>[1]) =>
        (await under.log.history('notes', options)).map(plainRecord)
      await type('notes', 9)
      await replace('notes', histories.replacement('notes', 4, { keepAfter: 3, keepHistory: true }))
      await expectStored('notes')
      expect(await moved()).toEqual(histories.recordsOf('notes').slice(0, 3).map(plainRecord))
      await replace('notes', histories.replacement('notes', 9, { keepHistory: true }))
      await under.reopen?.()
      await expectStored('notes')
      const all = histories.recordsOf('notes').map(plainRecord)
      expect(await moved()).toEqual(all)
      expect(await moved({ after: 2, limit: 4 })).toEqual(all.slice(2, 6))
      expect(await moved({ after: 9 })).toEqual([])
      expect(await under.log.history('note')).toEqual([])
      expect(await names()).toEqual(['notes'])
    })

    test('of many records, and with a large base that does not pack', async () => {
      await commit(...Array.from({ length: 5_000 }, (_, i) => histories.text('notes', `update ${i}`)))
      let random = 1
      const next = () => {
        random = Math.imul(random, 1_103_515_245) + 12_345
        return random >>> 24
      }
      const large = Uint8Array.from({ length: 3 * MiB + 5 }, next)
      await replace('notes', histories.replacement('notes', 2_000, { base: large, keepHistory: true }))
      await expectStored('notes')
      await replace('notes', histories.replacement('notes', 4_999, { base: large.subarray(MiB), keepAfter: 4_990 }))
      await expectStored('notes')
      await replace('notes', histories.replacement('notes', 5_000))
      await expectStored('notes')
      expect((await under.log.history('notes', { limit: 5_000 })).length).toBe(2_000)
    })

    test.each<[string, (good: BaseReplacement) => BaseReplacement]>([
      ['is of another epoch', (good) => ({ ...good, point: { ...good.point, epoch: 'ffffffffffffffff' } })],
      ['has another chain', (good) => ({ ...good, point: { ...good.point, chain: good.point.chain ^ 1 } })],
      ['is beyond the records', (good) => ({ ...good, point: { ...good.point, position: 8 } })],
      ['goes no further than the base', () => histories.replacement('notes', 3)],
      ['goes less far than the base', () => histories.replacement('notes', 2)],
    ])('changes nothing where its point %s', async (_, wrong) => {
      await type('notes', 6)
      await replace('notes', histories.replacement('notes', 3, { keepAfter: 1 }))
      const good = histories.replacement('notes', 5)
      expect(await under.log.replaceBase('notes', wrong(good))).toBe(false)
      await expectStored('notes')
      await replace('notes', good)
      await expectStored('notes')
    })

    test('changes nothing where there is no such document', async () => {
      await type('notes', 1)
      expect(await under.log.replaceBase('note', histories.replacement('notes', 1))).toBe(false)
      expect(await names()).toEqual(['notes'])
    })

    test('what the caller does to its bytes afterwards changes nothing', async () => {
      await type('notes', 1)
      const replacement = histories.replacement('notes', 1)
      await replace('notes', replacement)
      const expected = plain(histories.stored('notes'))
      replacement.base.fill(9)
      expect(plain(await under.log.read('notes'))).toEqual(expected)
    })

    test('is counted in a listing', async () => {
      await type('notes', 20)
      await replace('notes', histories.replacement('notes', 15))
      const [info] = await under.log.list()
      expect(info).toMatchObject({ name: 'notes', epoch, position: 20 })
      await replace('notes', histories.replacement('notes', 20))
      const [after] = await under.log.list()
      expect(after).toMatchObject({ name: 'notes', epoch, position: 20 })
      expect(after!.storedBytes).toBeLessThan(info!.storedBytes)
      // the records that knew are gone
      const { createdAt, changedAt } = info!
      expect([createdAt, changedAt].every(Number.isInteger)).toBe(true)
      expect(after).toMatchObject({ createdAt, changedAt })
    })

    test('happens at once for whoever reads, beside commits', async () => {
      await type('notes', 50)
      let done = false
      const replacing = (async () => {
        for (let position = 10; position <= 50; position += 10) {
          await replace('notes', histories.replacement('notes', position, { keepAfter: position - 5 }))
        }
        done = true
      })()
      const committing = type('notes', 50)
      for (let reads = 0; !done || reads === 0; reads++) {
        const { basePosition, start, base, records } = (await under.log.read('notes'))!
        expect(records[0]?.position).toBe(start.position + 1)
        expect(start.position).toBe(Math.max(0, basePosition - 5))
        if (base) expect(latin1(base)).toBe(`the base of notes up to ${basePosition}`)
        await new Promise((resolve) => setImmediate(resolve))
      }
      await Promise.all([replacing, committing])
      await expectStored('notes')
    })

    test('after close is refused', async () => {
      await type('notes', 1)
      await under.log.close()
      const closed = { code: 'closed' }
      await expect(under.log.replaceBase('notes', histories.replacement('notes', 1))).rejects.toMatchObject(closed)
      await expect(under.log.history('notes')).rejects.toMatchObject(closed)
    })
  })
}
