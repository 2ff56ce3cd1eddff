import { setMaxListeners } from 'node:events'
import { type Log, SynclineError } from '@syncline/protocol'
import type { Clock } from '../clock.js'
import type { Counters } from '../counters.js'
import type { Documents } from '../documents/documents.js'
import type { Logger } from '../logger.js'
import { type Aside, asideNote, asidesIn, describeAside, noAside, type WebhookAside } from './asides.js'
import { dataOf } from './content.js'
import type { Delivery } from './delivery.js'
import type { Fact } from './facts.js'
import { NewsLog } from './newsLog.js'
import { TargetQueue } from './queue.js'
import { endpointTarget, hookTarget, type Target } from './target.js'
import type { StoreHook, WebhookEndpoint, WebhookRetry } from './types.js'

// a page that is reloaded has not closed its documents
const closedAfterMs = 5_000
// notes of what was told go together
const settleMs = 250
// set aside for people to look at; each is some 300 bytes
const asidesMax = 10_000

/** What {@link Webhooks} work with. */
export interface WebhooksOptions {
  readonly clock: Clock
  readonly logger: Logger
  readonly counters: Counters
  readonly exception: (error: unknown) => void
  readonly retry: WebhookRetry
}

/** What waits to be told, and what was set aside. */
export interface WebhookStatus {
  /** documents of which somebody is still to be told something */
  readonly pending: number
  readonly setAside: readonly WebhookAside[]
}

/** Tells others of documents: each of them at its own pace, whatever the others do. Nothing of it holds up a commit. */
export class Webhooks {
  readonly #options: WebhooksOptions
  readonly #queues: readonly TargetQueue[]
  readonly #stopping = new AbortController()
  /** documents that somebody has open, and those that were closed just now */
  readonly #open = new Map<string, { cancelClosed: (() => void) | null }>()
  readonly #settled = new Set<string>()
  readonly #asides = new Map<string, Aside>()
  #log: NewsLog | null = null
  #documents: Documents | null = null
  #willSettle = false

