import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { openLevelLog } from '@syncline/server'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { bundleProgram } from '../support/bundle.js'
import { seededRandom } from '../support/random.js'
import { within } from '../support/until.js'
import { type Committed, faultsOf } from './writer.js'

const kills = 25

let program: string
let directory: string
/** the oracle: last positions that a process called committed */
let acknowledged: Map<string, number>
let child: ChildProcess | undefined

beforeAll(async () => {
  program = await bundleProgram('test/crash/log-process.ts')
})
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'syncline-log-'))
  acknowledged = new Map()
})
afterEach(async () => {
  child?.kill('SIGKILL')
  await rm(directory, { recursive: true })
})

test(`${kills} kills at random moments lose no commit and leave none half done`, async () => {
  const seed = Number(process.env.SYNCLINE_SEED ?? randomInt(2 ** 31))
  console.info(`seed ${seed}: SYNCLINE_SEED=${seed} npx vitest run test/crash/log-kill.test.ts`)
  const random = seededRandom(seed)
  let commits = 0
  for (let kill = 0; kill < kills; kill++) {
    const writing = start(process.execPath, [program, 'until killed', directory, String(seed + kill)])
    const onCommit = (committed: Committed) => {
      commits++
      remember(committed)
    }
    // mostly in the middle of commits, now and then while it starts
    const lines = readLines(writing, onCommit)
    if (kill === 0 || random() < 0.8) await within('the first commit', lines.first)
    if (kill === 0) await expect(openLevelLog(directory)).rejects.toMatchObject({ code: 'data_in_use' })
    await new Promise((resolve) => setTimeout(resolve, random() * 120))
    writing.kill('SIGKILL')
    await lines.ended
    await expectNothingLost()
  }
  console.info(`${commits} commits were acknowledged`)
  expect(commits).toBeGreaterThan(kills)
})

test.skipIf(spawnSync('prlimit', ['--version']).status !== 0)(
  'a full disk: it refuses all until it is opened anew, and a kill then loses nothing',
  async () => {
    const seed = randomInt(2 ** 31)
    console.info(`seed ${seed}`)
    // no file may grow beyond 1 MiB: a real error of a real write
    const limited = [
      '--fsize=1048576:unlimited',
      process.execPath,
      program,
      'past a full disk',
      directory,
      String(seed),
    ]
    const codes: string[] = []
    let commitsAfter = 0
    const lines = readLines(start('prlimit', limited), (told: Committed | string) => {
      if (typeof told === 'string') return codes.push(told)
      if (codes.length > 0) commitsAfter++
      return remember(told)
    })
    await within('its end', lines.ended)
    expect(codes).toEqual(Array.from({ length: 12 }, () => 'storage_failed'))
    expect(commitsAfter).toBe(200)
    await expectNothingLost()
  },
)

function start(command: string, args: readonly string[]): ChildProcess {
  child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  return child
}

function readLines<Line>(
  from: ChildProcess,
  onLine: (line: Line) => void,
): { first: Promise<unknown>; ended: Promise<unknown> } {
  const lines = createInterface({ input: from.stdout! })
  const first = once(lines, 'line')
  lines.on('line', (line) => onLine(JSON.parse(line)))
  return { first, ended: Promise.all([once(lines, 'close'), once(from, 'close')]) }
}

function remember(committed: Committed): void {
  for (const [document, position] of committed) acknowledged.set(document, position)
}

async function expectNothingLost(): Promise<void> {
  const log = await openLevelLog(directory)
  try {
    expect(await faultsOf(log, acknowledged)).toEqual([])
  } finally {
    await log.close()
  }
}
