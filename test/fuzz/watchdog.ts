import { Worker } from 'node:worker_threads'

const hangMs = 20_000

// JavaScript that hangs cannot be interrupted from within its thread, and a test's timeout never comes
const watch = `
const { workerData } = require('node:worker_threads')
let last = -1
setInterval(() => {
  const now = Atomics.load(workerData, 0)
  if (now === last) {
    const [seed, firstSeed] = [1, 2].map((at) => Atomics.load(workerData, at))
    require('node:fs').writeSync(2, 'seed ' + seed + ', with SYNCLINE_FUZZ_SEED=' + firstSeed + ', hangs\\n')
    process.kill(process.pid, 'SIGKILL')
  }
  last = now
}, ${hangMs})
`

/** Ends the process, and names its seed and the first one, where an execution does not come to its end. */
export class Watchdog {
  readonly #progress = new Int32Array(new SharedArrayBuffer(12))
  readonly #worker = new Worker(watch, { eval: true, workerData: this.#progress })

  constructor(firstSeed: number) {
    this.#progress[2] = firstSeed
  }

  /** An execution begins. */
  begins(seed: number): void {
    Atomics.add(this.#progress, 0, 1)
    Atomics.store(this.#progress, 1, seed)
  }

  async stop(): Promise<void> {
    await this.#worker.terminate()
  }
}
