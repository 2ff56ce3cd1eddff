/**
 * `npm test`: installs, builds, then types, lint, API reference and every test. What follows `--` goes to Vitest
 * and runs nothing else, such as `npm test -- test/process`.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findChromium } from './chromium.mjs'
import { build, giveUp, install, requireNode, run, runNode } from './prepare.mjs'

const chosen = process.argv.slice(2)

requireNode()
await install()
await build()
await requireBrowser()
const [checks, { exitCode, passed, failed, skipped }] = await (chosen.length > 0
  ? Promise.all([[], runVitest(chosen)])
  : runAll())

for (const name of checks) console.log(`\nErrors of the check “${name}” are above.`)
console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
process.exitCode = exitCode !== 0 || failed > 0 || checks.length > 0 ? 1 : 0

/** The checks that are no tests. All of them run, so that one run tells everything. */
async function failedChecks() {
  const commands = {
    'type check': ['node_modules/typescript/bin/tsc', '-b'],
    linter: ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.'],
    'API reference': ['node_modules/typedoc/bin/typedoc', '--emit', 'none'],
    'size of the client in a page': ['scripts/bundle-size.mjs'],
  }
  const failures = []
  for (const [name, command] of Object.entries(commands)) {
    console.log(`\n> ${name}`)
    if ((await runNode(...command)) !== 0) failures.push(name)
  }
  return failures
}

/**
 * The lanes of `vitest.config.ts` run at once, since they wait more than they compute. Nothing else runs beside them, as
 * their relays are held to what they take at most; the checks run beside the tests before them.
 * @returns {Promise<[string[], Awaited<ReturnType<typeof runVitest>>]>}
 */
async function runAll() {
  const [checks, first] = await Promise.all([failedChecks(), runVitest(['--project=parallel'])])
  const lanes = await Promise.all(['sockets', 'processes', 'disks'].map((lane) => runVitest([`--project=${lane}`])))
  const all = [first, ...lanes].reduce((a, b) => ({
    exitCode: a.exitCode || b.exitCode,
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
  }))
  return [checks, all]
}

/** Vitest, with the counts that it reports. A file that fails to load counts as one failure. @param {string[]} args */
async function runVitest(args) {
  const folder = mkdtempSync(join(tmpdir(), 'syncline-test-'))
  const report = join(folder, 'report.json')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const exitCode = await runNode('node_modules/vitest/vitest.mjs', 'run', ...reporters, ...args)
  try {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
      readFileSync(report, 'utf8'),
    )
    const unloadable = testResults.filter(
      (/** @type {{ status: string, assertionResults: { status: string }[] }} */ file) =>
        file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed'),
    ).length
    const failures = numFailedTests + unloadable
    // an error outside of any test fails the run, and so it counts
    const failed = exitCode !== 0 && failures === 0 ? 1 : failures
    return { exitCode, passed: numPassedTests, failed, skipped: numPendingTests + numTodoTests }
  } catch {
    return giveUp('Vitest ended without a report; what it said is above.')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Finds a browser, installs one where that is ours to do, or says what is skipped. */
async function requireBrowser() {
  if (findChromium() !== null) return
  const { SYNCLINE_CHROMIUM, SYNCLINE_REQUIRE_BROWSER } = process.env
  if (SYNCLINE_CHROMIUM) giveUp(`SYNCLINE_CHROMIUM names ${SYNCLINE_CHROMIUM}, which is not there.`)
  if (process.getuid?.() === 0 && (await aptInstalls('chromium')) && findChromium() !== null) return
  const how = 'Install Chromium or Chrome, or name one in SYNCLINE_CHROMIUM.'
  if (SYNCLINE_REQUIRE_BROWSER === '1') giveUp(`The browser tests need a browser. ${how}`)
  console.log(`\nNo Chromium or Chrome on this machine: the browser tests are skipped. ${how}\n`)
}

/** @param {string} name @returns {Promise<boolean>} false where there is no apt-get, or it failed */
async function aptInstalls(name) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  try {
    console.log(`Installing ${name} from the distribution (once)…`)
    if ((await run('apt-get', ['update', '-q'], env)) !== 0) return false
    return (await run('apt-get', ['install', '-q', '-y', '--no-install-recommends', name], env)) === 0
  } catch {
    return false
  }
}
