import { Delivery, type DeliveryOwner, type Presence } from './delivery.js'
import type { Fact } from './facts.js'

/** Requests to one target at a time: more would only make a slow one slower. */
export const concurrencyMax = 8

/** What a queue needs of its owner. */
export type QueueOwner = Omit<DeliveryOwner, 'enqueue' | 'over'> & {
  /** a delivery came to an end that nobody foresaw: a bug */
  readonly exception: (error: unknown) => void
}

/** All that one target is still to be told: in order for each document, several documents at once. */
export class TargetQueue {
  readonly #owner: QueueOwner
  readonly #deliveries = new Map<string, Delivery>()
  readonly #ready: Delivery[] = []
  #running = 0
  #isClosed = false

  constructor(owner: QueueOwner) {
    this.#owner = owner
  }

  get target() {
    return this.#owner.target
  }

  /** Documents of which something is on disk and not told. */
  get owed(): number {
    let owed = 0
    for (const delivery of this.#deliveries.values()) if (delivery.isOwed) owed++
    return owed
  }

  isOwed(document: string): boolean {
    return this.#deliveries.get(document)?.isOwed ?? false
  }

  addFacts(document: string, facts: readonly Fact[]): void {
    if (!this.#isClosed && this.target.concerns(document)) this.#deliveryOf(document).addFacts(facts)
  }

  addPresence(document: string, presence: Presence): void {
    if (!this.#isClosed && this.target.concerns(document)) this.#deliveryOf(document).addPresence(presence)
  }

  /** Tries at once what waits for its next attempt. */
  hurry(): void {
    for (const delivery of [...this.#deliveries.values()]) delivery.hurry()
  }

  close(): void {
    this.#isClosed = true
    for (const delivery of this.#deliveries.values()) delivery.cancel()
    this.#deliveries.clear()
    this.#ready.length = 0
  }

  #deliveryOf(document: string): Delivery {
    const known = this.#deliveries.get(document)
    if (known) return known
    const delivery = new Delivery(document, {
      ...this.#owner,
      enqueue: (ready) => {
        this.#ready.push(ready)
        this.#runNext()
      },
      over: () => void this.#deliveries.delete(document),
    })
    this.#deliveries.set(document, delivery)
    return delivery
  }

  #runNext(): void {
    if (this.#running >= concurrencyMax) return
    const delivery = this.#ready.shift()
    if (!delivery) return
    this.#running++
    delivery
      .run()
      .catch(this.#owner.exception)
      .finally(() => {
        this.#running--
        this.#runNext()
      })
  }
}
