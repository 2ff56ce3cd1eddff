import { createHash } from 'node:crypto'
import type { Clock } from '../clock.js'
import { type Fact, withFact } from './facts.js'
import { NotTaken, type Target } from './target.js'
import type { DocumentEvent, WebhookRetry, WebhookType } from './types.js'

type Data = DocumentEvent['data']

const quietMsMax = 2_000
const retryFirstMs = 1_000
const retryMsMax = 15 * 60_000
const giveUpMsDefault = 24 * 60 * 60_000

/** Somebody has opened a document, or the last one has closed it: of the moment, and on no disk. */
export interface Presence {
  readonly type: 'opened' | 'closed'
  readonly time: number
}

/** What a delivery needs of its owner. */
export interface DeliveryOwner {
  readonly clock: Clock
  readonly target: Target
  readonly retry: WebhookRetry
  /** aborted when the relay stops */
  readonly signal: AbortSignal
  /** what is on disk now; null where there is nothing */
  readonly dataOf: (document: string, withContent: boolean) => Promise<Data | null>
  /** runs it as soon as the target has a connection for it */
  enqueue(delivery: Delivery): void
  /** it was taken */
  told(delivery: Delivery): void
  /** all is told that is on disk */
  settled(delivery: Delivery): void
  failed(delivery: Delivery, error: Error, attempts: number): void
  /** it was tried for as long as it is worth it */
  gaveUp(delivery: Delivery, facts: readonly Fact[], error: Error, attempts: number): void
  /** nothing more is to be told, and it is not to be slow */
  over(delivery: Delivery): void
}

/** What one target is still to be told of one document: one thing after the other, in the order in which they happened. */
export class Delivery {
  readonly document: string
  readonly #owner: DeliveryOwner
  #facts: readonly Fact[] = []
  #presence: Presence | null = null
  /** it has its turn, or waits for it: then nothing is planned */
  #isRunning = false
  #changedFirstAt = 0
  #changedLastAt = 0
  /** when a change was told last */
  #toldAt = Number.NEGATIVE_INFINITY
  #attempts = 0
  #failedFirstAt = 0
  #retryAt = 0
  #cancel = () => {}

  constructor(document: string, owner: DeliveryOwner) {
    this.document = document
    this.#owner = owner
  }

  /** Whether something of it is on disk and not told. */
  get isOwed(): boolean {
    return this.#facts.length > 0
  }

