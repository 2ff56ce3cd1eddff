import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { RelayProcess } from '../../support/relay.js'
import type { Chance } from '../../support/sessions.js'
import { until } from '../../support/until.js'
import type { Oracle, Witness } from '../oracle.js'
import { RawWriter, type RawWriterOptions } from '../rawWriter.js'
import { Disk, type NameRules } from './disk.js'
import { type Entry, readJournal } from './journal.js'
import { journalLength, type RecorderOptions, recorderEnv } from './recorder.js'

/** Something that clients were told, and how long the journal was by then: it holds for every cut from there on. */
export interface Note {
  readonly at: number
  readonly tell: (oracle: Oracle) => void
}

/** How a relay is recorded. */
export interface RecordingOptions {
  readonly chance: Chance
  /** how often it is started */
  readonly lives: readonly LifeOptions[]
  readonly writers: readonly { readonly documents: readonly string[]; readonly inFlightMax: number }[]
  readonly size?: RawWriterOptions['size']
}

/** How a relay lives until it is started again. */
export interface LifeOptions extends Pick<RecorderOptions, 'failSync' | 'dieAt'> {
  /** how many updates are acknowledged before it is asked to end */
  readonly acks: number
}

const syncMs = 2

/** What a relay did to its disk, and what it told its clients when. */
export class Recording implements Witness {
  readonly #place: string
  readonly #notes: Note[]
  readonly #contradictions: string[] = []
  #acknowledged = 0

  /**
   * @param place an empty directory of its own; with a `disk` in it, the relay begins with that
   * @param before what clients had been told by then
   */
  constructor(place: string, before: readonly Note[] = []) {
    this.#place = place
    this.#notes = before.map(({ tell }) => ({ at: 0, tell }))
    mkdirSync(this.#disk, { recursive: true })
    cpSync(this.#disk, this.#before, { recursive: true })
  }

  get acknowledged(): number {
    return this.#acknowledged
  }

  /** What clients were told, in order. */
  get notes(): readonly Note[] {
    return this.#notes
  }

  acknowledge(document: string, update: Uint8Array): void {
    this.#acknowledged++
    this.#note((oracle) => oracle.acknowledge(document, update))
  }

  show(document: string, update: Uint8Array): void {
    this.#note((oracle) => oracle.show(document, update))
  }

  pass(document: string, point: Parameters<Witness['pass']>[1]): void {
    this.#note((oracle) => oracle.pass(document, point))
  }

  contradict(fact: string): void {
    this.#contradictions.push(fact)
  }

  /**
   * Runs the relay, time after time, while clients write.
   *
   * @throws where a client notices by itself that the relay does not keep its word
   */
  async run({ chance, lives, writers, size }: RecordingOptions): Promise<void> {
    const clients = writers.map(
      ({ documents, inFlightMax }) =>
        new RawWriter(documents, { chance, witness: this, inFlightMax, ...(size && { size }) }),
    )
    for (const life of lives) await this.#live(life, clients)
    if (this.#contradictions.length > 0) throw new Error(this.#contradictions.join('\n'))
  }

  /** The journal, read when all is done. */
  entries(): Entry[] {
    return readJournal(readFileSync(this.#journal))
  }

  /** The disk as it was before the first operation. */
  newDisk(rules: NameRules): Disk {
    const disk = new Disk(rules)
    disk.load(this.#before)
    return disk
  }

  /** The files that the journal does not explain: what it says of them is not what is on the real disk. */
  unexplainedFiles(): string[] {
    const disk = this.newDisk('ordered')
    for (const { operation } of this.entries()) disk.perform(operation)
    const seen = disk.seen()
    const real = readdirSync(this.#disk, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(this.#disk, join(entry.parentPath, entry.name)))
    const isExplained = (path: string) => seen.get(path)?.equals(readFileSync(join(this.#disk, path)))
    return [...real.filter((path) => !isExplained(path)), ...[...seen.keys()].filter((path) => !real.includes(path))]
  }

  get #disk(): string {
    return join(this.#place, 'disk')
  }

  get #before(): string {
    return join(this.#place, 'before')
  }

  get #journal(): string {
    return join(this.#place, 'journal')
  }

  #note(tell: Note['tell']): void {
    this.#notes.push({ at: journalLength(this.#journal), tell })
  }

  async #live({ acks, ...options }: LifeOptions, clients: readonly RawWriter[]): Promise<void> {
    const env = recorderEnv({ directory: this.#disk, journal: this.#journal, syncMs, ...options })
    const relay = new RelayProcess({ dataDirectory: join(this.#disk, 'data'), env })
    const before = this.#acknowledged
    try {
      const isStarted = await relay.start().then(
        () => true,
        (error: unknown) => {
          if (options.dieAt === undefined) throw error
          return false
        },
      )
      if (!isStarted) return
      for (const client of clients) client.connect(relay.webSocketUrl)
      await until(`${acks} acknowledgements`, () => !relay.isRunning || this.#acknowledged >= before + acks, {
        timeoutMs: 60_000,
        seen: () => [this.#acknowledged - before, relay.complaints],
      })
    } finally {
      if (relay.isRunning) await relay.kill('SIGTERM')
      await until('all sockets to be closed', () => !clients.some(({ isConnected }) => isConnected))
    }
  }
}