  constructor(targets: readonly Target[], options: WebhooksOptions) {
    this.#options = options
    setMaxListeners(0, this.#stopping.signal) // one for each request that is on its way
    this.#queues = targets.map((target) => this.#queueOf(target))
  }

  /** Documents of which somebody is still to be told something. */
  get pending(): number {
    return this.#queues.reduce((sum, { owed }) => sum + owed, 0)
  }

  /** The log, noting what is to be told; also one that was opened anew. */
  watch(log: Log): Log {
    const { clock, exception } = this.#options
    this.#log = new NewsLog(log, {
      concerns: (document) => this.#queues.some(({ target }) => target.concerns(document)),
      told: (document, facts) => {
        try {
          this.#addFacts(document, facts)
        } catch (error) {
          exception(error) // a commit is none the worse for it
        }
      },
      now: () => clock.now(),
      exception,
    })
    asidesIn(log)
      .then((asides) => {
        for (const aside of asides) this.#asides.set(asideNote(aside).key, aside)
      })
      .catch(exception)
    return this.#log
  }

  /** From here on documents can be looked at. */
  start(documents: Documents): void {
    this.#documents = documents
  }

  /** Somebody has a document open, or nobody has any more. */
  presence(document: string, isOpen: boolean): void {
    if (this.#stopping.signal.aborted) return
    const { clock } = this.#options
    const known = this.#open.get(document)
    if (isOpen) {
      known?.cancelClosed?.()
      this.#open.set(document, { cancelClosed: null })
      if (!known) this.#addPresence(document, 'opened')
    } else if (known && known.cancelClosed === null) {
      known.cancelClosed = clock.after(closedAfterMs, () => {
        this.#open.delete(document)
        this.#addPresence(document, 'closed')
      })
    }
  }

  status(): WebhookStatus {
    return { pending: this.pending, setAside: [...this.#asides.values()].map(describeAside) }
  }

  /**
   * Tells once more what was set aside, and at once what waits for its next attempt.
   *
   * @param concerns of which documents
   * @returns how many were taken up again
   */
  async replay(concerns: (document: string) => boolean = () => true): Promise<number> {
    let replayed = 0
    for (const [key, aside] of [...this.#asides]) {
      const queue = this.#queues.find(({ target }) => target.id === aside.target)
      if (!queue || !concerns(aside.document)) continue
      await this.#newsLog.renew(aside.document, aside.facts, [noAside(aside)])
      this.#asides.delete(key)
      queue.addFacts(aside.document, aside.facts)
      replayed++
    }
    for (const queue of this.#queues) queue.hurry()
    return replayed
  }

  /** Ends: what was not told is told in the next life of the relay. */
  async close(): Promise<void> {
    const settled = this.#takeSettled()
    this.#stopping.abort()
    for (const queue of this.#queues) queue.close()
    for (const { cancelClosed } of this.#open.values()) cancelClosed?.()
    this.#open.clear()
    await this.#newsLog.settle(settled).catch(() => {}) // it is told twice
  }

  get #newsLog(): NewsLog {
    if (this.#log === null) throw new SynclineError('internal', 'No log is watched')
    return this.#log
  }

  #queueOf(target: Target): TargetQueue {
    const { clock, retry, exception, counters, logger } = this.#options
    return new TargetQueue({
      clock,
      target,
      retry,
      exception,
      signal: this.#stopping.signal,
      dataOf: async (document, withContent) => {
        if (this.#documents === null) throw new SynclineError('document_busy')
        return dataOf(this.#documents, document, withContent ? target.content : null)
      },
      told: (delivery) => this.#told(delivery, target),
      settled: ({ document }) => this.#settle(document),
      failed: ({ document }, error, attempts) => {
        counters.webhooksFailed++
        const fields = { event: 'webhook_failed', document, target: target.label, attempts, reason: error.message }
        logger[attempts === 1 ? 'warn' : 'info'](fields, 'a webhook was not taken: it comes again')
      },
      gaveUp: (delivery, facts, error, attempts) => this.#setAside(delivery, target, facts, error, attempts),
    })
  }

  #addFacts(document: string, facts: readonly Fact[]): void {
    for (const queue of this.#queues) queue.addFacts(document, facts)
    this.#settle(document)
  }

  #addPresence(document: string, type: 'opened' | 'closed'): void {
    const time = this.#options.clock.now()
    for (const queue of this.#queues) queue.addPresence(document, { type, time })
  }

  #told({ document }: Delivery, target: Target): void {
    this.#options.counters.webhooksDelivered++
    const aside = { document, target: target.id }
    const note = noAside(aside)
    // who has been told what a document is now lacks nothing that was before
    if (!this.#asides.delete(note.key)) return
    this.#newsLog.writeNotes([note]).catch(() => {}) // it is replayed once too often
  }

  #setAside({ document }: Delivery, target: Target, facts: readonly Fact[], error: Error, attempts: number): void {
    const { clock, counters, logger } = this.#options
    counters.webhooksSetAside++
    const fields = { event: 'webhook_given_up', document, target: target.label, attempts, reason: error.message }
    logger.error(fields, 'a webhook was given up: syncline webhook replay tries it again')
    if (facts.length === 0) return
    const about = { document, target: target.id, label: target.label, time: clock.now() }
    const aside: Aside = { ...about, facts, attempts, reason: error.message }
    const notes = [asideNote(aside)]
    this.#asides.set(notes[0]!.key, aside)
    const [oldest] = this.#asides.values()
    if (this.#asides.size > asidesMax && oldest) {
      notes.push(noAside(oldest))
      this.#asides.delete(asideNote(oldest).key)
    }
    // before its news go
    this.#newsLog.writeNotes(notes).catch(() => {})
  }

  /** Where all have been told all of a document, its news go. */
  #settle(document: string): void {
    // once the queues are closed, nobody is owed anything any more
    if (this.#stopping.signal.aborted || this.#queues.some((queue) => queue.isOwed(document))) return
    this.#settled.add(document)
    if (this.#willSettle) return
    this.#willSettle = true
    this.#options.clock.after(settleMs, () => {
      this.#willSettle = false
      this.#settleNow().catch(() => {}) // the log has failed, and is read anew: it is told twice
    })
  }

  async #settleNow(): Promise<void> {
    if (!this.#stopping.signal.aborted) await this.#newsLog.settle(this.#takeSettled())
  }

  #takeSettled(): Map<string, readonly Fact[]> {
    const settled = new Map<string, readonly Fact[]>()
    for (const document of this.#settled) {
      const news = this.#newsLog.newsOf(document)
      const isOwed = this.#queues.some((queue) => queue.isOwed(document))
      if (news && !isOwed) settled.set(document, news)
    }
    this.#settled.clear()
    return settled
  }
}

/**
 * Who is told, of the options of a relay; null where nobody is.
 *
 * @throws SynclineError `invalid_option`
 */
export function webhooksOf(
  endpoints: readonly WebhookEndpoint[],
  store: StoreHook | null,
  options: WebhooksOptions,
): Webhooks | null {
  const targets = endpoints.map((endpoint) => endpointTarget(endpoint, options.clock))
  const ids = new Set(targets.map(({ id }) => id))
  if (ids.size < targets.length) throw new SynclineError('invalid_option', 'The URLs of two webhooks are the same')
  if (store) targets.push(hookTarget(store))
  return targets.length === 0 ? null : new Webhooks(targets, options)
}
