import { describe, expect, test } from 'vitest'
import { AwarenessTable } from './table.js'

const entry = { clock: 1, state: '{}' } as never
const say = (...clients: number[]) => new Map(clients.map((client) => [client, entry]))

describe('a room of awareness', () => {
  test('has room for so many clients, of all sessions together', () => {
    const table = new AwarenessTable({ awarenessClientsMax: 2, roomAwarenessClientsMax: 3 })
    expect([...table.apply(1, '', say(1, 2, 3)).keys()]).toEqual([1, 2])
    expect([...table.apply(2, '', say(4, 5)).keys()]).toEqual([4])
    expect(table.entries.size).toBe(3)
    table.drop(1)
    expect([...table.apply(2, '', say(5)).keys()]).toEqual([5])
  })

  describe.each(['', 'ada'])('of two tabs by "%s" that forward each other', (author) => {
    const [left, right] = [1, 2]
    const said = (clock: number, state: string | null) => new Map([[right, { clock, state }]])
    // a provider of y-websocket that is destroyed hears its own goodbye from its sibling, and answers that it is there
    const byRight = [said(1, null), said(2, '{}'), 'gone'] as const
    const byLeft = [said(1, null), said(2, '{}')] as const

    function told(table: AwarenessTable, session: number, what: (typeof byRight)[number]): void {
      if (what === 'gone') table.drop(session)
      else table.apply(session, author, what)
    }

    describe.each([
      ['it says so itself', [right, left]],
      ['its sibling says so', [left, right]],
    ] as const)('the one that is closed, known first since %s,', (_, claims) => {
      test.each(interleavings(byRight.length, byLeft.length))('is gone for good after %s', (order) => {
        const table = new AwarenessTable({ awarenessClientsMax: 8, roomAwarenessClientsMax: 8 })
        table.apply(left, author, new Map([[left, { clock: 0, state: '{}' }]]))
        for (const session of claims) table.apply(session, author, said(0, '{}'))
        for (const session of claims) table.apply(session, author, said(1, '{}'))
        const [fromRight, fromLeft] = [[...byRight], [...byLeft]]
        for (const turn of order) {
          if (turn === 'r') told(table, right, fromRight.shift() as (typeof byRight)[number])
          else told(table, left, fromLeft.shift() as (typeof byLeft)[number])
        }
        expect([...table.entries.keys()]).toEqual([left])
      })
    })

    test('the one that only the other can reach is there as long as it is forwarded', () => {
      const table = new AwarenessTable({ awarenessClientsMax: 8, roomAwarenessClientsMax: 8 })
      table.apply(left, author, new Map([[left, { clock: 0, state: '{}' }]]))
      expect(table.apply(left, author, said(0, '{}')).size).toBe(1)
      expect(table.apply(left, author, said(0, null)).size).toBe(1)
      expect(table.apply(left, author, said(1, '{}')).size).toBe(1)
      expect([...table.drop(left).keys()].sort()).toEqual([left, right])
    })
  })

  test('does not give a client that speaks for itself to who claims it in its first word', () => {
    const table = new AwarenessTable({ awarenessClientsMax: 8, roomAwarenessClientsMax: 8 })
    const own = new Map([[7, { clock: 1, state: '{"name":"Ada"}' }]])
    table.apply(1, 'ada', own)
    expect(table.apply(2, 'mallory', new Map([[7, { clock: 9, state: '{"name":"no"}' }]])).size).toBe(0)
    expect(table.apply(2, 'mallory', new Map([[7, { clock: 9, state: null }]])).size).toBe(0)
    expect(table.entries).toEqual(own)
    // she comes back before her old connection is known to be dead
    expect(table.apply(3, 'ada', new Map([[7, { clock: 2, state: '{}' }]])).size).toBe(1)
    expect(table.drop(1).size).toBe(0)
    expect(table.entries.size).toBe(1)
  })
})

/** Each order of so many turns of `r` and of `l`. */
function interleavings(r: number, l: number): string[] {
  if (r === 0 || l === 0) return ['r'.repeat(r) + 'l'.repeat(l)]
  return [...interleavings(r - 1, l).map((rest) => `r${rest}`), ...interleavings(r, l - 1).map((rest) => `l${rest}`)]
}
