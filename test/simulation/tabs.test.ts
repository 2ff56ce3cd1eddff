import { describe, expect, test } from 'vitest'
import { runTabsSeed } from './runTabs.js'

const from = Number(process.env.SYNCLINE_TABS_SEED ?? 1)
const count = Number(process.env.SYNCLINE_TABS_SEEDS ?? 1_000)
const batches = Math.min(count, 4)

/** The production client in several tabs, in seeded worlds. One seed: `npm run simulate:tabs -- 7`. */
describe(`worlds of tabs ${from} to ${from + count - 1}`, () => {
  const total = { edits: 0, kept: 0, saved: 0, kills: 0, freezes: 0, crashes: 0, storeFailures: 0 }
  for (let batch = 0; batch < batches; batch++) {
    test(`keep every promise (${batch + 1} of ${batches})`, { timeout: 600_000 }, async () => {
      for (let seed = from + batch; seed < from + count; seed += batches) {
        const report = await runTabsSeed(seed)
        for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += report[key]
      }
    })
  }

  test('did what worlds are for', () => {
    console.info(`${count} worlds of tabs: ${JSON.stringify(total)}`)
    expect(total.saved).toBeGreaterThan(count)
    if (count >= 100) for (const [what, often] of Object.entries(total)) expect(often, what).toBeGreaterThan(count / 10)
  })
})
