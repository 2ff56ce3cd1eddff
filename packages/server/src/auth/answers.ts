import { SynclineError } from '@syncline/protocol'
import type { Grant, Revocation } from './authorize.js'
import { concerns } from './revocations.js'

/** A grant, and until when it is given again without asking: ms since 1970. */
export interface Answer {
  readonly grant: Grant
  readonly reusedUntil: number
}

/** How much an {@link AnswerCache} keeps. */
export interface AnswerCacheOptions {
  readonly entriesMax: number
  /** questions on their way */
  readonly pendingMax: number
  readonly now: () => number
}

/** Grants that somebody else decides: equal questions are asked once, at a time and for a while. Refusals are not kept. */
export class AnswerCache {
  readonly #options: AnswerCacheOptions
  /** the one that was used last is the last */
  readonly #answers = new Map<string, Answer & { readonly document: string }>()
  readonly #pending = new Map<string, Promise<Grant>>()

  constructor(options: AnswerCacheOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#answers.size
  }

  /** @throws SynclineError `authorization_unavailable`, and what `ask` throws */
  async get(key: string, document: string, ask: () => Promise<Answer>): Promise<Grant> {
    const known = this.#answers.get(key)
    this.#answers.delete(key)
    if (known && this.#options.now() < known.reusedUntil) {
      this.#answers.set(key, known)
      return known.grant
    }
    const pending = this.#pending.get(key)
    if (pending !== undefined) return pending
    if (this.#pending.size >= this.#options.pendingMax) {
      throw new SynclineError('authorization_unavailable', 'Too many questions wait for the backend')
    }
    const asking: Promise<Grant> = this.#ask(key, document, ask, () => this.#pending.get(key) === asking)
    this.#pending.set(key, asking)
    return asking
  }

  /** Forgets answers that a revocation is about; what is on its way counts for those who asked already. */
  forget(revocation: Revocation): void {
    this.#pending.clear()
    for (const [key, { grant, document }] of this.#answers) {
      if (concerns(revocation, { subject: grant.subject, document })) this.#answers.delete(key)
    }
  }

  async #ask(key: string, document: string, ask: () => Promise<Answer>, isCurrent: () => boolean): Promise<Grant> {
    try {
      const answer = await ask()
      if (isCurrent()) this.#keep(key, { ...answer, document })
      return answer.grant
    } finally {
      if (isCurrent()) this.#pending.delete(key)
    }
  }

  #keep(key: string, answer: Answer & { readonly document: string }): void {
    this.#answers.set(key, answer)
    if (this.#answers.size <= this.#options.entriesMax) return
    const [oldest] = this.#answers.keys()
    this.#answers.delete(oldest!)
  }
}
