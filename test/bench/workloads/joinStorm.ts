import type * as Y from 'yjs'
import type { Counter } from '../counter.js'
import { Digests } from '../digests.js'
import { Progress } from '../progress.js'
import { Latencies } from '../statistics.js'
import type { Trial } from '../trial.js'
import { clocksOf, volumes } from '../updates.js'
import type { Workload } from './workload.js'

const people = 150
const document = 'large'

/** A large document is shown to a whole room at once. */
export function joinStorm(megabytes: number): Workload {
  return {
    name: `join-storm-${megabytes}mb`,
    title: `${people} clients join one document of ${megabytes} MB at once`,
    metrics: [
      { key: 'cpu', label: 'CPU per client', unit: 'ms' },
      { key: 'p99', label: 'p99 until it is there', unit: 'ms' },
      { key: 'peak', label: 'memory at most', unit: 'MB' },
    ],
    rounds: megabytes > 5 ? 1 : 2,
    // it has nothing that it could send
    skips: ({ keeps }) => !keeps,
    async run(trial) {
      const { updates, doc } = largeDocument(trial.pick(megabytes * 2, 2), trial.pick(500_000, 50_000))
      const author = await trial.join(document)
      for (const update of updates) author.write(update)
      await trial.read(document, clocksOf(doc))
      await trial.untilQuiet()
      const storm = await join(trial, trial.pick(people, 10), doc)
      await trial.assertKept(document, doc)
      return { ...storm, peak: trial.peakBytes / 1e6 }
    },
  }
}

/**
 * One of them reads everything, and judges by Yjs whether it is all there. The others only count: they must be sent what
 * that one was sent. If all of them read, their core would be the limit, and not the server's.
 */
async function join(trial: Trial, count: number, doc: Y.Doc) {
  const progress = new Progress()
  const expected: string[] = []
  let readMs = 0
  const meter = trial.meter()
  const start = performance.now()
  const reader = trial.connect(document)
  reader.onUpdate = (update) => {
    readMs = performance.now() - start
    progress.collect(update)
  }
  const digests = new Digests(trial.wire.packs, { message: (digest) => expected.push(digest), short: () => {} })
  reader.onFrame = (frame) => {
    digests.add(frame)
    digests.endFrame()
  }
  const counters = Array.from({ length: count - 1 }, () => trial.count(document))
  await trial.until('a reader to be sent everything', () => progress.has(clocksOf(doc)))
  await trial.until('all others to be sent the same', () => counters.every((counter) => hasAll(counter, expected)))
  const { cpuMs, loadShare } = meter
  const latencies = new Latencies()
  latencies.add(readMs)
  for (const { arrivals } of counters) latencies.add(arrivals.at(-1)!.atMs - start)
  return { cpu: cpuMs / count, p99: latencies.quantile(0.99), load: loadShare }
}

function hasAll({ arrivals }: Counter, expected: readonly string[]): boolean {
  if (arrivals.length < expected.length) return false
  const digests = new Set(arrivals.map(({ digest }) => digest))
  return expected.every((digest) => digests.has(digest))
}

const made = new Map<string, ReturnType<typeof volumes>>()

/** Making it takes a while, so it is done once. */
function largeDocument(count: number, bytesEach: number): ReturnType<typeof volumes> {
  const key = `${count} of ${bytesEach}`
  const large = made.get(key) ?? volumes(count, bytesEach)
  made.set(key, large)
  return large
}
