import type { CopyWrite, DocumentStore, LocalCopy, Store } from '@syncline/client'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

/** A store under test, and what the suite may do to it. */
export interface StoreUnderTest {
  readonly store: Store
  /** what another tab, or the process after this one, gets to see; absent where nothing outlives the store */
  readonly reopen?: () => Promise<Store>
  /** closes the store and removes what it kept */
  readonly close: () => Promise<void>
}

const ada = { relay: 'wss://relay.example/sync', identity: 'ada:1/2' }
const bo = { ...ada, identity: 'ada' }
const elsewhere = { ...ada, relay: 'wss://other.example/sync' }
const epoch = '00c0ffee00c0ffee'
const otherEpoch = '00c0ffee00c0ffff'

const nothing: CopyWrite = { epoch: null, append: [], saved: [], remove: [], resume: null }

function row(text: string, saved = false, changes = 1) {
  return { update: new TextEncoder().encode(text), changes, saved }
}

function point(position: number, of = epoch) {
  return { epoch: of, position, chain: position * 7 }
}

/** The rows as text; `!` marks those that are not saved, with how many changes they stand for if not one. */
function told({ rows }: LocalCopy): string[] {
  const changesOf = (changes: number) => (changes === 1 ? '' : changes)
  return rows.map(
    ({ update, saved, changes }) => new TextDecoder().decode(update) + (saved ? '' : `!${changesOf(changes)}`),
  )
}

