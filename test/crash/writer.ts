import { type Append, chainAfter, type Log, type LogRecord } from '@syncline/protocol'
import { seededRandom } from '../support/random.js'

const documents = 40
const KiB = 1024

/** What a commit put where: documents with the position of the new record. */
export type Committed = readonly (readonly [document: string, position: number])[]

/** Commits to a log at random: some documents a commit, mostly keystrokes, now and then a picture. */
export class Writer {
  readonly #log: Log
  readonly #random: () => number
  readonly #heads = new Map<string, Pick<LogRecord, 'position' | 'chain'>>()
  readonly #name: string
  #commits = 0

  private constructor(log: Log, seed: number) {
    this.#log = log
    this.#random = seededRandom(seed)
    this.#name = `writer ${seed}`
  }

  /** Goes on where the log ends. */
  static async on(log: Log, seed: number): Promise<Writer> {
    const writer = new Writer(log, seed)
    for (const { name } of await log.list()) writer.#heads.set(name, (await log.read(name))!.records.at(-1)!)
    return writer
  }

  async commit(): Promise<Committed> {
    const names = new Set(Array.from({ length: 1 + this.#below(6) }, () => `document ${this.#below(documents)}`))
    const commit = `${this.#name} commit ${this.#commits++} of ${names.size}`
    const appends = [...names].map((document) => this.#append(document, commit))
    await this.#log.commit(appends)
    for (const { document, record } of appends) this.#heads.set(document, record)
    return appends.map(({ document, record }) => [document, record.position])
  }

  #append(document: string, commit: string): Append {
    const head = this.#heads.get(document) ?? { position: 0, chain: 0 }
    const runs = [{ author: commit, update: new Uint8Array(this.#size()).fill(this.#below(256)) }]
    const record = { position: head.position + 1, chain: chainAfter(head.chain, runs), time: 0, runs }
    return { document, epoch: '00c0ffee00c0ffee', record }
  }

  #size(): number {
    const chance = this.#random()
    return this.#below(chance < 0.95 ? 60 : chance < 0.995 ? 10 * KiB : 200 * KiB)
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }
}

/** What a log lacks of what was called committed, and which of its commits are there in part. */
export async function faultsOf(log: Log, acknowledged: ReadonlyMap<string, number>): Promise<string[]> {
  const faults: string[] = []
  const commits = new Map<string, number>()
  for (const { name } of await log.list()) {
    const { records } = (await log.read(name))! // throws where a record is damaged or missing
    for (const { runs } of records) commits.set(runs[0]!.author, (commits.get(runs[0]!.author) ?? 0) + 1)
    const expected = acknowledged.get(name) ?? 0
    if (records.length < expected) faults.push(`${name} ends at ${records.length}, acknowledged is ${expected}`)
  }
  for (const name of acknowledged.keys()) if ((await log.read(name)) === null) faults.push(`${name} is gone`)
  for (const [commit, records] of commits) {
    if (!commit.endsWith(` of ${records}`)) faults.push(`${commit} is there with ${records} records`)
  }
  return faults
}
