import { describe, expect, test } from 'vitest'
import { runSeed } from './run.js'

const from = Number(process.env.SYNCLINE_SEED ?? 1)
const count = Number(process.env.SYNCLINE_SEEDS ?? 2_000)
const batches = Math.min(count, 8)

/** The production Peer and Room in seeded worlds. More seeds: `npm run simulate:long`; one seed: `npm run simulate -- 7`. */
describe(`worlds ${from} to ${from + count - 1}`, () => {
  const total = {
    edits: 0,
    acknowledgements: 0,
    crashes: 0,
    restores: 0,
    records: 0,
    compactions: 0,
    storeFailures: 0,
    packs: 0,
    refusals: 0,
    replacements: 0,
    dialectClients: 0,
    dialectEdits: 0,
    canaries: 0,
  }
  for (let batch = 0; batch < batches; batch++) {
    test(`keep every promise (${batch + 1} of ${batches})`, { timeout: 600_000 }, () => {
      for (let seed = from + batch; seed < from + count; seed += batches) {
        const report = runSeed(seed)
        for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += report[key]
      }
    })
  }

  test('did what worlds are for', () => {
    console.info(`${count} worlds: ${JSON.stringify(total)}`)
    expect(total.acknowledgements).toBeGreaterThan(count)
    if (count >= 100) for (const [what, often] of Object.entries(total)) expect(often, what).toBeGreaterThan(count / 10)
  })
})
