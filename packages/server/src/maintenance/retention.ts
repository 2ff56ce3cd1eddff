import type { DocumentInfo } from '@syncline/protocol'
import type { Clock } from '../clock.js'
import type { Counters } from '../counters.js'
import { asError, type Logger } from '../logger.js'
import { matchesPattern } from '../names.js'

/** How long documents stay that nobody changes. */
export interface RetentionRule {
  /** days since the last change; null: they stay for ever */
  readonly days: number | null
  /** of names, in which `*` stands for any characters; null is every document that no rule with a pattern is about */
  readonly pattern: string | null
}

/** What a {@link Retention} works with. */
export interface RetentionOptions {
  readonly clock: Clock
  readonly logger: Logger
  readonly counters: Counters
  /** documents of the log, in the order of their names */
  readonly list: (options: { readonly after: string; readonly limit: number }) => Promise<DocumentInfo[]>
  /** deletes a document for good, unless somebody has it open or has changed it since; true where it did */
  readonly removeUnused: (document: string, changedBefore: number) => Promise<boolean>
}

type Kept = Pick<RetentionOptions, 'list' | 'removeUnused'>

const dayMs = 24 * 60 * 60 * 1_000
// a relay that was just started has other things to do
const firstMs = 60_000
const againMs = 60 * 60 * 1_000
const pageDocuments = 1_000

/** Deletes documents that nobody has changed for so long, once an hour. */
export class Retention {
  readonly #rules: readonly RetentionRule[]
  readonly #options: RetentionOptions
  #cancel = () => {}
  #isClosed = false

  constructor(rules: readonly RetentionRule[], options: RetentionOptions) {
    this.#rules = rules
    this.#options = options
    this.#later(firstMs)
  }

  /** Deletes no more; one that is being deleted goes. */
  close(): void {
    this.#isClosed = true
    this.#cancel()
  }

  #later(ms: number): void {
    this.#cancel = this.#options.clock.after(ms, () => void this.#round())
  }

  async #round(): Promise<void> {
    try {
      await this.#sweep()
    } catch (error) {
      // the log has failed, or the relay stops: the next round begins anew
      this.#options.logger.warn({ event: 'expiry_interrupted', error: asError(error) }, 'old documents stay for now')
    }
    if (!this.#isClosed) this.#later(againMs)
  }

  async #sweep(): Promise<void> {
    let after = ''
    while (!this.#isClosed) {
      const page = await this.#options.list({ after, limit: pageDocuments })
      if (page.length === 0) return
      for (const info of page) await this.#judge(info)
      after = page.at(-1)!.name
    }
  }

  async #judge({ name, changedAt, epoch }: DocumentInfo): Promise<void> {
    const { clock, counters, logger, removeUnused } = this.#options
    const days = daysFor(this.#rules, name)
    // of one that is damaged, or older than these times, nobody knows when it was changed
    if (this.#isClosed || days === null || changedAt === null || epoch === '') return
    const changedBefore = clock.now() - days * dayMs
    if (changedAt >= changedBefore || !(await removeUnused(name, changedBefore))) return
    counters.expired++
    logger.info({ event: 'document_expired', document: name, days }, 'a document was deleted: nobody has changed it')
  }
}

/** Deletes by these rules from here on; null where there are none. */
export function retentionOf(
  rules: readonly RetentionRule[],
  { rooms, ...edges }: Pick<RetentionOptions, 'clock' | 'logger' | 'counters'> & { readonly rooms: Kept },
): Retention | null {
  if (rules.length === 0) return null
  return new Retention(rules, {
    ...edges,
    list: (page) => rooms.list(page),
    removeUnused: (document, changedBefore) => rooms.removeUnused(document, changedBefore),
  })
}

/** How many days a document stays, or null for ever: the first pattern that it matches decides, else the rule without. */
export function daysFor(rules: readonly RetentionRule[], name: string): number | null {
  const own = rules.find(({ pattern }) => pattern !== null && matchesPattern(pattern, name))
  return (own ?? rules.find(({ pattern }) => pattern === null))?.days ?? null
}

/**
 * Reads a rule: `90`, `7=drafts/*` or `never=contracts/*`.
 *
 * @returns null where it is none
 */
export function retentionRule(text: string): RetentionRule | null {
  const [, days, pattern] = /^(never|[1-9]\d{0,4})(?:=(.+))?$/.exec(text) ?? []
  if (days === undefined) return null
  return { days: days === 'never' ? null : Number(days), pattern: pattern ?? null }
}
