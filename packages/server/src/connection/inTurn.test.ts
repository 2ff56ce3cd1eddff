import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { inTurn } from './inTurn.js'
import { Slices } from './slices.js'

test('of many who come at once some are let in, the others in turns; one that is gone meanwhile is passed over', async () => {
  let now = 0
  const slices = new Slices(() => now)
  const sockets = Array.from({ length: 100 }, () => new PassThrough())
  const isIn = new Set<PassThrough>()
  for (const socket of sockets) {
    inTurn(slices, socket, () => {
      now += 0.2
      isIn.add(socket)
    })
  }
  expect(isIn.size).toBe(20)
  sockets[50]!.destroy(new Error('gone'))
  let turns = 0
  for (; isIn.size < 99; turns++) await new Promise(setImmediate)
  expect(turns).toBeGreaterThanOrEqual(4)
  expect(isIn.has(sockets[50]!)).toBe(false)
})
