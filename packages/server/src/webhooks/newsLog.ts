import { type Append, type BaseReplacement, type Log, type StoredDocument, SynclineError } from '@syncline/protocol'
import { keepsNotes, type Note } from '../log/notes.js'
import { type PackedBases, type PackedDocument, type PackedReplacement, packedBasesOf } from '../log/packedBases.js'
import { type Fact, factsOf, withFact } from './facts.js'

// documents that were created, and have no record yet
const createdMax = 10_000

/** Who is told what is on disk. */
export interface NewsReader {
  /** whether anybody wants to be told of such documents */
  concerns(document: string): boolean
  /** it is on disk; called in the turn of the commit */
  told(document: string, facts: readonly Fact[]): void
  /** ms since 1970 */
  now(): number
  /** the notes cannot be read: what they say is told in another life of the relay */
  exception(error: unknown): void
}

/**
 * A log that notes what somebody is to be told, in one batch with the commit that it is about: what is on disk is told,
 * whenever the process ends. There is one note for each document, so what waits is bounded by the documents; it goes when
 * all have been told.
 */
export class NewsLog implements Log, PackedBases {
  readonly #log: Log
  readonly #reader: NewsReader
  /** what the log's notes say, and what came since they were written */
  readonly #news = new Map<string, readonly Fact[]>()
  /** epochs of documents whose creation was noted before their first record */
  readonly #created = new Map<string, string>()
  /** documents that are being removed or created: that may take long, and holds up no commits of others */
  readonly #rewritten = new Set<string>()
  /** one write of notes at a time: LevelDB keeps no order between two */
  #writing: Promise<unknown>

  constructor(log: Log, reader: NewsReader) {
    this.#log = log
    this.#reader = reader
    this.#writing = this.#readNotes().catch((error: unknown) => reader.exception(error))
  }

