import { type TabsReport, TabsWorld } from './tabsWorld.js'

/** Runs one seed of the world of tabs. A failure names the command that replays it. */
export async function runTabsSeed(seed: number): Promise<TabsReport> {
  try {
    return await new TabsWorld(seed).run()
  } catch (error) {
    const replay = `npm run simulate:tabs -- ${seed}`
    throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}\nreplay: ${replay}`, {
      cause: error,
    })
  }
}

/** Runs seeds until one fails; null where none does. */
export async function firstFailure(from: number, count: number): Promise<{ seed: number; message: string } | null> {
  for (let seed = from; seed < from + count; seed++) {
    try {
      await runTabsSeed(seed)
    } catch (error) {
      return { seed, message: error instanceof Error ? error.message : String(error) }
    }
  }
  return null
}
