import { SynclineError } from '@syncline/protocol'
import type { Clock } from '../clock.js'

/** The longest time for which a document may be made read-only. */
export const readOnlyMsMax = 24 * 60 * 60_000

const windowsMax = 10_000 // some 100 bytes each

/** Documents that nobody may write for a while, whatever was granted. They are known to this process alone, and end with it. */
export class ReadOnlyWindows {
  readonly #clock: Clock
  readonly #windows = new Map<string, { readonly until: number; readonly cancel: () => void }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** When the window of a document ends, in ms since 1970; null where there is none. */
  untilOf(document: string): number | null {
    return this.#windows.get(document)?.until ?? null
  }

  /**
   * Begins one, or moves the end of the one that there is.
   *
   * @param ms how long, up to {@link readOnlyMsMax}
   * @param ended called when it is over by itself
   * @throws SynclineError `invalid_option`
   */
  open(document: string, ms: number, ended: () => void): number {
    if (!(ms > 0 && ms <= readOnlyMsMax)) {
      throw new SynclineError('invalid_option', `A document is read-only for 1 to ${readOnlyMsMax} ms`)
    }
    if (this.#windows.size >= windowsMax && !this.#windows.has(document)) {
      throw new SynclineError('invalid_option', `${windowsMax} documents are read-only, and no more may be`)
    }
    this.#windows.get(document)?.cancel()
    const until = this.#clock.now() + ms
    const cancel = this.#clock.after(ms, () => {
      this.#windows.delete(document)
      ended()
    })
    this.#windows.set(document, { until, cancel })
    return until
  }

  /** @returns false where there is none */
  close(document: string): boolean {
    this.#windows.get(document)?.cancel()
    return this.#windows.delete(document)
  }
}
