import { describe, expect, it } from 'vitest'
import { FakeClock } from '../testing/fakes.js'
import { LeaderWatch } from './leaderWatch.js'

function watch(answers: (ask: number) => boolean = () => true) {
  const clock = new FakeClock()
  const told = { asked: 0, silent: [] as number[], slept: 0 }
  const page = { isHidden: false }
  const leader: LeaderWatch = new LeaderWatch(
    clock,
    () => 0.5,
    () => page.isHidden,
    {
      ask: () => answers(++told.asked) && leader.heard(),
      silent: () => told.silent.push(clock.now()),
      slept: () => {
        told.slept++
      },
    },
  )
  leader.start()
  return { clock, told, page, leader }
}

describe('a leader that is watched', () => {
  it('and answers keeps the lead', async () => {
    const { clock, told } = watch()
    await clock.pass(60_000)
    expect(told.silent).toEqual([])
    expect(told.asked).toBeGreaterThan(60)
  })

  it('and says something of itself is not asked', async () => {
    const { clock, told, leader } = watch()
    for (let i = 0; i < 100; i++) {
      await clock.pass(100)
      leader.heard()
    }
    expect(told.asked).toBe(0)
  })

  it('and does not answer is deposed within a second; the next time, there is more patience', async () => {
    const { clock, told } = watch(() => false)
    await clock.pass(1_000)
    expect(told.silent).toEqual([750])
    await clock.pass(4_000)
    expect(told.silent).toEqual([750])
    await clock.pass(1_000)
    expect(told.silent).toHaveLength(2)
  })

  it('is left in peace by a hidden tab for longer', async () => {
    const { clock, told, page } = watch()
    page.isHidden = true
    await clock.pass(20_000)
    expect(told.asked).toBeLessThan(6)
  })

  it('is asked again by a tab that was frozen itself, which may lack what others said', async () => {
    const { clock, told, leader } = watch((ask) => ask !== 1)
    await clock.pass(300)
    expect(told.asked).toBe(1)
    await clock.sleep(60_000)
    expect(told).toMatchObject({ silent: [], slept: 1 })
    await clock.pass(1_000)
    await clock.sleep(60_000)
    expect(told).toMatchObject({ silent: [], slept: 2 })
    leader.stop()
    expect(clock.waiting).toBe(0)
  })
})
