/**
 * `npm run simulate -- 7` replays one seed, `npm run simulate -- 1 50000` runs that many from the first on;
 * `npm run simulate:tabs -- 7` does so with the worlds of several tabs.
 */
import { spawnSync } from 'node:child_process'

const args = process.argv.slice(2)
const tabs = args[0] === '--tabs'
const [from = '1', count = '1'] = tabs ? args.slice(1) : args
const [file, seed, seeds] = tabs
  ? ['tabs', 'SYNCLINE_TABS_SEED', 'SYNCLINE_TABS_SEEDS']
  : ['simulation', 'SYNCLINE_SEED', 'SYNCLINE_SEEDS']
const { status } = spawnSync(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', '--project=parallel', `test/simulation/${file}.test.ts`],
  { stdio: 'inherit', env: { ...process.env, [seed]: from, [seeds]: count } },
)
process.exitCode = status ?? 1
