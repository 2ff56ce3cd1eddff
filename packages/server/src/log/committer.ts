import { type Append, type Log, SynclineError } from '@syncline/protocol'
import type { Clock } from '../clock.js'
import { storageFailed } from './adapter.js'

/** Who has something to commit: a room, as the {@link Committer} sees it. */
export interface CommitSource {
  /** Gives what is queued, or null where nothing is. After an append exactly one of the other two is called. */
  take(now: number): Append | null
  /** The append is on disk. */
  committed(now: number): void
  /**
   * The append is in doubt, or the log has failed before it was taken: nothing of it may be acknowledged.
   * There is no use in asking this committer again.
   */
  failed(error: SynclineError): void
}

/** What a {@link Committer} works with. */
export interface CommitterOptions {
  readonly clock: Clock
  /** told of what a callback of a source threw, while the commit goes on for all others; must not throw */
  readonly onError: (error: unknown, source: CommitSource) => void
  /** under load the least time from the beginning of a commit to that of the next; default 5 */
  readonly gatherMsMax?: number
  /** bytes of updates after which a commit takes nobody more; default 1 MiB */
  readonly commitBytesMax?: number
}

const gatherMsDefault = 5
const commitBytesDefault = 1024 * 1024 // written and synced in a few ms, whatever the rooms hold

// A commit costs 130 µs of CPU. Below 1,000 requests a second that is not worth 5 ms of anybody's time; where 16 share
// one commit, more company saves next to nothing.
const companyMin = 5
const companyEnough = 16
// Where everybody waits for their last commit, as in a benchmark, waiting brings nobody: it is tried again after so many
// commits. By chance one wait in ten brings few as well: so whoever lacks to half of those who were expected is counted over
// several waits, and who is more than that makes up for it.
const commitsAfterVain = 1_000
const missingMax = companyEnough / 2
const intervalMsMax = 1_000

/**
 * Commits for all documents of a log, one commit at a time: the next one takes whatever was asked for while the last
 * one ran. A quiet relay commits at once; under load a commit may wait some ms for company.
 *
 * A failed commit ends it, as it ends the log: whoever asks from then on has failed. Open a new log with a new committer.
 */
export class Committer {
  readonly #log: Pick<Log, 'commit'>
  readonly #clock: Clock
  readonly #onError: (error: unknown, source: CommitSource) => void
  readonly #gatherMsMax: number
  readonly #commitBytesMax: number
  readonly #queue = new Set<CommitSource>()
  #running: Promise<void> | null = null
  #failure: SynclineError | null = null

  #beganAt = 0 // when the last commit began
  #requests = 0 // since then
  #requestedAt = 0
  #intervalMs = intervalMsMax // between requests, smoothed
  #commitsWithoutGathering = 0
  /** to half of those for whom was waited */
  #missing = 0
  #draining = false
  #stopGathering: (() => void) | null = null

  constructor(log: Pick<Log, 'commit'>, options: CommitterOptions) {
    this.#log = log
    this.#clock = options.clock
    this.#onError = options.onError
    this.#gatherMsMax = options.gatherMsMax ?? gatherMsDefault
    this.#commitBytesMax = options.commitBytesMax ?? commitBytesDefault
  }

  /** Commits what `source` has, as soon as the commit in flight is done. Asking twice is asking once. */
  request(source: CommitSource): void {
    this.#queue.add(source)
    this.#observe()
    this.#running ??= this.#run()
    if (this.#requests >= companyEnough) this.#stopGathering?.()
  }

  /**
   * Resolves when nothing is queued or in flight: all that was asked for is on disk. It waits for no company; whoever
   * calls it stops the input first. Rejects with `storage_failed` where the log has failed.
   */
  async drain(): Promise<void> {
    this.#draining = true
    this.#stopGathering?.()
    await this.#running
    this.#draining = false
    if (this.#failure !== null) throw this.#failure
  }

  async #run(): Promise<void> {
    await null // all that is asked for in the same turn goes together
    while (this.#queue.size > 0) {
      if (this.#failure !== null) this.#failQueued(this.#failure)
      else {
        await this.#gather()
        await this.#commitNext()
      }
    }
    this.#running = null
  }

  async #commitNext(): Promise<void> {
    const [sources, appends] = this.#take()
    if (appends.length === 0) return
    try {
      await this.#log.commit(appends)
    } catch (error) {
      this.#failure = asStorageFailed(error)
      for (const source of sources) this.#call(source, () => source.failed(this.#failure!))
      return
    }
    const now = this.#clock.now()
    for (const source of sources) this.#call(source, () => source.committed(now))
  }

  #take(): [CommitSource[], Append[]] {
    const sources: CommitSource[] = []
    const appends: Append[] = []
    const now = this.#clock.now()
    let bytes = 0
    this.#requests = 0
    this.#beganAt = now
    // a copy: a source that asks again while it gives has to wait for the next commit
    for (const source of [...this.#queue]) {
      if (bytes >= this.#commitBytesMax) break
      this.#queue.delete(source)
      const append = this.#call(source, () => source.take(now))
      if (!append) continue
      sources.push(source)
      appends.push(append)
      for (const { update } of append.record.runs) bytes += update.length
    }
    return [sources, appends]
  }

  #failQueued(failure: SynclineError): void {
    const sources = [...this.#queue]
    this.#queue.clear()
    for (const source of sources) this.#call(source, () => source.failed(failure))
  }

  #call<T>(source: CommitSource, callback: () => T): T | undefined {
    try {
      return callback()
    } catch (error) {
      this.#onError(error, source)
      return undefined
    }
  }

  #observe(): void {
    const now = this.#clock.now()
    // the clock may jump; one long interval says that it is quiet again, many short ones that it is not
    const intervalMs = Math.min(Math.max(now - this.#requestedAt, 0), intervalMsMax)
    this.#intervalMs += (intervalMs - this.#intervalMs) / 16
    this.#requestedAt = now
    this.#requests++
  }

  /** Waits for company where it is likely to come, and remembers where it did not. */
  async #gather(): Promise<void> {
    if (this.#commitsWithoutGathering > 0) this.#commitsWithoutGathering--
    else if (!this.#draining && this.#requests < companyEnough) {
      // a commit that took long was a window by itself
      const sinceLastMs = Math.max(this.#clock.now() - this.#beganAt, 0)
      const waitMs = this.#gatherMsMax - sinceLastMs
      if (waitMs <= 0 || this.#gatherMsMax / this.#intervalMs < companyMin) return
      const before = this.#requests
      await this.#pause(waitMs)
      if (this.#draining) return
      const expected = Math.min(waitMs / this.#intervalMs, companyEnough)
      this.#missing = Math.max(0, this.#missing + expected / 2 - (this.#requests - before))
      if (this.#missing < missingMax) return
      this.#commitsWithoutGathering = commitsAfterVain
      this.#missing = 0
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(ms, () => this.#stopGathering?.())
      this.#stopGathering = () => {
        this.#stopGathering = null
        cancel()
        resolve()
      }
    })
  }
}

function asStorageFailed(error: unknown): SynclineError {
  if (error instanceof SynclineError && error.code === 'storage_failed') return error
  return storageFailed('The log refused a commit', error)
}
