import { type Append, type Log, SynclineError } from '@syncline/protocol'
import { type Addition, additionTo } from './addition.js'
import type { Source, SourceDocument } from './source.js'

// a commit costs an fsync, whatever is in it
const commitBytes = 4 * 1024 * 1024
const commitDocuments = 256

/** What an import has come to. */
export interface ImportTally {
  /** documents of the source that were looked at */
  documents: number
  /** that the log did not have */
  added: number
  /** that the log had, and that have got something new */
  merged: number
  /** that the log had with all that is in them */
  unchanged: number
  /** with nothing in them */
  empty: number
  /** from which something was left out, because it refers to what the source lacks */
  incomplete: number
  /** that were not imported */
  failed: number
  /** with something beside the document, which was not imported */
  withMetadata: number
  /** bytes that were imported */
  bytes: number
}

/** How a source is imported. */
export interface ImportOptions {
  /** see `Source.documents` */
  readonly workDirectory: string
  /** the name here of a document that is called so there */
  readonly rename: (name: string) => string
  /** ms since 1970 */
  readonly now: () => number
  /** after each document */
  readonly onProgress: (tally: Readonly<ImportTally>) => void
  /** a document was not imported, or not wholly */
  readonly onProblem: (name: string, error: SynclineError) => void
}

/** How an import ended. */
export interface ImportResult {
  readonly tally: Readonly<ImportTally>
  /** why the source has more than could be read, or null */
  readonly cut: SynclineError | null
}

/**
 * Imports every document of a source into a log that nobody else has open. What cannot be imported is told, and the
 * others go on. It may be ended at any time and run again: what is there already adds nothing.
 *
 * @throws SynclineError `storage_failed`
 */
export async function importSource(log: Log, source: Source, options: ImportOptions): Promise<ImportResult> {
  const importer = new Importer(log, options)
  let cut: SynclineError | null = null
  try {
    for await (const document of source.documents(options.workDirectory)) {
      await importer.take(document)
      options.onProgress(importer.tally)
    }
    await source.assertWhole()
  } catch (error) {
    if (!(error instanceof SynclineError) || error.code !== 'unreadable_source') throw error
    cut = error
  }
  await importer.flush()
  return { tally: importer.tally, cut }
}

class Importer {
  readonly #log: Log
  readonly #options: ImportOptions
  readonly #names = new Set<string>()
  #batch: Append[] = []
  #batchBytes = 0
  readonly tally: ImportTally = {
    documents: 0,
    added: 0,
    merged: 0,
    unchanged: 0,
    empty: 0,
    incomplete: 0,
    failed: 0,
    withMetadata: 0,
    bytes: 0,
  }

  constructor(log: Log, options: ImportOptions) {
    this.#log = log
    this.#options = options
  }

  async take(document: SourceDocument): Promise<void> {
    this.tally.documents++
    try {
      await this.#import(document)
    } catch (error) {
      if (!(error instanceof SynclineError) || error.code === 'storage_failed') throw error
      this.tally.failed++
      this.#options.onProblem(document.name, error)
    }
    if (this.#batch.length >= commitDocuments || this.#batchBytes >= commitBytes) await this.flush()
  }

  async flush(): Promise<void> {
    if (this.#batch.length > 0) await this.#log.commit(this.#batch)
    this.#batch = []
    this.#batchBytes = 0
  }

  async #import(document: SourceDocument): Promise<void> {
    const { rename, now, onProblem } = this.#options
    const name = rename(document.name)
    this.#claim(name)
    const { updates, hasMetadata } = await document.read()
    const addition = await additionTo(this.#log, name, updates, now())
    this.#count(addition)
    if (hasMetadata) this.tally.withMetadata++
    if (addition.missing !== null) {
      this.tally.incomplete++
      onProblem(document.name, new SynclineError('incomplete_update', addition.missing))
    }
  }

  /** Two documents of the source would become one here, and nobody could part them again. */
  #claim(name: string): void {
    if (this.#names.has(name)) {
      const fact = `Another document of the source has become ${JSON.stringify(name)} here`
      throw new SynclineError('document_exists', fact)
    }
    this.#names.add(name)
  }

  #count({ append, isNew, bytes }: Addition): void {
    if (append !== null) {
      this.#batch.push(append)
      this.#batchBytes += bytes
      this.tally.bytes += bytes
    }
    if (append === null) this.tally[isNew ? 'empty' : 'unchanged']++
    else this.tally[isNew ? 'added' : 'merged']++
  }
}
