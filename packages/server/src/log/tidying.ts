import type { Clock } from '../clock.js'
import { nothing } from '../clock.js'
import type { Range } from './keys.js'

/** So long nothing is written before LevelDB is asked, in ms: it would compete with commits for the disk. */
export const quietMs = 5_000

// each may have some files of 2 MB rewritten
const documentsMax = 16

/**
 * Has LevelDB give back what documents do not need any more. By itself it does so when its write-ahead file has 4 MB,
 * which on a relay with little to do is never: what was compacted or deleted would stay on the disk.
 */
export class Tidying {
  readonly #clock: Clock
  readonly #rangesOf: (document: string) => readonly Range[]
  readonly #compact: (range: Range) => Promise<void>
  readonly #documents = new Set<string>()
  #writes = 0
  #writtenAt = 0
  #cancel = nothing
  #isWaiting = false
  #running: Promise<void> | null = null
  #isClosed = false

  /** @param compact makes a range small; what it throws is nobody's business, as LevelDB tells at the next write */
  constructor(
    clock: Clock,
    rangesOf: (document: string) => readonly Range[],
    compact: (range: Range) => Promise<void>,
  ) {
    this.#clock = clock
    this.#rangesOf = rangesOf
    this.#compact = compact
  }

  /** The log was written: it is not quiet. */
  written(): void {
    this.#writes++
    this.#writtenAt = this.#clock.now()
  }

  /** Much of a document is not needed any more. Of those that find no place here, LevelDB takes care in its own time. */
  shrunk(document: string): void {
    if (this.#documents.size < documentsMax) this.#documents.add(document)
    if (this.#running === null) this.#wait()
  }

  /** Resolves when it does nothing any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancel()
    await this.#running
  }

  #wait(ms = quietMs): void {
    if (this.#isWaiting || this.#isClosed) return
    this.#isWaiting = true
    this.#cancel = this.#clock.after(ms, () => {
      this.#isWaiting = false
      const leftMs = this.#writtenAt + quietMs - this.#clock.now()
      // a clock that was set back does not make it wait for longer
      if (leftMs > 0) this.#wait(Math.min(leftMs, quietMs))
      else this.#running = this.#tidy()
    })
  }

  async #tidy(): Promise<void> {
    const writes = this.#writes
    for (const document of this.#documents) {
      // whoever writes now comes first
      if (this.#isClosed || this.#writes !== writes) break
      this.#documents.delete(document)
      for (const range of this.#rangesOf(document)) await this.#compact(range).catch(nothing)
    }
    this.#running = null
    if (this.#documents.size > 0) this.#wait()
  }
}
