/** `npm run crash:long`: the kills, power cuts and full disks of `npm test`, many more of them. Takes hours. */
import { spawnSync } from 'node:child_process'

const suites = ['relay-kill', 'power-cut', 'full-disk', 'compaction-kill'].map((suite) => `test/crash/${suite}.test.ts`)
const { status } = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...suites], {
  stdio: 'inherit',
  env: { SYNCLINE_KILLS: '3000', SYNCLINE_CUTS: '100000', ...process.env },
})
process.exitCode = status ?? 1
