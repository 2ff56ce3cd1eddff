import { randomInt } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type DocumentHandle } from '@syncline/client'
import { openLevelLog } from '@syncline/server'
import { expect, onTestFinished, test } from 'vitest'
import { RelayProcess } from '../support/relay.js'
import { Chance } from '../support/sessions.js'
import { until } from '../support/until.js'
import { Oracle } from './oracle.js'
import { readFresh } from './reader.js'

const kills = Number(process.env.SYNCLINE_KILLS ?? 24)
const documents = ['a', 'b', 'c']
const unsavedMax = 4
const pasted = 'pasted'
// some 40 of them make a document due, and each goes with the next one
const pasteLength = 6_000
// a compaction here takes some 20 ms on a machine that is idle, and much longer on one that is not
const compactionMs = [10, 30, 150]
const [begins, ends] = ['compaction of a document begins', 'a document was compacted']

/** Somebody who pastes into documents, each time in place of what was there, as fast as it is saved. */
class Paster {
  readonly #connection: ReturnType<typeof connect>
  readonly #handles: readonly DocumentHandle[]
  readonly #chance: Chance
  readonly #pasting: NodeJS.Timeout
  readonly #unsaved = new Map<string, number>()

  constructor(webSocketUrl: string, chance: Chance, oracle: Oracle) {
    this.#chance = chance
    this.#connection = connect(webSocketUrl, { retryMsMax: 100 })
    this.#handles = documents.map((name) => this.#connection.open(name))
    for (const handle of this.#handles) {
      handle.doc.on('update', (update: Uint8Array, origin: unknown) => {
        if (origin !== pasted) return oracle.show(handle.name, update)
        this.#count(handle.name, 1)
        handle.saved().then(
          () => {
            this.#count(handle.name, -1)
            oracle.acknowledge(handle.name, update)
          },
          () => {}, // it left before
        )
      })
    }
    this.#pasting = setInterval(() => {
      if (this.isOnline) for (const handle of this.#handles) this.#paste(handle)
    }, 1)
  }

  get isOnline(): boolean {
    return this.#connection.state === 'online'
  }

  goOnline(): void {
    this.#connection.goOnline()
  }

  goOffline(): void {
    this.#connection.goOffline()
  }

  leave(): Promise<void> {
    clearInterval(this.#pasting)
    return this.#connection.close()
  }

  #paste({ name, doc }: DocumentHandle): void {
    if (this.#count(name, 0) >= unsavedMax) return
    const text = doc.getText()
    const letter = String.fromCharCode(0x61 + this.#chance.int(26))
    doc.transact(() => {
      if (text.length > pasteLength) text.delete(0, text.length - this.#chance.int(20))
      text.insert(this.#chance.int(text.length + 1), letter.repeat(pasteLength))
    }, pasted)
  }

  #count(name: string, more: number): number {
    const count = (this.#unsaved.get(name) ?? 0) + more
    this.#unsaved.set(name, count)
    return count
  }
}

test(
  `${kills} kills while documents are compacted lose nothing that was acknowledged or shown`,
  async () => {
    const seed = Number(process.env.SYNCLINE_SEED ?? randomInt(2 ** 31))
    console.info(`seed ${seed}: SYNCLINE_SEED=${seed} npx vitest run test/crash/compaction-kill.test.ts`)
    const [chance, oracle] = [new Chance(seed), new Oracle()]
    const dataDirectory = mkdtempSync(join(tmpdir(), 'syncline-compaction-kill-'))
    onTestFinished(() => rmSync(dataDirectory, { recursive: true }))
    const relay = new RelayProcess({ dataDirectory, args: ['--log-level', 'debug', '--keep-history', 'c'] })
    const count = (message: string) => relay.complaints.split(message).length - 1
    await relay.start()
    onTestFinished(() => relay.stop())
    const pasters = [0, 1].map(() => new Paster(relay.webSocketUrl, chance, oracle))
    onTestFinished(async () => void (await Promise.all(pasters.map((paster) => paster.leave()))))

    let [compactions, cutShort] = [0, 0]
    for (let kill = 1; kill <= kills; kill++) {
      for (const paster of pasters) paster.goOnline()
      const wanted = 1 + chance.int(3)
      // however slow the machine is, a third of the lives see one through
      const finished = kill % 3 === 0 ? 1 : 0
      await until(`compaction ${wanted} to begin`, () => count(begins) >= wanted && count(ends) >= finished, {
        timeoutMs: 60_000,
        seen: () => relay.complaints,
      })
      await new Promise((resolve) => setTimeout(resolve, chance.next() * chance.pick(compactionMs)))
      await relay.kill('SIGKILL')
      expect(relay.complaints).not.toMatch(/compaction_(mismatch|failed)/)
      compactions += count(ends)
      if (count(begins) > count(ends)) cutShort++
      // what it had sent is still read; then all stay away, so that nobody heals a loss
      await until('all sockets to be closed', () => !pasters.some(({ isOnline }) => isOnline))
      for (const paster of pasters) paster.goOffline()

      expect(await missingOnDisk(dataDirectory, oracle), `after kill ${kill}`).toEqual([])
      await relay.start()
      for (const document of documents) {
        const fresh = await readFresh(relay.webSocketUrl, document)
        expect(oracle.missingInReplica(document, fresh), `for a newcomer after kill ${kill}`).toEqual([])
      }
    }
    console.info(`${kills} kills, ${cutShort} of them in a compaction; ${compactions} compactions came to an end`)
    console.info(`${oracle.acknowledged} updates were acknowledged and ${oracle.shown} shown: none is lost`)
    expect(cutShort).toBeGreaterThan(kills / 4)
    expect(compactions).toBeGreaterThanOrEqual(Math.floor(kills / 3))
    expect(Math.min(oracle.acknowledged, oracle.shown)).toBeGreaterThan(kills)
  },
  kills * 10_000,
)

/** What the log lacks, and of the history that it keeps, what has a gap. */
async function missingOnDisk(dataDirectory: string, oracle: Oracle): Promise<string[]> {
  const log = await openLevelLog(dataDirectory)
  try {
    const missing = await oracle.missingIn(log)
    const { start } = (await log.read('c'))!
    const history = await log.history('c', { limit: 1_000_000 })
    for (const [i, { position }] of history.entries()) {
      if (position !== i + 1) return [...missing, `the history has ${position} where ${i + 1} belongs`]
    }
    // what a crash kept from being moved is moved the next time, and is still where it was until then
    if (history.length > start.position) missing.push('the history has what is not compacted')
    return missing
  } finally {
    await log.close()
  }
}
