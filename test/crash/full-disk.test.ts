import { randomInt } from 'node:crypto'
import { cpSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { RelayProcess, type RelayProcessOptions } from '../support/relay.js'
import { Chance } from '../support/sessions.js'
import { until } from '../support/until.js'
import { Crowd, type CrowdOptions } from './crowd.js'
import { Oracle } from './oracle.js'
import { scratch } from './powercut/past.js'
import { compileRecorder, type RecorderOptions, recorderEnv, withoutRecorder } from './powercut/recorder.js'
import { SmallDisk, withoutTmpfs } from './tmpfs.js'

const KiB = 1024
const MiB = 1024 * KiB
const seed = Number(process.env.SYNCLINE_SEED ?? randomInt(2 ** 31))
const fullDisks = 6
const failingSyncs = 50
// a relay tries to open its log again after 250 ms, 500 ms, …, 10 s
const recoveryMs = 25_000

beforeAll(() => console.info(`seed ${seed}: SYNCLINE_SEED=${seed} npx vitest run test/crash/full-disk.test.ts`))

/** A relay whose disk fails, and those who write to it meanwhile. */
class Life {
  readonly relay: RelayProcess
  readonly oracle = new Oracle()
  #crowd: Crowd | null = null

  constructor(options: RelayProcessOptions) {
    this.relay = new RelayProcess(options)
    onTestFinished(async () => {
      if (this.relay.isRunning) await this.relay.kill('SIGKILL')
      await this.#crowd?.leave()
    })
  }

  /** Why the relay ended sessions. */
  get endings(): string[] {
    return this.#crowd?.endings ?? []
  }

  join(options: Pick<CrowdOptions, 'chance' | 'pages' | 'writers'>): void {
    this.#crowd = new Crowd(this.relay.webSocketUrl, { ...options, oracle: this.oracle })
  }

  async acknowledged(count: number): Promise<void> {
    const before = this.oracle.acknowledged
    await until(`${count} acknowledgements`, () => this.oracle.acknowledged >= before + count, {
      timeoutMs: recoveryMs,
      seen: () => [this.oracle.acknowledged - before, this.relay.complaints],
    })
  }

  async ready(isExpected: boolean): Promise<void> {
    const isReady = async () => (await fetch(`${this.relay.url}/healthz`)).ok
    await until(`the relay to be ${isExpected ? '' : 'not '}ready`, async () => (await isReady()) === isExpected, {
      timeoutMs: recoveryMs,
      seen: () => this.relay.complaints,
    })
  }

  /** What is missing on the disk as it is at this moment, opened where there is room. */
  async missingOnDisk(): Promise<string[]> {
    const copy = mkdtempSync(join(scratch, 'syncline-copy-'))
    try {
      if (this.relay.isRunning) this.relay.process.kill('SIGSTOP')
      cpSync(join(this.relay.dataDirectory, 'log'), join(copy, 'log'), { recursive: true })
      if (this.relay.isRunning) this.relay.process.kill('SIGCONT')
      return await this.oracle.missingOnDisk(copy)
    } finally {
      rmSync(copy, { recursive: true })
    }
  }

  async kill(): Promise<void> {
    await this.relay.kill('SIGKILL')
    await this.#crowd?.stayAway()
  }

  async restart(): Promise<void> {
    await this.relay.start()
    this.#crowd?.comeBack(this.relay.webSocketUrl)
  }

  async finish(): Promise<void> {
    await this.#crowd?.finish()
  }
}

test.skipIf(withoutTmpfs)(
  'a full disk: nothing is acknowledged that is not on it, it goes on when there is room, nothing is lost by a kill then',
  { timeout: fullDisks * 60_000 },
  async () => {
    const chance = new Chance(seed)
    const disk = new SmallDisk(32 * MiB)
    onTestFinished(() => disk.unmount())
    const life = new Life({ dataDirectory: join(disk.path, 'data'), args: ['--disk-reserve', '0'] })
    await life.relay.start()
    life.join({
      chance,
      pages: ['page'],
      writers: [
        { documents: ['page'], inFlightMax: 1 },
        { documents: ['rows 0', 'rows 1'], inFlightMax: 8 },
        { documents: ['rows 1'], inFlightMax: 1, size: () => chance.int(20 * KiB) },
      ],
    })
    for (let time = 0; time < fullDisks; time++) {
      await life.acknowledged(100)
      disk.fill(chance.int(300 * KiB))
      await life.ready(false)
      expect(await life.missingOnDisk(), 'while the disk is full').toEqual([])
      if (time % 3 === 2) await killedMeanwhile(life, disk)
      else await recovered(life, disk)
      await life.kill()
      expect(await life.missingOnDisk(), 'after a kill that followed').toEqual([])
      await life.restart()
    }
    await life.finish()
    expect(await life.missingOnDisk(), 'in the end').toEqual([])
    console.info(`${fullDisks} times the disk was full, ${life.oracle.acknowledged} acknowledgements, nothing is lost`)
  },
)

test.skipIf(withoutTmpfs)(
  'a reserve: no edits are taken before the disk is full, and again when there is room',
  async () => {
    const chance = new Chance(seed)
    const disk = new SmallDisk(32 * MiB)
    onTestFinished(() => disk.unmount())
    const life = new Life({ dataDirectory: join(disk.path, 'data'), args: ['--disk-reserve', '8MiB'] })
    await life.relay.start()
    life.join({ chance, pages: ['page'], writers: [{ documents: ['page', 'rows'], inFlightMax: 2 }] })
    await life.acknowledged(50)
    disk.fill(4 * MiB)
    await until('the relay to take no edits', () => life.endings.includes('disk_full'), { seen: () => life.endings })
    expect(await life.missingOnDisk(), 'while edits are refused').toEqual([])
    await recovered(life, disk)
    expect(life.endings).not.toContain('storage_failed')
    await life.kill()
    expect(await life.missingOnDisk(), 'after a kill that followed').toEqual([])
    await life.restart()
    await life.finish()
  },
)

async function recovered(life: Life, disk: SmallDisk): Promise<void> {
  const { pid } = life.relay.process
  disk.free()
  await life.ready(true)
  await life.acknowledged(100)
  expect(life.relay.process.pid).toBe(pid)
}

async function killedMeanwhile(life: Life, disk: SmallDisk): Promise<void> {
  await life.kill()
  disk.free()
  await life.restart()
  await life.acknowledged(100)
}

describe.skipIf(withoutRecorder)('a sync that fails', () => {
  beforeAll(compileRecorder)

  test(`each of the first ${failingSyncs}: the relay goes on, and nothing is lost by a kill then`, {
    timeout: failingSyncs * 10_000,
  }, async () => {
    const syncs = Array.from({ length: failingSyncs }, (_, index) => index + 1)
    const outcomes: Outcome[] = []
    const run = async () => {
      for (let sync = syncs.shift(); sync !== undefined; sync = syncs.shift()) outcomes.push(await failSync(sync))
    }
    await Promise.all([run(), run()])
    const starts = outcomes.filter(({ at }) => at === 'start').length
    const acknowledged = outcomes.reduce((sum, { acknowledged }) => sum + acknowledged, 0)
    console.info(`${outcomes.length} errors, ${starts} at the start, ${acknowledged} acknowledgements, nothing is lost`)
    expect(outcomes).toHaveLength(failingSyncs)
  })

  test('again and again for a while: the relay says so, and goes on', async () => {
    const chance = new Chance(seed)
    const life = new Life(recorded({ failSync: 30 + chance.int(50), failCount: 3 }))
    await life.relay.start()
    life.join({ chance, pages: ['page'], writers: [{ documents: ['page', 'rows'], inFlightMax: 2 }] })
    await life.ready(false)
    await life.ready(true)
    await life.acknowledged(50)
    await life.kill()
    expect(await life.missingOnDisk()).toEqual([])
    await life.restart()
    await life.finish()
  })
})

interface Outcome {
  readonly at: 'start' | 'commit'
  readonly acknowledged: number
}

async function failSync(sync: number): Promise<Outcome> {
  const options = recorded({ failSync: sync })
  const life = new Life(options)
  const isStarted = await life.relay.start().then(
    () => true,
    () => false,
  )
  if (isStarted) {
    await writeAndKill(life, () => life.endings.includes('storage_failed'))
    return { at: 'commit', acknowledged: life.oracle.acknowledged }
  }
  expect(life.relay.complaints).toMatch(/^syncline: storage_failed: .+\n$/)
  const second = new Life({ ...options, env: {} })
  await second.relay.start()
  await writeAndKill(second, () => true)
  return { at: 'start', acknowledged: second.oracle.acknowledged }
}

/** Every acknowledgement takes a commit of its own, so that the error comes soon. */
async function writeAndKill(life: Life, hasFailed: () => boolean): Promise<void> {
  const { pid } = life.relay.process
  life.join({ chance: new Chance(seed), pages: [], writers: [{ documents: ['rows'], inFlightMax: 1 }] })
  await until('the error', hasFailed, { seen: () => [life.oracle.acknowledged, life.relay.complaints] })
  await life.acknowledged(20)
  expect(life.relay.process.pid).toBe(pid)
  await life.kill()
  expect(await life.missingOnDisk()).toEqual([])
}

/** A data directory that is new, and the environment of a relay whose syncs there fail. */
function recorded(options: Pick<RecorderOptions, 'failSync' | 'failCount'>): RelayProcessOptions {
  const place = realpathSync(mkdtempSync(join(scratch, 'syncline-error-')))
  onTestFinished(() => rmSync(place, { recursive: true }))
  return { dataDirectory: join(place, 'data'), env: recorderEnv({ directory: place, ...options }) }
}
