/**
 * `npm run soak`: a relay under mixed work for a minute, or for as many as are asked for: `npm run soak -- --minutes 120`.
 * Its memory, handles and disk have to stay flat, and nothing may be lost.
 */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { build, install, requireNode } from './prepare.mjs'

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '1' } } })
const minutes = Number(values.minutes)
if (!(minutes > 0)) {
  console.error(`--minutes ${values.minutes}: expected a number`)
  process.exit(2)
}
requireNode()
await install()
await build()
const { status } = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', 'test/soak'], {
  stdio: 'inherit',
  env: { ...process.env, SYNCLINE_SOAK_SECONDS: String(minutes * 60) },
})
process.exitCode = status ?? 1
