import { SynclineError } from '@syncline/protocol'
import type { Clock } from '../clock.js'
import type { Counters } from '../counters.js'
import { Overload } from '../limits/limiter.js'
import type { RelayLimits } from '../limits/limits.js'
import type { Logger } from '../logger.js'
import { type LoadedContent, updateOf } from './content.js'
import { Validation } from './validation.js'

const timeoutMs = 30_000
const retryMs = 5_000
// questions at once: a backend that is slow is not to be asked by thousands
const askingMax = 32
const waitingMax = 10_000

/** What {@link Load} may take. */
export interface LoadBounds {
  /** bytes that a document may have */
  readonly bytesMax: number
}

/**
 * Gives what the application has of a document that the relay does not have; null where it has none, and the document
 * begins empty. Where it throws, the document is not opened, and is asked for again with the next opening.
 */
export type Load = (document: string, bounds: LoadBounds) => LoadedContent | Promise<LoadedContent>

/** What a {@link Loader} works with. */
export interface LoaderOptions {
  readonly limits: RelayLimits
  readonly clock: Clock
  readonly logger: Logger
  readonly counters: Counters
}

/** Asks the application for documents: as often as they are opened for the first time, and never for one twice at once. */
export class Loader {
  readonly #load: Load
  readonly #options: LoaderOptions
  readonly #validation: Validation
  readonly #waiting: (() => void)[] = []
  #asking = 0

  constructor(load: Load, options: LoaderOptions) {
    this.#load = load
    this.#options = options
    this.#validation = new Validation(options.limits, options.clock)
  }

  /**
   * The content of a document as one update, checked; null where there is none.
   *
   * @throws SynclineError `not_loaded`
   */
  async contentOf(document: string): Promise<Uint8Array | null> {
    const { counters, logger, limits } = this.#options
    counters.loads++
    try {
      const update = await this.#inTurn(async () => {
        const bounds = { bytesMax: limits.documentBytesMax }
        return updateOf(await this.#inTime(async () => this.#load(document, bounds)))
      })
      return update && (await this.#validation.checked(update))
    } catch (error) {
      counters.loadFailures++
      const { message, code = 'internal' } = error as Error & { readonly code?: unknown }
      logger.warn({ event: 'document_not_loaded', document, code, reason: message }, 'the application gave no document')
      throw new Overload('not_loaded', retryMs)
    }
  }

  close(): Promise<void> {
    return this.#validation.close()
  }

  async #inTurn<Result>(run: () => Promise<Result>): Promise<Result> {
    if (this.#asking >= askingMax) {
      if (this.#waiting.length >= waitingMax) throw new SynclineError('rate_limited', 'Too many documents wait')
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    this.#asking++
    try {
      return await run()
    } finally {
      this.#asking--
      this.#waiting.shift()?.()
    }
  }

  #inTime<Result>(run: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const cancel = this.#options.clock.after(timeoutMs, () => reject(new Error(`no answer within ${timeoutMs} ms`)))
      run().then(resolve, reject).finally(cancel)
    })
  }
}
