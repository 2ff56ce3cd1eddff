import { randomInt } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { askRelay, type ControlRequest } from '../../packages/server/src/control/client.js'
import { restoreBackup } from '../../packages/server/src/log/restore.js'
import { Oracle } from '../crash/oracle.js'
import { readFresh } from '../crash/reader.js'
import { RelayProcess } from '../support/relay.js'
import { Chance } from '../support/sessions.js'
import { root } from '../support/tree.js'
import { until } from '../support/until.js'
import { author, pause, readSlowly, typists, type Visit, writer } from './visitors.js'
import { growth, look, tableOf, type Vitals } from './vitals.js'

const seconds = Number(process.env.SYNCLINE_SOAK_SECONDS ?? 45)
const sampleMs = 1_000
const backupMs = 4_000
const unloadMs = 30_000 // it takes 5 s
const visits: readonly Visit[] = [typists, typists, typists, author, writer, writer]

/** A relay at work: people and documents come and go. */
class Soak {
  readonly oracle = new Oracle()
  readonly samples: Vitals[] = []
  readonly faults: string[] = []
  generations = 0
  backups = 0
  readonly #relay: RelayProcess
  readonly #chance: Chance
  readonly #directory: string
  readonly #end = performance.now() + seconds * 1_000
  readonly #began = performance.now()

  constructor(relay: RelayProcess, chance: Chance, directory: string) {
    this.#relay = relay
    this.#chance = chance
    this.#directory = directory
  }

  get heapFile(): string {
    return join(this.#directory, 'heap')
  }

  async run(): Promise<void> {
    const slots = visits.map((visit, slot) => this.#stay(`document ${slot}`, visit))
    await Promise.all([...slots, this.#lurk(), this.#backUpNowAndThen(), this.#sample()])
  }

  get #isOver(): boolean {
    return performance.now() > this.#end
  }

  /** One generation after the other: a document is written, looked at, and deleted. */
  async #stay(document: string, visit: Visit): Promise<void> {
    while (!this.#isOver) {
      await visit(this.#relay.webSocketUrl, document, this.#chance, this.oracle)
      this.generations++
      // a second visit finds it with all that was in it
      if (this.#chance.happens(0.5)) await visit(this.#relay.webSocketUrl, document, this.#chance, this.oracle)
      if (this.#chance.happens(0.3)) await this.#ask({ path: '/documents/compact', body: { name: document } })
      const fresh = await readFresh(this.#relay.webSocketUrl, document)
      this.faults.push(...this.oracle.missingInReplica(document, fresh))
      if (this.#isOver || this.#chance.happens(0.2)) continue
      this.oracle.forget(document)
      await this.#ask({ path: '/documents/delete', body: { name: document } })
      await this.#ask({ path: '/documents/create', body: { name: document } })
    }
  }

  async #lurk(): Promise<void> {
    while (!this.#isOver) {
      const document = `document ${this.#chance.int(visits.length)}`
      await readSlowly(this.#relay.webSocketUrl, document, this.#chance)
    }
  }

  /** Each of them can be restored, and has what it should but for what was deleted meanwhile. */
  async #backUpNowAndThen(): Promise<void> {
    while (!this.#isOver) {
      await pause(backupMs)
      const backup = join(this.#directory, `backup-${this.backups++}`)
      await this.#ask({ path: '/backup', body: { directory: backup } })
      await restoreBackup(backup, `${backup}-restored`, { time: 1, newEpoch: () => 'cccccccccccccccc' })
      rmSync(backup, { recursive: true })
      rmSync(`${backup}-restored`, { recursive: true })
    }
  }

  async #sample(): Promise<void> {
    while (!this.#isOver) {
      await pause(sampleMs)
      const { exceptions, ...vitals } = await look(this.#relay, this.heapFile)
      if (exceptions > 0) this.faults.push(`${exceptions} exceptions`)
      const second = Math.round((performance.now() - this.#began) / 1_000)
      this.samples.push({ second, ...vitals, acknowledged: this.oracle.acknowledged })
    }
  }

  async #ask(request: ControlRequest): Promise<void> {
    if ((await askRelay(this.#relay.dataDirectory, request)) === null) this.faults.push('the relay does not answer')
  }
}

test.skipIf(process.platform !== 'linux')(
  `${seconds} s of mixed work leave nothing behind, and lose nothing`,
  async () => {
    const seed = Number(process.env.SYNCLINE_SEED ?? randomInt(2 ** 31))
    console.info(`seed ${seed}: SYNCLINE_SEED=${seed} npm run soak`)
    const directory = mkdtempSync(join(tmpdir(), 'syncline-soak-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const env = { NODE_OPTIONS: `--import=${join(root, 'test/soak/heap.mjs')}`, SYNCLINE_HEAP: join(directory, 'heap') }
    const relay = new RelayProcess({ env })
    await relay.start()
    onTestFinished(() => relay.stop())
    const soak = new Soak(relay, new Chance(seed), directory)
    await soak.run()

    console.info(tableOf(soak.samples))
    console.info(
      `${soak.generations} visits, ${soak.backups} backups, ${soak.oracle.acknowledged} updates acknowledged: none is lost`,
    )
    expect(soak.faults).toEqual([])
    expect(growth(soak.samples)).toEqual([])
    const isEmpty = async () => {
      const { rooms, sessions } = await look(relay, soak.heapFile)
      return rooms === 0 && sessions === 0
    }
    await until('the relay to be empty', isEmpty, { timeoutMs: unloadMs })
    expect(await relay.kill('SIGTERM'), relay.complaints).toBe(0)
    expect(await soak.oracle.missingOnDisk(relay.dataDirectory)).toEqual([])
  },
  (seconds + 240) * 1_000,
)
