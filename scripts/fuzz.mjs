/**
 * `npm run fuzz -- 600` feeds a room and every decoder what strangers might send, for that many seconds;
 * `SYNCLINE_FUZZ_SEED=7` begins at that seed.
 */
import { spawnSync } from 'node:child_process'

const [seconds = '60'] = process.argv.slice(2)
if (!(Number(seconds) > 0)) {
  console.error(`${seconds}: expected a number of seconds`)
  process.exit(2)
}
const { status } = spawnSync(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', '--project=parallel', 'test/fuzz'],
  { stdio: 'inherit', env: { ...process.env, SYNCLINE_FUZZ_SECONDS: seconds } },
)
process.exitCode = status ?? 1
