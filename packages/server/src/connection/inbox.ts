import { type Sliced, type Slices, sliceMs } from './slices.js'

/** What an inbox does. */
export interface InboxOptions {
  /** takes a frame, or begins to: what is left is done whenever the iterator is asked for its next */
  readonly take: (frame: Uint8Array) => Iterator<void> | null
  /** more waits than fits a slice, or no more */
  readonly onBusy: (isBusy: boolean) => void
  /** runs what may throw */
  readonly guarded: (run: () => void) => void
}

/**
 * The frames of one connection, in order. They are taken as they come; a connection that wants more of the process' time
 * than its slice, with one frame or with many, waits until others had theirs.
 */
export class Inbox implements Sliced {
  readonly #slices: Slices
  readonly #options: InboxOptions
  #frames: Uint8Array[] = []
  /** those before it were taken */
  #next = 0
  #begun: Iterator<void> | null = null
  /** it waits for its turn */
  #isBusy = false
  /** that was told: not of a frame that waits alone, since to stop and to start a socket costs more than such a frame */
  #isTold = false
  /** what it has used of its slice, in ms: less as time passes */
  #usedMs = 0
  #lastAt = 0
  #onDone: (() => void) | null = null
  #clears = 0

  constructor(slices: Slices, options: InboxOptions) {
    this.#slices = slices
    this.#options = options
  }

  push(frame: Uint8Array): void {
    this.#frames.push(frame)
    if (this.#isBusy) return this.#tellBusy()
    const begin = this.#slices.now()
    if (this.#slices.isCrowded(begin)) this.#wait(true)
    else if (this.#run(sliceMs, begin)) this.#wait()
  }

  /** Runs what finds frames and pushes them, where that may cost more than to take them. */
  find(run: () => void): void {
    const begin = this.#slices.now()
    const used = this.#usedAt(begin)
    const { spentMs } = this.#slices
    run()
    const now = this.#slices.now()
    this.#slices.spend(now - begin - (this.#slices.spentMs - spentMs), now)
    if (this.#isBusy) return
    const isOver = this.#use(used, begin, now) >= sliceMs
    if (isOver) this.#wait()
  }

  /** Calls back once, when all that has come is taken. */
  whenDone(call: () => void): void {
    this.#onDone = call
    if (!this.#isBusy) this.#settle()
  }

  /** Drops what was not taken. */
  clear(): void {
    this.#clears++
    this.#forget()
    this.#begun = null
    this.#slices.remove(this)
    this.#isBusy = false
    if (this.#isTold) this.#options.onBusy(false)
    this.#isTold = false
    this.#settle()
  }

  goOn(ms: number): boolean {
    this.#usedMs = 0 // it has waited for it
    if (this.#run(ms, this.#slices.now())) {
      this.#tellBusy()
      return true
    }
    if (!this.#isBusy) return false // it was cleared
    this.#isBusy = false
    if (this.#isTold) this.#options.onBusy(false)
    this.#isTold = false
    this.#settle()
    return false
  }

  /** True where there is more to do. */
  #run(ms: number, begin: number): boolean {
    const used = this.#usedAt(begin)
    let now = begin
    while (this.#hasMore) {
      if (used + now - begin >= ms) break
      this.#options.guarded(this.#step)
      now = this.#slices.now()
    }
    this.#use(used, begin, now)
    this.#slices.spend(now - begin, now)
    return this.#hasMore
  }

  #usedAt(now: number): number {
    return Math.max(0, this.#usedMs - (now - this.#lastAt))
  }

  #use(used: number, begin: number, end: number): number {
    this.#lastAt = end
    this.#usedMs = used + end - begin
    return this.#usedMs
  }

  #wait(isFresh = false): void {
    this.#isBusy = true
    if (!isFresh) this.#tellBusy()
    this.#slices.add(this, isFresh)
  }

  #tellBusy(): void {
    if (this.#isTold) return
    this.#isTold = true
    this.#options.onBusy(true)
  }

  get #hasMore(): boolean {
    return this.#begun !== null || this.#next < this.#frames.length
  }

  readonly #step = (): void => {
    const clears = this.#clears
    const begun = this.#begun ?? this.#takeNext()
    // where it throws, the frame is over
    this.#begun = null
    const isOver = begun === null || begun.next().done === true
    // a message may end its connection: the rest of its frame is dropped with what waits
    if (!isOver && clears === this.#clears) this.#begun = begun
  }

  #takeNext(): Iterator<void> | null {
    const frame = this.#frames[this.#next++]!
    if (this.#next === this.#frames.length) this.#forget()
    return this.#options.take(frame)
  }

  #forget(): void {
    this.#frames = []
    this.#next = 0
  }

  #settle(): void {
    const call = this.#onDone
    this.#onDone = null
    call?.()
  }
}
