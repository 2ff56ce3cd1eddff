import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Intervals, joinRanges } from './intervals.js'

const clocks = 200
const range = fc
  .tuple(fc.nat(clocks - 1), fc.integer({ min: 1, max: 20 }))
  .map(([start, length]): [number, number] => [start, Math.min(start + length, clocks)])
const steps = fc.array(fc.array(range, { minLength: 1, maxLength: 40 }), { maxLength: 12 })

/** The same set as one flag a clock. */
class Model {
  readonly has = new Array<boolean>(clocks).fill(false)

  add(start: number, end: number): void {
    this.has.fill(true, start, end)
  }

  missing(start: number, end: number): number[] {
    const ranges: number[] = []
    for (let clock = start; clock < end; clock++) {
      if (this.has[clock]) continue
      if (ranges.at(-1) === clock) ranges[ranges.length - 1] = clock + 1
      else ranges.push(clock, clock + 1)
    }
    return ranges
  }
}

describe('intervals', () => {
  test.each([
    ['small clocks', 0],
    ['clocks that become wider than 32 bits on the way', 2 ** 32 - clocks / 2],
    ['the widest clocks', Number.MAX_SAFE_INTEGER - clocks],
  ])('hold the same as a flag for each clock: %s', (_, offset) => {
    fc.assert(
      fc.property(steps, range, (batches, [start, end]) => {
        const intervals = new Intervals()
        const model = new Model()
        for (const batch of batches) {
          intervals.addAll(batch.flatMap(([from, to]) => [from + offset, to + offset]))
          for (const [from, to] of batch) model.add(from, to)
          const missing = model.missing(start, end)
          expect(intervals.missing(start + offset, end + offset)).toEqual(missing.map((clock) => clock + offset))
          expect(intervals.overlaps(start + offset, end + offset)).toBe(model.has.slice(start, end).includes(true))
        }
        const held = model.has.filter((has, clock) => has && !model.has[clock - 1]).length
        expect(intervals.count).toBe(held)
      }),
      { numRuns: 300 },
    )
  })

  test('tell how far they reach from the front', () => {
    const intervals = new Intervals()
    expect(intervals.firstEnd).toBe(0)
    intervals.add(5, 8)
    intervals.add(0, 3)
    expect(intervals.firstEnd).toBe(3)
    intervals.add(3, 5)
    expect([intervals.firstEnd, intervals.count]).toEqual([8, 1])
  })

  test('join ranges that overlap or touch, whatever their order', () => {
    expect(joinRanges([10, 12, 0, 3, 3, 5, 4, 9, 1, 2])).toEqual([0, 9, 10, 12])
    expect(joinRanges([])).toEqual([])
  })
})
