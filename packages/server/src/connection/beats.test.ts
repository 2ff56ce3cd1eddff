import { expect, test } from 'vitest'
import { StillClock } from '../../../../test/support/stillClock.js'
import { Beats, beatMs } from './beats.js'

/** When each of so many has beaten, in ms since the start. */
function beating(count: number, clock: StillClock): { all: Set<{ beat(): void; at: number[] }> } {
  const one = () => {
    const at: number[] = []
    return { at, beat: () => void at.push(clock.now()) }
  }
  return { all: new Set(Array.from({ length: count }, one)) }
}

test('a few beat in the same moment, once in five seconds', () => {
  const clock = new StillClock(0)
  const { all } = beating(32, clock)
  new Beats(clock, all)
  clock.pass(2 * beatMs)
  for (const { at } of all) expect(at).toEqual([beatMs, 2 * beatMs])
})

test.each([33, 1_500, 20_000])(
  'of %i each beats as often, and as regularly, but not all in the same moment',
  (count) => {
    const clock = new StillClock(0)
    const { all } = beating(count, clock)
    new Beats(clock, all)
    clock.pass(3.6 * beatMs)
    const together = new Map<number, number>()
    for (const { at } of all) {
      expect(at.length).toBe(3)
      expect([at[1]! - at[0]!, at[2]! - at[1]!]).toEqual([beatMs, beatMs])
      together.set(at[0]!, (together.get(at[0]!) ?? 0) + 1)
    }
    expect(Math.max(...together.values())).toBe(Math.max(32, count / 50))
    expect(Math.max(...together.keys())).toBeLessThan(1.5 * beatMs + 1)
  },
)

test('what comes while others beat waits for the next beat, and nobody beats after the end', () => {
  const clock = new StillClock(0)
  const { all } = beating(100, clock)
  const beats = new Beats(clock, all)
  clock.pass(beatMs)
  const late = { at: [] as number[], beat: () => void late.at.push(clock.now()) }
  all.add(late)
  clock.pass(beatMs - 1)
  expect(late.at).toEqual([])
  clock.pass(1)
  beats.stop()
  clock.pass(3 * beatMs)
  expect([...all].map(({ at }) => at.length).slice(-3)).toEqual([1, 1, 0])
})
