import { randomInt } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { openLevelLog } from '@syncline/server'
import { expect, onTestFinished, test } from 'vitest'
import { RelayProcess } from '../support/relay.js'
import { Chance } from '../support/sessions.js'
import { until } from '../support/until.js'
import { Backups } from './backups.js'
import { Crowd } from './crowd.js'
import { Oracle, replicaOf } from './oracle.js'
import { contentOf } from './people.js'
import { readFresh } from './reader.js'

const kills = Number(process.env.SYNCLINE_KILLS ?? 150)
const killsOfDirectoryMax = 20
const KiB = 1024
// a backup or a drain of what is written here takes some 10 ms on a machine that is idle, and much longer on one that is not
const underWayMs = [5, 15, 60]
// with fewer kills than this, chance may leave one kind out
const killsOfAllKinds = 100
const liar = fileURLToPath(new URL('liar.mjs', import.meta.url))

/** A data directory, the relay on it, and those who write to it: from its first commit to its last kill. */
class Life {
  readonly oracle = new Oracle()
  kills = 0
  /** those of them after SIGTERM, before the end that it asks for */
  killsInDrain = 0
  readonly backups: Backups
  /** documents that had been compacted in the end */
  compacted = 0
  readonly #chance: Chance
  readonly #relay: RelayProcess
  readonly #crowd: Crowd
  readonly #startMs: number

