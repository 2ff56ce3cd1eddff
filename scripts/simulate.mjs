/** `npm run simulate -- 7` replays one seed, `npm run simulate -- 1 50000` runs that many from the first on. */
import { spawnSync } from 'node:child_process'

const [from = '1', count = '1'] = process.argv.slice(2)
const { status } = spawnSync(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', '--project=parallel', 'test/simulation/simulation.test.ts'],
  { stdio: 'inherit', env: { ...process.env, SYNCLINE_SEED: from, SYNCLINE_SEEDS: count } },
)
process.exitCode = status ?? 1