  commit(appends: readonly Append[]): Promise<void> {
    return this.#inTurn(async () => {
      const facts = new Map<string, Fact[]>()
      for (const append of appends) this.#addFacts(facts, append)
      await this.#noting(facts, async (notes) => {
        await (keepsNotes(this.#log) ? this.#log.commit(appends, notes) : this.#log.commit(appends))
        return undefined
      })
    })
  }

  remove(document: string, time: number): Promise<boolean> {
    return this.#rewriting(document, async () => {
      const stored = this.#reader.concerns(document) ? await this.#epochOf(document) : null
      const fact: Fact = { type: 'deleted', epoch: stored ?? '', position: 0, time }
      return this.#noting(new Map([[document, [fact]]]), (notes) =>
        keepsNotes(this.#log) ? this.#log.remove(document, time, notes) : this.#log.remove(document, time),
      )
    })
  }

  create(document: string, epoch: string): Promise<boolean> {
    return this.#rewriting(document, async () => {
      const fact: Fact = { type: 'created', epoch, position: 0, time: this.#reader.now() }
      const isCreated = await this.#noting(new Map([[document, [fact]]]), (notes) =>
        keepsNotes(this.#log) ? this.#log.create(document, epoch, notes) : this.#log.create(document, epoch),
      )
      if (isCreated) this.#created.set(document, epoch)
      if (this.#created.size > createdMax) this.#created.delete(this.#created.keys().next().value!)
      return isCreated
    })
  }

  /** What was noted of a document, to be given to {@link settle}. */
  newsOf(document: string): readonly Fact[] | null {
    return this.#news.get(document) ?? null
  }

  /** All have been told so much of these documents: their notes go, but for those with something new. */
  settle(documents: ReadonlyMap<string, readonly Fact[]>): Promise<void> {
    return this.#inTurn(async () => {
      const notes: Note[] = []
      for (const [document, facts] of documents) {
        if (this.#news.get(document) !== facts || this.#rewritten.has(document)) continue
        this.#news.delete(document)
        notes.push({ space: 'news', key: document, value: null })
      }
      if (notes.length > 0) await this.writeNotes(notes)
    })
  }

  /** Notes once more what somebody is to be told, in place of other notes. */
  renew(document: string, facts: readonly Fact[], others: readonly Note[]): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#rewritten.has(document)) throw new SynclineError('document_busy')
      let news = this.#news.get(document) ?? []
      for (const fact of facts) if (!news.some(({ type }) => type === fact.type)) news = withFact(news, fact)
      this.#news.set(document, news)
      await this.writeNotes([{ space: 'news', key: document, value: news }, ...others])
    })
  }

  /** Writes notes of other kinds, where the log keeps any. */
  async writeNotes(notes: readonly Note[]): Promise<void> {
    if (keepsNotes(this.#log)) await this.#log.writeNotes(notes)
  }

  read(document: string): Promise<StoredDocument | null> {
    return this.#log.read(document)
  }

  readPacked(document: string): Promise<PackedDocument | null> {
    return packedBasesOf(this.#log).readPacked(document)
  }

  replaceBase(document: string, replacement: BaseReplacement): Promise<boolean> {
    return this.#log.replaceBase(document, replacement)
  }

  replacePacked(document: string, replacement: PackedReplacement): Promise<boolean> {
    return packedBasesOf(this.#log).replacePacked(document, replacement)
  }

  history(...given: Parameters<Log['history']>): ReturnType<Log['history']> {
    return this.#log.history(...given)
  }

  list(...given: Parameters<Log['list']>): ReturnType<Log['list']> {
    return this.#log.list(...given)
  }

  close(): Promise<void> {
    return this.#log.close()
  }

  /** What was not told before the process ended. */
  async #readNotes(): Promise<void> {
    if (!keepsNotes(this.#log)) return
    for await (const { key, value } of this.#log.notes('news')) {
      const facts = factsOf(value)
      this.#news.set(key, facts)
      this.#reader.told(key, facts)
    }
  }

  #addFacts(facts: Map<string, Fact[]>, { document, epoch, record }: Append): void {
    if (!this.#reader.concerns(document)) return
    const { position, time } = record
    const added: Fact[] = [{ type: 'changed', epoch, position, time }]
    const isNoted = this.#created.get(document) === epoch
    if (position === 1 && !isNoted) added.unshift({ type: 'created', epoch, position, time })
    if (isNoted) this.#created.delete(document)
    facts.set(document, added)
  }

  /** Runs a write with the notes that tell of it; where it has changed something, it is told. */
  async #noting<Result extends boolean | undefined>(
    added: ReadonlyMap<string, readonly Fact[]>,
    write: (notes: readonly Note[]) => Promise<Result>,
  ): Promise<Result> {
    const notes: Note[] = []
    const news = new Map<string, readonly Fact[]>()
    for (const [document, facts] of added) {
      if (!this.#reader.concerns(document)) continue
      const before = this.#news.get(document) ?? []
      const after = facts.reduce(withFact, before)
      news.set(document, after)
      // how far a document has changed is looked up when it is told
      if (!saysAsMuch(before, after)) notes.push({ space: 'news', key: document, value: after })
    }
    const result = await write(notes)
    if (result === false) return result
    for (const [document, facts] of news) {
      this.#news.set(document, facts)
      this.#reader.told(document, added.get(document)!)
    }
    return result
  }

  async #epochOf(document: string): Promise<string | null> {
    const [first] = await this.#log.list({ prefix: document, limit: 1 })
    return first?.name === document ? first.epoch : null
  }

  async #rewriting<Result>(document: string, run: () => Promise<Result>): Promise<Result> {
    this.#rewritten.add(document)
    try {
      await this.#inTurn(async () => {}) // what is being written may be about it
      return await run()
    } finally {
      this.#rewritten.delete(document)
    }
  }

  async #inTurn<Result>(run: () => Promise<Result>): Promise<Result> {
    const turn = this.#writing.then(run)
    this.#writing = turn.catch(() => {})
    return turn
  }
}

function saysAsMuch(before: readonly Fact[], after: readonly Fact[]): boolean {
  return (
    before.length === after.length &&
    after.every(({ type, epoch }, index) => before[index]!.type === type && before[index]!.epoch === epoch)
  )
}
