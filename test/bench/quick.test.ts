import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { browserPath, clientMeasures } from './clients/index.js'
import { workloads } from './workloads/index.js'

const command = fileURLToPath(new URL('../../scripts/bench.mjs', import.meta.url))

test('the bench runs every workload and client measure, loses nothing, and prints a table of each', {
  timeout: 300_000,
}, async () => {
  // it fails where our relay lost an update or did not finish
  const { stdout } = await promisify(execFile)(process.execPath, [
    command,
    '--quick',
    '--servers',
    'syncline,forwarder',
  ])
  expect(stdout).not.toContain('no figure')
  const inBrowser = clientMeasures.filter(({ isInBrowser }) => !isInBrowser || browserPath !== null)
  for (const { name } of [...workloads, ...inBrowser]) {
    const [, table] = stdout.split(`\n| ${name} |`)
    expect(table, `${name}:\n${stdout}`).toMatch(/\n\| Syncline \| \d/)
  }
})