/** What every store of local copies does. Run it on an adapter of your own. */
export function storeConformance(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${name} keeps local copies:`, () => {
    let world: StoreUnderTest
    let copy: DocumentStore

    beforeEach(async () => {
      world = await open()
      copy = world.store.open(ada, 'notes/today')
    })

    afterEach(async () => {
      await copy.close()
      await world.close()
    })

    const write = (changes: Partial<CopyWrite>, to = copy) => to.write({ ...nothing, ...changes })
    const reread = async () => {
      const store = (await world.reopen?.()) ?? world.store
      const another = store.open(ada, 'notes/today')
      const found = await another.read()
      await another.close()
      return found
    }

    test('of what was never written there is nothing', async () => {
      expect(await copy.read()).toEqual({ epoch: null, resume: null, rows: [], refused: [], deleted: false })
      expect(await world.store.pending(ada)).toEqual([])
    })

    test('rows come back in their order, with ids that rise, and are not saved unless somebody said so', async () => {
      await copy.read()
      const first = await write({ append: [row('a'), row('b', false, 12)] })
      const second = await write({ append: [row('c', true)], epoch })
      const ids = [...first, ...second]
      expect(ids).toHaveLength(3)
      expect([...ids].sort((a, b) => a - b)).toEqual(ids)
      const found = await reread()
      expect(told(found)).toEqual(['a!', 'b!12', 'c'])
      expect(found.rows.map(({ id }) => id)).toEqual(ids)
      expect(found).toMatchObject({ epoch, resume: null })
    })

    test('a mark, the rows beside it and the resume point come together', async () => {
      await copy.read()
      const [a] = await write({ append: [row('a'), row('b')] })
      await write({ epoch, append: [row('theirs', true)], saved: [a!], resume: point(4) })
      const found = await reread()
      expect(told(found)).toEqual(['a', 'b!', 'theirs'])
      expect(found.resume).toEqual(point(4))
    })

    test('many rows become one in one write, and their ids are never used again', async () => {
      await copy.read()
      const ids = await write({ epoch, append: [row('a', true), row('b', true), row('c')] })
      const [packed] = await write({ epoch, append: [row('ab', true)], remove: ids.slice(0, 2) })
      expect(packed).toBeGreaterThan(ids[2]!)
      expect(told(await reread())).toEqual(['c!', 'ab'])
      await write({ saved: [ids[2]!], epoch, remove: ids })
      const again = await write({ append: [row('d')] })
      expect(again[0]).toBeGreaterThan(packed!)
      expect(told(await reread())).toEqual(['ab', 'd!'])
    })

    test('two tabs write at once: neither takes anything of the other', async () => {
      const other = world.store.open(ada, 'notes/today')
      await Promise.all([copy.read(), other.read()])
      const mine: number[] = []
      const theirs: number[] = []
      for (let i = 0; i < 20; i++) {
        const [a, b] = await Promise.all([write({ append: [row(`a${i}`)] }), write({ append: [row(`b${i}`)] }, other)])
        mine.push(...a)
        theirs.push(...b)
      }
      await Promise.all([
        write({ epoch, saved: mine, resume: point(9) }),
        write({ epoch, append: [row('packed', false, 20)], remove: theirs, resume: point(8) }, other),
      ])
      const found = await reread()
      expect(told(found)).toEqual([...Array.from({ length: 20 }, (_, i) => `a${i}`), 'packed!20'])
      expect(found.resume).toEqual(point(9))
      await other.close()
    })

    test('the resume point goes back in no log, and in another log nothing is saved any more', async () => {
      await copy.read()
      await write({ epoch, append: [row('a', true)], resume: point(9) })
      await write({ epoch, append: [row('b', true)], resume: point(8) })
      expect((await reread()).resume).toEqual(point(9))
      await write({ append: [row('typed offline')] })
      expect(told(await reread())).toEqual(['a', 'b', 'typed offline!'])
      await write({ epoch: otherEpoch, append: [row('c', true)] })
      expect(await reread()).toMatchObject({ epoch: otherEpoch, resume: null })
      expect(told(await reread())).toEqual(['a!', 'b!', 'typed offline!', 'c'])
      await write({ epoch: otherEpoch, resume: point(2, otherEpoch) })
      expect((await reread()).resume).toEqual(point(2, otherEpoch))
    })

    test('identities, relays and documents do not mix', async () => {
      const others = [
        world.store.open(bo, 'notes/today'),
        world.store.open(elsewhere, 'notes/today'),
        world.store.open(ada, 'notes'),
        world.store.open(ada, 'ünï/%:!"'),
      ]
      await copy.read()
      await write({ append: [row('mine')] })
      for (const other of others) expect((await other.read()).rows).toEqual([])
      await write({ append: [row('theirs')] }, others[0])
      await write({ append: [row('saved', true)], epoch }, others[2])
      await write({ append: [row('x')] }, others[3])
      expect((await world.store.list(ada)).sort()).toEqual(
        expect.arrayContaining(['notes', 'notes/today', 'ünï/%:!"'].sort()),
      )
      expect((await world.store.pending(ada)).sort()).toEqual(['notes/today', 'ünï/%:!"'].sort())
      expect(await world.store.pending(bo)).toEqual(['notes/today'])
      for (const other of others) await other.close()
    })

    test('what is forgotten is gone, and whoever has it open does not bring it back', async () => {
      const other = world.store.open(ada, 'other')
      await Promise.all([copy.read(), other.read()])
      await write({ append: [row('a')] })
      await write({ append: [row('b')] }, other)
      await world.store.forget(ada, 'notes/today')
      await expect(write({ append: [row('c')] })).rejects.toMatchObject({ code: 'store_erased' })
      expect(await world.store.list(ada)).toEqual(['other'])
      expect((await reread()).rows).toEqual([])
      expect(told(await other.read())).toEqual(['b!'])
      await other.close()
    })

    test('an identity is erased from every relay, and others are not', async () => {
      const places = [elsewhere, bo].map((scope) => world.store.open(scope, 'x'))
      await copy.read()
      await write({ append: [row('a')] })
      for (const place of places) {
        await place.read()
        await write({ append: [row('b')] }, place)
      }
      await world.store.erase(ada.identity)
      expect([await world.store.list(ada), await world.store.list(elsewhere)]).toEqual([[], []])
      expect(await world.store.list(bo)).toEqual(['x'])
      for (const place of places) await place.close()
    })

    test('what was refused is kept beside the rows, until it is let go', async () => {
      await copy.read()
      const [a, b] = await write({ append: [row('a'), row('b')], epoch, resume: point(3) })
      const refused = {
        id: 'x:1',
        code: 'read_only',
        reason: 'Nö.\n',
        time: 1_700_000_000_000,
        changes: 2,
        update: Uint8Array.of(10, 0, 255, 10),
      } as const
      const older = { ...refused, id: 'w', time: 5, update: Uint8Array.from({ length: 2_000 }, (_, i) => i % 251) }
      await write({ remove: [a!], refuse: [refused, older], restart: true })
      const found = await reread()
      expect(told(found)).toEqual(['b!'])
      expect(found.resume).toBe(null)
      expect(found.epoch).toBe(epoch)
      expect(found.refused).toEqual([older, refused])
      expect(await world.store.pending(ada)).toEqual(['notes/today'])
      await write({ saved: [b!], epoch, resume: point(2), letGo: ['w'], refuse: [{ ...refused, changes: 3 }] })
      expect((await reread()).refused).toEqual([{ ...refused, changes: 3 }])
      expect((await reread()).resume).toEqual(point(2))
      expect(await world.store.pending(ada)).toEqual([])
      await write({ letGo: ['x:1', 'never there'] })
      expect((await reread()).refused).toEqual([])
    })

    test('what was refused goes with its document, and mixes with no other', async () => {
      const refused = { id: 'x', code: 'read_only', reason: '', time: 1, changes: 1, update: Uint8Array.of(1) } as const
      const other = world.store.open(bo, 'notes/today')
      await Promise.all([copy.read(), other.read()])
      await write({ refuse: [refused] })
      await write({ refuse: [{ ...refused, time: 2 }] }, other)
      await world.store.forget(ada, 'notes/today')
      expect((await reread()).refused).toEqual([])
      expect((await other.read()).refused).toMatchObject([{ time: 2 }])
      await other.close()
    })

    test('that a document was deleted stays, and nothing of it is pending any more', async () => {
      await copy.read()
      await write({ append: [row('a')], epoch, resume: point(1) })
      await write({ deleted: true })
      await write({ append: [row('b')] })
      expect(await reread()).toMatchObject({ deleted: true, epoch })
      expect(told(await reread())).toEqual(['a!', 'b!'])
      expect(await world.store.pending(ada)).toEqual([])
      expect(await world.store.list(ada)).toEqual(['notes/today'])
      await world.store.forget(ada, 'notes/today')
      expect((await reread()).deleted).toBe(false)
    })

    test('a large row comes back whole', async () => {
      await copy.read()
      const update = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * 7) % 251)
      await write({ append: [{ update, changes: 1, saved: false }] })
      const [found] = (await reread()).rows
      expect(Buffer.from(found!.update).equals(Buffer.from(update))).toBe(true)
    })
  })
}
