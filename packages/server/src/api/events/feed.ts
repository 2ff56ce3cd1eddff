import { SynclineError } from '@syncline/protocol'
import type { Clock } from '../../clock.js'
import type { LiveDocument } from '../../documents/liveDocument.js'
import type { PatchOperation } from '../../documents/patch.js'
import { parsePointer, plainPlace, resolvePointer } from '../../documents/pointer.js'
import type { DocumentPoint } from '../../documents/types.js'
import type { Json } from '../../documents/values.js'
import { differenceBetween } from './difference.js'

// looking at a document costs what it weighs: no more often than this, and a tenth of the time at most
const lookMsMin = 50
const lookShare = 10
// each part of each document that somebody follows is looked at by itself: all of them have half of the time at most
const allShare = 2
// patches that are kept for readers who come back or are slow; older ones get the whole value
const patchesMax = 256
const patchesBytesMax = 1024 * 1024

interface Step {
  readonly from: number
  readonly to: number
  readonly operations: readonly PatchOperation[]
  readonly bytes: number
}

/** What a reader lacks: a patch, or all of it. */
export type FeedNews =
  | { readonly type: 'patch'; readonly point: DocumentPoint; readonly operations: readonly PatchOperation[] }
  | { readonly type: 'value'; readonly point: DocumentPoint; readonly value: Json }

/** One part of a document as it changes, for any number of readers: it is looked at once for all of them. */
export class Feed {
  readonly #document: LiveDocument
  readonly #tokens: readonly string[]
  readonly #clock: Clock
  readonly #feeds: () => number
  readonly #listeners = new Set<() => void>()
  readonly #steps: Step[] = []
  #stepsBytes = 0
  #point: DocumentPoint | null = null
  #value: Json = null
  #isDue = false
  #stopObserving = () => {}

  /** @param feeds how many there are */
  constructor(document: LiveDocument, tokens: readonly string[], clock: Clock, feeds: () => number) {
    this.#document = document
    this.#tokens = tokens
    this.#clock = clock
    this.#feeds = feeds
  }

  /** Reads the value for the first time. */
  async start(): Promise<void> {
    this.#stopObserving = this.#document.observe({ changed: () => this.#lookLater(), ended: () => {} })
    await this.#look()
  }

  stop(): void {
    this.#stopObserving()
  }

  /** Calls back when there is news. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** What somebody lacks who has read up to a point; null where that is nothing. */
  since(known: DocumentPoint | null): FeedNews | null {
    const point = this.#point
    if (point === null) return null
    if (known?.epoch === point.epoch) {
      if (known.position === point.position) return null
      const first = this.#steps.findIndex(({ from }) => from === known.position)
      if (first >= 0) {
        return { type: 'patch', point, operations: this.#steps.slice(first).flatMap(({ operations }) => operations) }
      }
    }
    return { type: 'value', point, value: this.#value }
  }

  #lookLater(): void {
    if (this.#isDue) return
    this.#isDue = true
    this.#clock.after(lookMsMin, () => void this.#lookAndRest())
  }

  async #lookAndRest(): Promise<void> {
    const start = performance.now()
    await this.#look().catch(() => {}) // whoever reads is told that the document has ended
    const share = Math.max(lookShare, allShare * this.#feeds())
    const restMs = (performance.now() - start) * share - lookMsMin
    const again = () => {
      this.#isDue = false
      if (!this.#document.isOver && this.#document.point.position !== this.#point?.position) this.#lookLater()
    }
    if (restMs > lookMsMin) this.#clock.after(restMs, again)
    else again()
  }

  async #look(): Promise<void> {
    const { point, value } = await this.#document.read((doc, now) => ({
      point: now,
      value: valueOrNull(() => plainPlace(resolvePointer(doc, this.#tokens)) as Json),
    }))
    const before = this.#point
    if (before?.epoch === point.epoch && before.position < point.position) this.#addStep(before, point, value)
    this.#point = point
    this.#value = value
    for (const listener of [...this.#listeners]) listener()
  }

  #addStep(before: DocumentPoint, point: DocumentPoint, value: Json): void {
    const operations = differenceBetween(this.#value, value)
    const bytes = JSON.stringify(operations).length
    this.#steps.push({ from: before.position, to: point.position, operations, bytes })
    this.#stepsBytes += bytes
    while (this.#steps.length > patchesMax || this.#stepsBytes > patchesBytesMax) {
      this.#stepsBytes -= this.#steps.shift()!.bytes
    }
  }
}

/** A part that is not there, yet or any more, is null. */
function valueOrNull(look: () => Json): Json {
  try {
    return look()
  } catch (error) {
    if (error instanceof SynclineError && error.code === 'no_value') return null
    throw error
  }
}

interface Entry {
  readonly feed: Feed
  readonly started: Promise<void>
  readers: number
}

/** The feeds that somebody reads. */
export class Feeds {
  readonly #clock: Clock
  readonly #entries = new Map<LiveDocument, Map<string, Entry>>()
  #count = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * A feed for a reader, which releases it in the end.
   *
   * @throws SynclineError `invalid_pointer`, and why the document cannot be read
   */
  async open(document: LiveDocument, pointer: string): Promise<Feed> {
    const entry = this.#entries.get(document)?.get(pointer) ?? this.#start(document, pointer)
    entry.readers++
    try {
      await entry.started
      return entry.feed
    } catch (error) {
      this.release(document, pointer)
      throw error
    }
  }

  release(document: LiveDocument, pointer: string): void {
    const entries = this.#entries.get(document)
    const entry = entries?.get(pointer)
    if (!entries || !entry || --entry.readers > 0) return
    entry.feed.stop()
    entries.delete(pointer)
    this.#count--
    if (entries.size === 0) this.#entries.delete(document)
  }

  #start(document: LiveDocument, pointer: string): Entry {
    const feed = new Feed(document, parsePointer(pointer), this.#clock, () => this.#count)
    this.#count++
    const entry = { feed, started: feed.start(), readers: 0 }
    const entries = this.#entries.get(document) ?? new Map<string, Entry>()
    this.#entries.set(document, entries.set(pointer, entry))
    return entry
  }
}