  private constructor(relay: RelayProcess, chance: Chance, startMs: number) {
    this.#relay = relay
    this.#chance = chance
    this.#startMs = startMs
    this.backups = new Backups(relay.dataDirectory, this.oracle)
    this.#crowd = new Crowd(relay.webSocketUrl, {
      chance,
      oracle: this.oracle,
      pages: ['page 0', 'page 1'],
      writers: [
        { documents: ['page 0'], inFlightMax: 1 },
        { documents: ['rows 0', 'rows 1', 'rows 2'], inFlightMax: 8 },
        { documents: ['rows 1', 'rows 2', 'rows 3'], inFlightMax: 2 },
        { documents: ['rows 0', 'rows 4'], inFlightMax: 40 },
        // enough to be compacted now and then
        { documents: ['pictures'], inFlightMax: 2, size: () => chance.int(6 * KiB) },
      ],
    })
  }

  static async begin(chance: Chance, env: Readonly<Record<string, string>> = {}): Promise<Life> {
    const relay = new RelayProcess({ env, args: ['--log-level', 'info'] })
    onTestFinished(async () => {
      if (relay.isRunning) await relay.kill('SIGKILL')
      await relay.stop()
    })
    const began = performance.now()
    await relay.start()
    const life = new Life(relay, chance, performance.now() - began)
    onTestFinished(() => life.#crowd.leave())
    return life
  }

  /** Kills it once or twice; returns what is missing afterwards. */
  async kill(): Promise<string[]> {
    const odds = this.#chance.next()
    await this.#loaded(1 + this.#chance.int(this.#chance.pick([10, 100, 1_000])))
    const missing: string[] = []
    if (odds < 0.2) await this.#killWhileDraining()
    else if (odds < 0.4) missing.push(...(await this.backups.during(() => this.#killSoon())))
    else await this.#kill()
    await this.#crowd.stayAway()
    if (odds > 0.85) await this.#killWhileStarting()
    if (this.#chance.happens(0.5)) missing.push(...(await this.oracle.missingOnDisk(this.#relay.dataDirectory)))
    await this.#relay.start()
    missing.push(...(await this.#missingForNewcomers()))
    this.#crowd.comeBack(this.#relay.webSocketUrl)
    return missing
  }

  /** Lets everybody finish, and ends; returns what differs. */
  async end(): Promise<string[]> {
    await this.#crowd.finish()
    await this.#crowd.leave()
    expect(await this.#relay.kill('SIGTERM')).toBe(0)
    const log = await openLevelLog(this.#relay.dataDirectory)
    try {
      const missing = await this.oracle.missingIn(log)
      for (const document of this.oracle.documents) {
        const stored = await log.read(document)
        missing.push(...this.#differences(document, contentOf(replicaOf(stored))))
        if (stored?.base) this.compacted++
      }
      return missing
    } finally {
      await log.close()
    }
  }

  #differences(document: string, content: string): string[] {
    return this.#crowd
      .replicas(document)
      .filter((replica) => contentOf(replica) !== content)
      .map(({ clientID }) => `${document}: the replica of ${clientID} is not what is on disk`)
  }

  /** Waits until so many more updates were acknowledged, and for a moment more: not always just after an ack. */
  async #loaded(acks: number): Promise<void> {
    const before = this.oracle.acknowledged
    await until(`${acks} acknowledgements`, () => this.oracle.acknowledged >= before + acks)
    await pause(this.#chance.next() * 3)
  }

  async #kill(): Promise<void> {
    await this.#relay.kill('SIGKILL')
    this.kills++
  }

  async #killWhileDraining(): Promise<void> {
    const ended = this.#relay.kill('SIGTERM')
    const hasBegun = () => !this.#relay.isRunning || this.#relay.complaints.includes('the relay is stopping')
    await until('the drain to begin', hasBegun)
    await pause(this.#chance.next() * this.#chance.pick(underWayMs))
    // it may have been quicker
    if (this.#relay.isRunning) {
      await this.#kill()
      this.killsInDrain++
    }
    await ended
  }

  async #killSoon(): Promise<void> {
    await pause(this.#chance.next() * this.#chance.pick(underWayMs))
    await this.#kill()
  }

  async #killWhileStarting(): Promise<void> {
    const started = this.#relay.start().catch(() => {})
    await pause(this.#chance.next() * this.#startMs)
    await this.#kill()
    await started
  }

  async #missingForNewcomers(): Promise<string[]> {
    const missing: string[] = []
    for (const document of this.oracle.documents) {
      const fresh = await readFresh(this.#relay.webSocketUrl, document)
      missing.push(...this.oracle.missingInReplica(document, fresh))
    }
    return missing
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

test(
  `${kills} kills at random moments lose nothing that was acknowledged or shown`,
  async () => {
    const seed = Number(process.env.SYNCLINE_SEED ?? randomInt(2 ** 31))
    console.info(`seed ${seed}: SYNCLINE_SEED=${seed} npx vitest run test/crash/relay-kill.test.ts`)
    const chance = new Chance(seed)
    const began = performance.now()
    let [killed, directories, acknowledged, shown, compacted] = [0, 0, 0, 0, 0]
    let [inDrain, cutOff, whole] = [0, 0, 0]
    while (killed < kills) {
      const life = await Life.begin(chance)
      const last = Math.min(1 + chance.int(killsOfDirectoryMax), kills - killed)
      while (life.kills < last) expect(await life.kill(), `after kill ${killed + life.kills}`).toEqual([])
      expect(await life.end(), 'in the end').toEqual([])
      directories++
      killed += life.kills
      acknowledged += life.oracle.acknowledged
      shown += life.oracle.shown
      compacted += life.compacted
      inDrain += life.killsInDrain
      cutOff += life.backups.cutOff
      whole += life.backups.whole
    }
    const seconds = Math.round((performance.now() - began) / 1_000)
    console.info(`${killed} kills in ${seconds} s, ${directories} data directories, ${compacted} compacted documents`)
    console.info(`${acknowledged} updates were acknowledged and ${shown} shown: none is lost`)
    console.info(`${inDrain} kills in a drain; ${cutOff} backups cut off, ${whole} of those that were begun are whole`)
    expect(Math.min(acknowledged, shown)).toBeGreaterThan(kills)
    if (kills >= killsOfAllKinds) expect(Math.min(inDrain, cutOff)).toBeGreaterThan(kills / 50)
  },
  kills * 10_000,
)

test('a relay that acknowledges before it has committed is found out', async () => {
  const chance = new Chance(1)
  const life = await Life.begin(chance, { NODE_OPTIONS: `--import=${liar}` })
  const missing: string[] = []
  for (let kill = 0; kill < 10 && missing.length === 0; kill++) missing.push(...(await life.kill()))
  expect(missing).not.toEqual([])
}, 60_000)
