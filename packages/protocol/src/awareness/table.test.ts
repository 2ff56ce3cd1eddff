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
})
