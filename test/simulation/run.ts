import { World, type WorldReport } from './world.js'

/** Runs one seed. A failure names the command that replays it. */
export function runSeed(seed: number): WorldReport {
  try {
    return new World(seed).run()
  } catch (error) {
    const replay = `npm run simulate -- ${seed}`
    throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}\nreplay: ${replay}`, {
      cause: error,
    })
  }
}

/** Runs seeds until one fails; null where none does. */
export function firstFailure(from: number, count: number): { seed: number; message: string } | null {
  for (let seed = from; seed < from + count; seed++) {
    try {
      runSeed(seed)
    } catch (error) {
      return { seed, message: error instanceof Error ? error.message : String(error) }
    }
  }
  return null
}
