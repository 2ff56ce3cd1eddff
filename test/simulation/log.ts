import {
  type Append,
  type BaseReplacement,
  Coverage,
  type LogRecord,
  mergeUpdates,
  type StoredDocument,
} from '@syncline/protocol'
import * as Y from 'yjs'
import type { Random } from './random.js'
import type { Time } from './time.js'

interface Stored {
  epoch: string
  /** all of them, also those that only the base stands for now: what the verdict is measured by */
  records: LogRecord[]
  /** what readers get instead of the first records */
  base: { readonly update: Uint8Array; readonly position: number; readonly start: number } | null
  coverage: Coverage
}

/** A disk: what is on it survives a crash of the relay; a commit reaches it some time before the relay hears of it. */
export class Disk {
  readonly documents = new Map<string, Stored>()
  compactions = 0
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

  /** Compaction, step by step: any of them may be the last one of this process. */
  compact(document: string, done: (base: Uint8Array, position: number) => void): void {
    const process = this.#process
    const slow = this.#random.pick([8, 400, 5_000])
    const replacement = this.#compacted(document)
    if (replacement === null) return
    this.#time.after(this.#random.between(0.1, slow), () => {
      if (process !== this.#process || !this.#replaceBase(document, replacement)) return
      this.compactions++
      this.#time.after(this.#random.between(0, slow), () => {
        if (process === this.#process) done(replacement.base, replacement.point.position)
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
    const { update = null, position = 0, start = 0 } = stored.base ?? {}
    return {
      epoch: stored.epoch,
      base: update,
      basePosition: position,
      start: { position: start, chain: stored.records[start - 1]?.chain ?? 0 },
      records: stored.records.slice(start),
    }
  }

  coverageOf(document: string): Coverage {
    const stored = this.documents.get(document)
    return stored ? coverageOf(stored) : new Coverage()
  }

  /** The process that used this disk is gone: what had not reached the disk never will. */
  crash(): void {
    this.#process++
  }

  /** An operator restores an older backup, which renews the epochs. */
  restoreOlder(newEpoch: () => string): void {
    for (const stored of this.documents.values()) {
      const age = this.#random.pick([4, 12, stored.records.length + 1])
      goBack(stored, this.#random.int(age))
      stored.epoch = newEpoch()
    }
  }

  /** The disk had said that the last records were synced, and they are not there: nobody can know. */
  loseLast(): void {
    for (const stored of this.documents.values()) {
      goBack(stored, this.#random.int(4))
    }
  }

  #compacted(document: string): BaseReplacement | null {
    const stored = this.stored(document)
    const last = stored?.records.at(-1)
    if (!stored || !last || last.position <= stored.basePosition) return null
    const { position, chain } = last
    const doc = loadStored(stored)
    return {
      point: { epoch: stored.epoch, position, chain },
      base: Y.encodeStateAsUpdate(doc),
      keepAfter: Math.max(0, position - this.#random.int(6)),
      keepHistory: false,
    }
  }

  #replaceBase(document: string, { point, base, keepAfter }: BaseReplacement): boolean {
    const stored = this.documents.get(document)
    if (stored?.epoch !== point.epoch || stored.records[point.position - 1]?.chain !== point.chain) return false
    const { position = 0, start = 0 } = stored.base ?? {}
    if (position >= point.position) return false
    stored.base = { update: base, position: point.position, start: Math.max(start, keepAfter) }
    // integration deletes what no record says, and a base has that
    stored.coverage.add(base)
    return true
  }

  #store({ document, epoch, record }: Append): void {
    const stored = this.documents.get(document) ?? { epoch, records: [], base: null, coverage: new Coverage() }
    const expected = (stored.records.at(-1)?.position ?? 0) + 1
    if (record.position !== expected)
      throw new Error(`${document}: record ${record.position} where ${expected} was due`)
    stored.records.push(record)
    for (const run of record.runs) stored.coverage.add(run.update)
    this.documents.set(document, stored)
  }
}

/** The disk as it was some records ago, and therefore before a base that goes further. */
function goBack(stored: Stored, records: number): void {
  stored.records = stored.records.slice(0, Math.max(0, stored.records.length - records))
  if (stored.base && stored.base.position > stored.records.length) stored.base = null
  stored.coverage = coverageOf(stored)
}

/** A replica that authors nothing: clean-up of formatting would make deletes that no peer ever gets. */
export function quietDoc(): Y.Doc {
  const doc = new Y.Doc()
  doc.on('afterTransaction', (transaction) => {
    transaction._needFormattingCleanup = false
  })
  return doc
}

/** A fresh load of what readers get. */
export function loadStored({ base, basePosition, records }: StoredDocument): Y.Doc {
  const tail = records.filter(({ position }) => position > basePosition).flatMap(({ runs }) => runs)
  const updates = tail.map(({ update }) => update)
  const doc = quietDoc()
  Y.applyUpdate(doc, mergeUpdates(base ? [base, ...updates] : updates))
  return doc
}

function coverageOf({ records, base }: Stored): Coverage {
  const coverage = new Coverage()
  if (base) coverage.add(base.update)
  for (const record of records) for (const run of record.runs) coverage.add(run.update)
  return coverage
}