  addFacts(facts: readonly Fact[]): void {
    const now = this.#owner.clock.now()
    const before = this.#facts
    for (const fact of facts) {
      if (!this.#owner.target.wants(`document.${fact.type}`)) continue
      if (fact.type === 'changed' && !this.#facts.some(({ type }) => type === 'changed')) this.#changedFirstAt = now
      if (fact.type === 'changed') this.#changedLastAt = now
      this.#facts = withFact(this.#facts, fact)
    }
    // the timer looks again whether somebody is still typing
    const onlyGoesOn = before.length === this.#facts.length && this.#facts.every(({ type }) => type === 'changed')
    if (before.length === 0 || !onlyGoesOn) this.#plan()
  }

  addPresence(presence: Presence): void {
    if (!this.#owner.target.wants(`document.${presence.type}`)) return
    this.#presence = presence
    this.#plan()
  }

  /** Tries at once. */
  hurry(): void {
    if (this.#isRunning) return
    this.#retryAt = 0
    this.#changedFirstAt = Number.NEGATIVE_INFINITY
    this.#toldAt = Number.NEGATIVE_INFINITY
    this.#plan()
  }

  cancel(): void {
    this.#cancel()
  }

  /** Tells one thing. */
  async run(): Promise<void> {
    try {
      await this.#tellNext()
      this.#attempts = 0
    } catch (error) {
      if (!this.#owner.signal.aborted) this.#fail(error as Error)
    } finally {
      this.#isRunning = false
    }
    if (!this.#owner.signal.aborted) this.#plan()
  }

  async #tellNext(): Promise<void> {
    const [fact] = this.#facts
    if (fact) return this.#tellFact(fact)
    const presence = this.#presence
    if (presence === null) return
    const data = await this.#owner.dataOf(this.document, false)
    await this.#tell(presence.type, presence.time, data ?? this.#nothing(null))
    if (this.#presence === presence) this.#presence = null
  }

  async #tellFact(fact: Fact): Promise<void> {
    const { type, epoch, time } = fact
    if (type === 'deleted') {
      await this.#tell(type, time, this.#nothing(epoch === '' ? null : epoch))
      return this.#drop(fact)
    }
    const data = await this.#owner.dataOf(this.document, type === 'changed')
    // what was deleted meanwhile is told as that
    if (data === null) return this.#drop(fact)
    if (type === 'changed') this.#toldAt = this.#owner.clock.now()
    await this.#tell(type, time, type === 'created' ? { ...data, epoch } : data)
    // what was committed before it was read is told
    const last = this.#facts.find((other) => other.type === type)
    if (!last) return
    const isCovered = last.epoch === data.epoch ? last.position <= data.position : last === fact
    if (isCovered) this.#drop(last)
    else this.#changedFirstAt = this.#owner.clock.now()
  }

  #drop(fact: Fact): void {
    this.#facts = this.#facts.filter((other) => other !== fact)
    if (this.#facts.length === 0) this.#owner.settled(this)
  }

  #nothing(epoch: string | null): Data {
    return { document: this.document, epoch, position: 0 }
  }

  async #tell(kind: 'changed' | 'created' | 'deleted' | 'opened' | 'closed', time: number, data: Data): Promise<void> {
    const type: WebhookType = `document.${kind}`
    const event: DocumentEvent = { type, timestamp: new Date(time).toISOString(), data }
    // the same again, also in another life of the relay, has the same id
    const identity = [type, data.document, ...(kind === 'changed' ? [data.epoch, data.position] : [time])]
    const id = `msg_${createHash('sha256').update(JSON.stringify(identity)).digest('base64url').slice(0, 32)}`
    await this.#owner.target.tell(id, event, this.#owner.signal)
    this.#owner.told(this)
  }

  #fail(error: Error): void {
    const { clock, retry } = this.#owner
    const now = clock.now()
    if (this.#attempts++ === 0) this.#failedFirstAt = now
    this.#retryAt = now + this.#retryMs(error)
    this.#owner.failed(this, error, this.#attempts)
    if (now - this.#failedFirstAt < (retry.giveUpMs ?? giveUpMsDefault)) return
    const facts = this.#facts
    const attempts = this.#attempts
    this.#facts = []
    this.#presence = null
    this.#attempts = 0
    this.#owner.gaveUp(this, facts, error, attempts)
    this.#owner.settled(this)
  }

  #plan(): void {
    if (this.#isRunning) return
    const now = this.#owner.clock.now()
    if (this.#attempts > 0) return this.#wait(Math.max(0, this.#retryAt - now))
    const [fact] = this.#facts
    if (fact ? fact.type !== 'changed' : this.#presence !== null) return this.#wait(0)
    if (fact) return this.#wait(Math.max(0, this.#changeDueAt() - now))
    // the next change is not to come too soon
    const leftMs = this.#toldAt + this.#owner.target.everyMs - now
    if (leftMs > 0) this.#after(leftMs, () => this.#owner.over(this))
    else this.#owner.over(this)
  }

  /** When nobody types any more, or it has been long; and not too soon after the last one. */
  #changeDueAt(): number {
    const { everyMs } = this.#owner.target
    const quietAt = this.#changedLastAt + Math.min(quietMsMax, everyMs)
    return Math.max(this.#toldAt + everyMs, Math.min(quietAt, this.#changedFirstAt + everyMs))
  }

  #retryMs(error: Error): number {
    const { firstMs = retryFirstMs, maxMs = retryMsMax } = this.#owner.retry
    const ms = Math.min(firstMs * 2 ** (this.#attempts - 1), maxMs) * (0.75 + Math.random() / 4)
    const askedMs = error instanceof NotTaken ? (error.waitMs ?? 0) : 0
    return Math.max(Math.min(askedMs, maxMs), ms)
  }

  #wait(ms: number): void {
    this.#after(ms, () => {
      const [fact] = this.#facts
      // somebody has gone on typing
      const isEarly = this.#attempts === 0 && fact?.type === 'changed' && this.#changeDueAt() > this.#owner.clock.now()
      if (isEarly) return this.#plan()
      this.#isRunning = true
      this.#owner.enqueue(this)
    })
  }

  #after(ms: number, call: () => void): void {
    this.#cancel()
    this.#cancel = this.#owner.clock.after(ms, call)
  }
}
