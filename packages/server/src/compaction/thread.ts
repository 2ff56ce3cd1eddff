import { setTimeout } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { SynclineError } from '@syncline/protocol'
import type { Clock } from '../clock.js'
import type { StoredBase } from '../log/storedBase.js'
import { Gate } from './gate.js'
import { type Answer, bytesOf, type Job, type Made, type Purpose, packJob } from './job.js'

const MiB = 1024 * 1024

// a document of 64 MiB takes some 10 s; what Yjs is lost in takes for ever
const timeoutMsDefault = 120_000
// documents grow to 64 MiB; before they are merged, their updates have a bit more
const jobBytesMax = 96 * MiB
// a document takes up to 17 times its bytes, and what exhausts this ends the thread, not the relay
const heapMiBMaxDefault = 2_048
// V8 collects so small a nursery on the thread itself, which has to wait for whoever commits. A larger one is collected by
// several threads of the process at once, which don't: they go on marking the old generation, but that is all they do.
const nurseryMiB = 1.5
// Node 20 ends the whole process where a thread is gone while V8 still compiles for it: other threads of the process do
// that, for some ms after a job that was new to it. So a job is let come to its end, and then the compiler.
const patienceMs = 2_000
const calmMs = 100

/** How a {@link CompactionThread} differs from the usual. */
export interface CompactionThreadOptions {
  /** the program of the thread; default: that of this package, as it was built */
  readonly entry?: URL
  /** after so long a job is given up, and the thread with it; default 120,000 */
  readonly timeoutMs?: number
  /** memory that exhausts the thread; default 2,048 */
  readonly heapMiBMax?: number
}

interface Running {
  settle(answer: Answer): void
}

/**
 * The thread that compacts, one job after the other. It starts with the first job, which takes some 200 ms, and stays;
 * where it ends of itself or is lost in a job, the next job starts another one.
 */
export class CompactionThread {
  readonly #clock: Clock
  readonly #entry: URL
  readonly #timeoutMs: number
  readonly #heapMiBMax: number
  #worker: Worker | null = null
  #gate = new Gate()
  #running: Running | null = null
  #answer: Promise<unknown> = Promise.resolve()
  #isBusy = false
  #isClosed = false

  constructor(clock: Clock, options: CompactionThreadOptions = {}) {
    this.#clock = clock
    // the package names it, so that it is found from the sources too
    this.#entry = options.entry ?? new URL(import.meta.resolve('#compaction-worker'))
    this.#timeoutMs = options.timeoutMs ?? timeoutMsDefault
    this.#heapMiBMax = options.heapMiBMax ?? heapMiBMaxDefault
  }

  /**
   * Makes one update of a base and the updates after it, see `collect`; one call at a time. The base is given away: it
   * cannot be read afterwards.
   *
   * @throws SynclineError `compaction_mismatch`, `compaction_failed`, `closed`, and what unpacking the base throws
   */
  async run(base: StoredBase | null, updates: readonly Uint8Array[], purpose: Purpose): Promise<Made> {
    if (this.#isClosed) throw new SynclineError('closed')
    if (this.#isBusy) throw new Error('a compaction is running')
    const bytes = (base?.length ?? 0) + bytesOf(updates)
    if (bytes > jobBytesMax) throw new SynclineError('compaction_failed', `It has ${bytes} bytes of updates`)
    const answer = await this.#answerTo(base, updates, purpose)
    if (this.#isClosed) throw new SynclineError('closed')
    if ('code' in answer) throw new SynclineError(answer.code, answer.reason)
    return answer
  }

  /** Ends the thread, and a job that takes long with it. What the job makes is not wanted any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    const worker = this.#worker
    if (worker === null) return
    await Promise.race([this.#answer, setTimeout(patienceMs, null, { ref: false })])
    await end(worker, this.#gate)
  }

  async #answerTo(...work: Parameters<typeof packJob>): Promise<Answer> {
    this.#isBusy = true
    try {
      const [job, transferred] = await packJob(...work)
      if (this.#isClosed) throw new SynclineError('closed')
      return await this.#ask(job, transferred)
    } finally {
      this.#isBusy = false
    }
  }

  #ask(job: Job, transferred: readonly ArrayBuffer[]): Promise<Answer> {
    const answer = new Promise<Answer>((resolve) => {
      this.#worker ??= this.#start()
      const worker = this.#worker
      const cancel = this.#clock.after(this.#timeoutMs, () => {
        this.#lost(worker, `It took more than ${this.#timeoutMs} ms`)
      })
      this.#running = {
        settle: (answer) => {
          this.#running = null
          cancel()
          worker.unref()
          resolve(answer)
        },
      }
      worker.ref()
      worker.postMessage(job, transferred)
    })
    this.#answer = answer
    return answer
  }

  #start(): Worker {
    this.#gate = new Gate()
    const worker = new Worker(this.#entry, {
      workerData: this.#gate.memory,
      execArgv: [], // those of the process are not for it: they may make it wait for a debugger
      resourceLimits: { maxOldGenerationSizeMb: this.#heapMiBMax, maxYoungGenerationSizeMb: nurseryMiB },
    })
    worker.on('message', (answer: Answer) => this.#running?.settle(answer))
    worker.on('messageerror', (error) => this.#lost(worker, String(error)))
    worker.on('error', (error) => this.#lost(worker, String(error)))
    worker.on('exit', () => this.#lost(worker, 'The thread ended'))
    worker.unref()
    return worker
  }

  #lost(worker: Worker, reason: string): void {
    // an error comes before the end, and another worker may be at work by then
    if (this.#worker !== worker) return
    this.#worker = null
    void end(worker, this.#gate)
    this.#running?.settle({ code: 'compaction_failed', reason })
  }
}

async function end(worker: Worker, gate: Gate): Promise<void> {
  const isGone = () => worker.threadId === -1
  await gate.shut(isGone)
  if (!isGone()) await setTimeout(calmMs)
  await worker.terminate()
}
