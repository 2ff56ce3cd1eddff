import { expect, test } from 'vitest'
import { Chance, runSession } from '../support/sessions.js'
import { decoders } from './decoders.js'
import { Story } from './story.js'
import { Watchdog } from './watchdog.js'

/** SYNCLINE_FUZZ_SEED starts elsewhere; SYNCLINE_FUZZ_SECONDS goes on for that long, however many executions that makes. */
const firstSeed = Number(process.env.SYNCLINE_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 30))
const seconds = Number(process.env.SYNCLINE_FUZZ_SECONDS ?? 0)

const roomExecutions = 200_000
const decoderExecutions = 120_000
const storyExecutions = 25
const executionMsMax = 5_000
const sessionsOfPool = 80

/** Runs seeds until there were enough executions, or the time is over; a failure names the seed that brings it again. */
async function fuzz(
  name: string,
  enough: number,
  share: number,
  run: (seed: number) => number | Promise<number>,
): Promise<void> {
  const watchdog = new Watchdog(firstSeed)
  const start = performance.now()
  const cpu = process.cpuUsage()
  const isOver = (done: number) => (seconds > 0 ? performance.now() - start > seconds * share * 1_000 : done >= enough)
  let done = 0
  let seed = firstSeed
  try {
    for (; !isOver(done); seed++) {
      watchdog.begins(seed)
      const began = performance.now()
      done += await run(seed)
      if (performance.now() - began > executionMsMax) throw new Error(`it took ${performance.now() - began} ms`)
    }
  } catch (error) {
    const { message } = error as Error
    // what it is made of depends on the first one, too
    const story = `${name}: seed ${seed}, with SYNCLINE_FUZZ_SEED=${firstSeed}`
    throw new Error(`${story}: ${message.slice(0, 4_000)}`, { cause: error })
  } finally {
    await watchdog.stop()
  }
  const { user, system } = process.cpuUsage(cpu)
  const spent = (user + system) / 1e6
  console.log(
    `${name}: ${done} executions from seed ${firstSeed} on, ${Math.round(done / spent)} a second of CPU, ${spent.toFixed(1)} s`,
  )
}

const timeout = Math.max(300, 2 * seconds) * 1_000

test(
  'updates: what a room accepts is the same live, loaded and restarted, what it refuses leaves no trace',
  async () => {
    const pool = Array.from({ length: sessionsOfPool }, (_, i) => runSession(firstSeed + i, 20, false).edits).filter(
      ({ length }) => length > 3,
    )
    const faults: Record<string, number> = {}
    let [stories, accepted, refused] = [0, 0, 0]
    await fuzz('updates', roomExecutions, 0.7, (seed) => {
      const chance = new Chance(seed)
      const story = new Story(chance.pick(pool), chance).tell(storyExecutions)
      stories++
      accepted += story.accepted
      refused += story.refused
      if (story.fault !== null) faults[story.fault] = (faults[story.fault] ?? 0) + 1
      return story.executions
    })
    console.log(
      `updates: ${accepted} accepted, ${refused} refused in ${stories} stories; faults of Yjs: ${JSON.stringify(faults)}`,
    )
    expect(accepted / (accepted + refused)).toBeGreaterThan(0.1)
    expect(refused / (accepted + refused)).toBeGreaterThan(0.1)
    // more than that would be a fault that hides behind them
    expect(Object.values(faults).reduce((sum, count) => sum + count, 0) / stories).toBeLessThan(0.02)
  },
  timeout,
)

test(
  'decoders: what is no message is refused with a code, and what is one is written as it was read',
  async () => {
    const all = await decoders()
    const counts = new Map(all.map(([name]) => [name, { done: 0, taken: 0 }]))
    await fuzz('decoders', decoderExecutions, 0.3, async (seed) => {
      const chance = new Chance(seed)
      let at = chance.next()
      const [name, , run] =
        all.find(([, share]) => {
          at -= share
          return at < 0
        }) ?? all[0]!
      const count = counts.get(name)!
      try {
        if (await run(chance)) count.taken++
      } catch (error) {
        throw new Error(`${name}: ${(error as Error).message}`, { cause: error })
      }
      count.done++
      return 1
    })
    console.log(
      `decoders: ${[...counts].map(([name, { done, taken }]) => `${name} ${done} (${taken} taken)`).join(', ')}`,
    )
    for (const [name, { done, taken }] of counts) {
      expect(taken, name).toBeGreaterThan(0)
      expect(taken, name).toBeLessThan(done)
    }
  },
  timeout,
)
