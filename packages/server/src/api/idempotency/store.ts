import { readFileSync } from 'node:fs'
import { type FileHandle, open, rename } from 'node:fs/promises'
import type { Clock } from '../../clock.js'
import type { DocumentPoint } from '../../documents/types.js'

const keptMs = 24 * 60 * 60 * 1_000
// some 200 bytes each; beyond that the oldest go before their day is over
const entriesMax = 100_000
// lines of entries that are no more, after which the file is written anew
const staleLinesMax = 20_000

/** What is known of a request that has an Idempotency-Key. */
export interface IdempotencyEntry {
  /** the key, with its subject */
  readonly key: string
  /** of the request: the same key with another one is a mistake */
  readonly hash: string
  /** ms since 1970 */
  readonly time: number
  readonly document: string
  /** what tells whether a document has the edit */
  readonly mark: EditMark | null
  /** the version that has it; null while that is not known */
  readonly point: DocumentPoint | null
}

/** How an edit is found in a document: clocks that clients have reached with it; or, where it only deletes, one deletion. */
export interface EditMark {
  readonly clocks: readonly (readonly [client: number, end: number])[]
  readonly deleted: readonly [client: number, clock: number] | null
}

/** Where entries are kept. */
export interface IdempotencyStore {
  find(key: string): IdempotencyEntry | null
  /** resolves once it is on disk, where there is one */
  keep(entry: IdempotencyEntry): Promise<void>
  forget(key: string): Promise<void>
  close(): Promise<void>
}

/** Entries in memory, and in a file where one is named. */
export class EntryStore implements IdempotencyStore {
  readonly #clock: Clock
  readonly #path: string | null
  /** the oldest comes first */
  readonly #entries: Map<string, IdempotencyEntry>
  #file: FileHandle | null = null
  #lines: string[] = []
  #staleLines = 0
  #writing: Promise<void> | null = null
  #next: Promise<void> | null = null

  constructor(clock: Clock, path: string | null) {
    this.#clock = clock
    this.#path = path
    this.#entries = new Map(path === null ? [] : readEntries(path).map((entry) => [entry.key, entry]))
    this.#dropOld()
  }

  find(key: string): IdempotencyEntry | null {
    this.#dropOld()
    return this.#entries.get(key) ?? null
  }

  keep(entry: IdempotencyEntry): Promise<void> {
    if (this.#entries.delete(entry.key)) this.#staleLines++
    this.#entries.set(entry.key, entry)
    this.#dropOld()
    return this.#write(entry)
  }

  async forget(key: string): Promise<void> {
    if (!this.#entries.delete(key)) return
    this.#staleLines += 2
    await this.#write({ forgotten: key })
  }

  async close(): Promise<void> {
    // whoever waited for a write that failed was told
    await this.#next?.catch(() => {})
    await this.#writing?.catch(() => {})
    await this.#file?.close()
  }

  #dropOld(): void {
    const oldest = this.#clock.now() - keptMs
    for (const [key, { time }] of this.#entries) {
      if (time > oldest && this.#entries.size <= entriesMax) return
      this.#entries.delete(key)
      this.#staleLines++
    }
  }

  /** What is asked for while a write runs goes with the next one: all of it is on disk when that is done. */
  #write(line: object): Promise<void> {
    if (this.#path === null) return Promise.resolve()
    this.#lines.push(`${JSON.stringify(line)}\n`)
    this.#next ??= this.#writeNext(this.#path)
    return this.#next
  }

  async #writeNext(path: string): Promise<void> {
    await this.#writing?.catch(() => {})
    this.#next = null
    this.#writing = this.#writeLines(path)
    await this.#writing
  }

  async #writeLines(path: string): Promise<void> {
    if (this.#file === null || this.#staleLines > staleLinesMax) {
      const old = this.#file
      this.#file = await this.#anew(path)
      await old?.close()
      return
    }
    const file = this.#file
    try {
      await file.write(this.#lines.splice(0).join(''))
      await file.datasync()
    } catch (error) {
      // what is in it now is in doubt: the next write makes it anew, out of what is known
      this.#file = null
      await file.close().catch(() => {})
      throw error
    }
  }

  /** The file with what is known now, and nothing else. */
  async #anew(path: string): Promise<FileHandle> {
    this.#lines = []
    this.#staleLines = 0
    const lines = [...this.#entries.values()].map((entry) => `${JSON.stringify(entry)}\n`)
    const file = await open(`${path}.new`, 'w', 0o600)
    await file.write(lines.join(''))
    await file.sync()
    await rename(`${path}.new`, path)
    return file
  }
}

/** The entries in a file, as far as its lines are whole: a crash may have cut the last one. */
function readEntries(path: string): IdempotencyEntry[] {
  const entries = new Map<string, IdempotencyEntry>()
  for (const line of readLines(path)) {
    try {
      const { forgotten, ...entry } = JSON.parse(line)
      if (typeof forgotten === 'string') entries.delete(forgotten)
      else if (typeof entry.key === 'string' && typeof entry.time === 'number') entries.set(entry.key, entry)
    } catch {
      // it was never answered for
    }
  }
  return [...entries.values()]
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
