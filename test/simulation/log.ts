import { type Append, Coverage, type LogRecord, type StoredDocument } from '@syncline/protocol'
import type { Random } from './random.js'
import type { Time } from './time.js'

interface Stored {
  epoch: string
  records: LogRecord[]
  coverage: Coverage
}

/** A disk: what is on it survives a crash of the relay; a commit reaches it some time before the relay hears of it. */
export class Disk {
  readonly documents = new Map<string, Stored>()
  readonly #time: Time
  readonly #random: Random
  /** a crash makes the callbacks of the process before it void */
  #process = 0

  constructor(time: Time, random: Random) {
    this.#time = time
    this.#random = random
  }

  commit(appends: readonly Append[], done: () => void): void {
    const process = this.#process
    const slow = this.#random.chance(0.05) ? 400 : 8
    this.#time.after(this.#random.between(0.1, slow), () => {
      if (process !== this.#process) return
      for (const append of appends) this.#store(append)
      this.#time.after(this.#random.between(0, slow), () => {
        if (process === this.#process) done()
      })
    })
  }

  read(document: string, done: (stored: StoredDocument | null) => void): void {
    const process = this.#process
    this.#time.after(this.#random.between(0.1, 20), () => {
      if (process === this.#process) done(this.stored(document))
    })
  }

  stored(document: string): StoredDocument | null {
    const stored = this.documents.get(document)
    if (!stored) return null
    return { epoch: stored.epoch, base: null, basePosition: 0, baseChain: 0, records: [...stored.records] }
  }

  coverageOf(document: string): Coverage {
    return coverageOf(this.documents.get(document)?.records ?? [])
  }

  /** The process that used this disk is gone: what had not reached the disk never will. */
  crash(): void {
    this.#process++
  }

  /** An operator restores an older backup, which renews the epochs. */
  restoreOlder(newEpoch: () => string): void {
    for (const stored of this.documents.values()) {
      const age = this.#random.pick([4, 12, stored.records.length + 1])
      stored.records = stored.records.slice(0, Math.max(0, stored.records.length - this.#random.int(age)))
      stored.epoch = newEpoch()
      stored.coverage = coverageOf(stored.records)
    }
  }

  /** The disk had said that the last records were synced, and they are not there: nobody can know. */
  loseLast(): void {
    for (const stored of this.documents.values()) {
      stored.records = stored.records.slice(0, Math.max(0, stored.records.length - this.#random.int(4)))
      stored.coverage = coverageOf(stored.records)
    }
  }

  #store({ document, epoch, record }: Append): void {
    const stored = this.documents.get(document) ?? { epoch, records: [], coverage: new Coverage() }
    const expected = (stored.records.at(-1)?.position ?? 0) + 1
    if (record.position !== expected)
      throw new Error(`${document}: record ${record.position} where ${expected} was due`)
    stored.records.push(record)
    for (const run of record.runs) stored.coverage.add(run.update)
    this.documents.set(document, stored)
  }
}

function coverageOf(records: readonly LogRecord[]): Coverage {
  const coverage = new Coverage()
  for (const record of records) for (const run of record.runs) coverage.add(run.update)
  return coverage
}
